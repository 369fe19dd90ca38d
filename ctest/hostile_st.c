/* hostile.c on the single-threaded library: the same arguments and lines. One loop drives all handles, the honest one
 * too; each hostile handle makes CALL twice, the second time after the first has been answered. */
#include <poll.h>

#include "hostile.h"

enum { HANDLES_MAX = 64 };

/* A handle and its state in the loop. The honest one is the first. */
struct driven {
    zhandle_t *zh;
    int answers;
    int rcs[2];
    int waits;
};

static struct driven all[1 + HANDLES_MAX];
static int count;

static void called(const void *data, int rc)
{
    struct driven *one = (struct driven *)data;
    if (one->answers < 2)
        one->rcs[one->answers] = rc;
    one->answers++;
    one->waits = 0;
}

/* One turn of the loop; returns whether there is input on stdin. */
static int turn(void)
{
    struct pollfd entries[2 + HANDLES_MAX];
    int least_ms = 10;
    int i;
    entries[0] = (struct pollfd){0, POLLIN, 0};
    for (i = 0; i < count; i++) {
        struct timeval tv = {0, 0};
        int interest = 0;
        long wait_ms;
        entries[1 + i] = (struct pollfd){-1, 0, 0};
        if (all[i].zh == NULL)
            continue;
        if (zookeeper_interest(all[i].zh, &entries[1 + i].fd, &interest, &tv) == ZOK) {
            wait_ms = tv.tv_sec * 1000 + tv.tv_usec / 1000;
            least_ms = wait_ms < least_ms ? (int)wait_ms : least_ms;
        }
        entries[1 + i].events =
            (short)((interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0));
    }
    poll(entries, (nfds_t)(1 + count), least_ms);
    for (i = 0; i < count; i++) {
        short ready = entries[1 + i].revents;
        if (all[i].zh != NULL)
            zookeeper_process(all[i].zh, (ready & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                                             (ready & (POLLOUT | POLLERR) ? ZOOKEEPER_WRITE : 0));
    }
    return (entries[0].revents & (POLLIN | POLLHUP)) != 0;
}

/* Makes a call unless one is outstanding; an immediate error counts as its answer. */
static void ask(struct driven *one, const char *call)
{
    int rc;
    if (one->waits)
        return;
    one->waits = 1;
    rc = start(one->zh, call, one);
    if (rc != ZOK)
        called(one, rc);
}

/* Prints the codes of the attacked handles. */
static void print_answers(int left)
{
    int i;
    printf("async=%d sync=%d unanswered=%d events=%d\n", all[1].rcs[0], all[1].rcs[1], left, events);
    for (i = 2; i < count; i++)
        printf("more async=%d sync=%d\n", all[i].rcs[0], all[i].rcs[1]);
    fflush(stdout);
}

/* Closes the attacked handles; returns how long that took. */
static long long close_attacked_ms(void)
{
    long long begun = now_ms();
    int i;
    for (i = 1; i < count; i++) {
        zookeeper_close(all[i].zh);
        all[i].zh = NULL;
    }
    count = 1;
    return now_ms() - begun;
}

int main(int argc, char **argv)
{
    struct driven *honest = &all[0];
    int limit_ms;
    int i;
    int left;
    int calls = 0;
    int failures = 0;
    long long asked;
    long long longest = 0;
    long long begun;
    long long closing;
    struct before before;
    if (argc != 6 || atoi(argv[4]) > HANDLES_MAX)
        return 2;
    limit_ms = atoi(argv[5]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    count = 1;
    honest->zh = open_handle(argv[1], 20000);
    while (honest->answers < 500) {
        ask(honest, "exists");
        turn();
    }
    before = begin_limits(atoi(argv[4]));
    begun = asked = now_ms();
    honest->answers = 0;
    for (i = 1; i <= atoi(argv[4]); i++, count++) {
        all[i].rcs[0] = all[i].rcs[1] = NO_ANSWER;
        all[i].zh = open_handle(argv[2], ATTACKED_MS);
        ask(&all[i], argv[3]);
    }
    do {
        if (!honest->waits) {
            failures += honest->rcs[0] != ZOK;
            honest->answers = 0;
            asked = now_ms();
            ask(honest, "exists");
            calls++;
        }
        turn();
        if (now_ms() - asked > longest)
            longest = now_ms() - asked;
        for (left = 0, i = 1; i < count; i++) {
            if (all[i].answers == 1)
                ask(&all[i], argv[3]);
            left += all[i].answers < 2;
        }
    } while ((left > 0 && now_ms() - begun < limit_ms) || now_ms() - begun < 300);
    print_answers(left);
    while (!turn()) {
    }
    closing = close_attacked_ms();
    while (honest->waits)
        turn();
    honest->answers = 0;
    ask(honest, "exists");
    while (honest->waits)
        turn();
    failures += honest->rcs[0] != ZOK;
    report(before, closing, calls, failures, longest);
    zookeeper_close(honest->zh);
    return 0;
}
