/* needs: script
 * A thread sends a request and is then blocked in a signal handler while it waits for the reply. Meanwhile other threads
 * must get their replies, completions and watch events, pings must be answered, and the session must not be lost. The same
 * holds for a thread that is blocked in the log callback. The test ends the blocking with a flag, so its outcome does not
 * depend on timing. */
#include "../case.h"

#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

enum { ROUNDS = 20, LINES = 4 };

static zhandle_t *zh;
static atomic_int stuck, free_to_go, lines_left;
static _Thread_local int is_victim;
static atomic_int victim_id;
static const char *asked_for;

static void be_stuck(void)
{
    stuck = 1;
    while (!free_to_go)
        nap(1);
}

static void on_signal(int number)
{
    int saved = errno;
    (void)number;
    be_stuck();
    errno = saved;
}

/* The victim stops in its n-th log line, and only there. */
static void on_log(const char *line)
{
    if (strstr(line, ":ZOO_ERROR@") != NULL || strstr(line, ":ZOO_WARN@") != NULL)
        fprintf(stderr, "%s\n", line);
    if (is_victim && --lines_left == 0)
        be_stuck();
}

static void *ask(void *rc)
{
    is_victim = 1;
    victim_id = (int)syscall(SYS_gettid);
    atomic_store((atomic_int *)rc, zoo_exists(zh, asked_for, 0, NULL));
    victim_id = 0;
    return NULL;
}

/* Waits until the victim is in a system call and stays there: it waits for the reply, which the server holds back. */
static void await_blocked(void)
{
    char path[64];
    char text[32] = "";
    int ms;
    snprintf(path, sizeof path, "/proc/self/task/%d/syscall", (int)victim_id);
    for (ms = 0; ms < 20000; ms++) {
        FILE *file = fopen(path, "r");
        int got = file != NULL && fgets(text, sizeof text, file) != NULL;
        if (file != NULL)
            fclose(file);
        if (!got || strncmp(text, "running", 7) != 0)
            return;
        nap(1);
    }
}

/* The work that the library must do for the other threads while one is stuck. */
static void check_others(int round)
{
    int rc = zoo_exists(zh, "/other", 0, NULL);
    if (rc != ZOK)
        die("round %d: a call beside the stuck one: %s", round, code(rc));
    rc = zoo_aexists(zh, "/other", 0, on_stat, "completion");
    if (rc != ZOK)
        die("round %d: %s", round, code(rc));
    drain(1);
}

static void start_victim(pthread_t *thread, atomic_int *rc)
{
    stuck = free_to_go = victim_id = 0;
    if (pthread_create(thread, NULL, ask, rc) != 0)
        die("no thread");
}

static void let_go(pthread_t thread, atomic_int *rc, int round)
{
    free_to_go = 1;
    pthread_join(thread, NULL);
    if (*rc != ZOK)
        die("round %d: the stuck call: %s", round, code(*rc));
}

static int connections(void)
{
    char *answer = control("tell connections");
    int count = atoi(answer);
    free(answer);
    return count;
}

static void in_a_signal_handler(void)
{
    struct sigaction action;
    int before = connections();
    int round;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
    asked_for = "/held";
    for (round = 0; round < ROUNDS; round++) {
        pthread_t thread;
        atomic_int rc = 1;
        int ms;
        start_victim(&thread, &rc);
        order("tell held");
        await_blocked();
        pthread_kill(thread, SIGUSR1);
        for (ms = 0; !stuck && ms < 20000; ms++)
            nap(1);
        check_others(round);
        if (round == 0) {
            /* Unsolicited messages, and the library's work by the clock. */
            outcome("watch", zoo_wexists(zh, "/watched", on_watch, "watch", NULL));
            order("tell event");
            drain(1);
            order("tell pings 2");
            fact("the connection is still the same: %d", connections() == before);
        }
        let_go(thread, &rc, round);
    }
    fact("%d rounds", round);
}

static void in_the_log_callback(void)
{
    int line;
    asked_for = "/not-held";
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    for (line = 1; line <= LINES; line++) {
        pthread_t thread;
        atomic_int rc = 1;
        lines_left = line;
        start_victim(&thread, &rc);
        while (!stuck && rc == 1)
            nap(1); /* a call with fewer lines ends: which thread writes the reply's line is open */
        check_others(line);
        let_go(thread, &rc, line);
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
    fact("%d lines", LINES);
}

int main(void)
{
    zh = zookeeper_init2(hosts(), on_watch, SESSION_MS, NULL, "default", 0, on_log);
    drain(1);
    in_a_signal_handler();
    in_the_log_callback();
    outcome("close", zookeeper_close(zh));
    return 0;
}
