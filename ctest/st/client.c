/*
 * A client on the single-threaded library: client HOSTS TIMEOUT_MS COMMAND...
 *
 *   traffic PATH     a session; a large value, many requests at once, a watch; an idle loop that does not spin
 *   silent MS        a server that sends nothing, or refuses the client: the loop runs for MS without spinning, and the
 *                    close returns
 *   idle MS          a session and nothing else
 *   daemon MS        the same in a child that was forked before; its parent ends with it
 *   move             a read-only session that finds a read-write server
 *   churn MS PATH    requests for MS, whatever happens to the connection: each is answered once
 *
 * Ends with status 0, and prints a summary.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "../proc.h"

#define LARGE (900 * 1000)
#define MANY 500

static zhandle_t *zh;
static long turns;
static long wanted;
static long answered;
static long failed;
static int events;
static char large[LARGE];

static void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
static void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(1);
}

static long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int turn(long limit_ms)
{
    struct pollfd entry = {-1, 0, 0};
    struct timeval tv = {0, 0};
    int interest = 0;
    int ready = 0;
    int rc = zookeeper_interest(zh, &entry.fd, &interest, &tv);
    long wait_ms = tv.tv_sec * 1000 + tv.tv_usec / 1000;
    if (rc != ZOK)
        wait_ms = 0;
    entry.events = (interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0);
    if (poll(&entry, entry.fd >= 0, (int)(wait_ms < limit_ms ? wait_ms : limit_ms)) > 0)
        ready = (entry.revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                (entry.revents & (POLLOUT | POLLERR) ? ZOOKEEPER_WRITE : 0);
    turns++;
    return zookeeper_process(zh, ready);
}

static void await(const long *value, long at_least, const char *what)
{
    long end = now_ms() + 90000;
    while (*value < at_least) {
        if (now_ms() > end)
            die("%s: %ld of %ld", what, *value, at_least);
        turn(1000);
    }
}

static void await_state(int state)
{
    long end = now_ms() + 90000;
    while (zoo_state(zh) != state) {
        if (now_ms() > end)
            die("state %d instead of %d", zoo_state(zh), state);
        turn(1000);
    }
}

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)state, (void)path, (void)context;
    events += type != ZOO_SESSION_EVENT;
}

static void on_created(int rc, const char *path, const void *data)
{
    (void)path, (void)data;
    answered++;
    failed += rc != ZOK;
}

static void on_large(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    if (rc != ZOK || length != LARGE || memcmp(value, large, LARGE) != 0)
        die("the value came back as another one: %d, %d bytes", rc, length);
    answered++;
}

static void on_any(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    answered++;
    failed += rc != ZOK;
}

static void traffic(const char *path)
{
    long idle;
    int i;
    await_state(ZOO_CONNECTED_STATE);
    for (i = 0; i < LARGE; i++)
        large[i] = (char)(i * 31 + i / 997);
    zoo_acreate(zh, path, large, LARGE, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_created, NULL);
    await(&answered, 1, "create");
    if (failed)
        die("create failed");
    for (i = 0; i < 5; i++)
        zoo_aget(zh, path, 0, on_large, NULL);
    await(&answered, 6, "large values");
    for (i = 0; i < MANY; i++)
        zoo_aexists(zh, path, 0, on_any, NULL);
    await(&answered, 6 + MANY, "many requests");
    if (failed)
        die("%ld requests failed", failed);
    zoo_awexists(zh, path, on_event, NULL, on_any, NULL);
    zoo_aset(zh, path, "x", 1, -1, on_any, NULL);
    await(&answered, 8 + MANY, "watch and set");
    if (events != 1)
        die("%d events", events);
    turns = 0;
    for (idle = now_ms() + 2000; now_ms() < idle;)
        turn(2000);
    if (turns > 20)
        die("%ld turns in two idle seconds", turns);
}

static void silent(long ms)
{
    long end = now_ms() + ms;
    zoo_aexists(zh, "/", 0, on_any, NULL);
    turns = 0;
    while (now_ms() < end && is_unrecoverable(zh) == ZOK)
        turn(1000);
    if (zoo_state(zh) == ZOO_CONNECTED_STATE || answered != 1 || failed != 1)
        die("state %d, %ld answers, %ld failed", zoo_state(zh), answered, failed);
    if (turns > 300)
        die("%ld turns in %ld ms", turns, ms);
}

static void idle(long ms)
{
    long end = now_ms() + ms;
    while (now_ms() < end)
        turn(5000);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE)
        die("state %d", zoo_state(zh));
}

static void churn(long ms, const char *path)
{
    long end = now_ms() + ms;
    int losses = 0;
    await_state(ZOO_CONNECTED_STATE);
    zoo_acreate(zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_created, NULL);
    wanted = 1;
    while (now_ms() < end) {
        while (wanted - answered < 50) {
            if (zoo_aset(zh, path, "x", 1, -1, on_any, NULL) != ZOK)
                die("a request is refused");
            wanted++;
        }
        losses += turn(50) == ZCONNECTIONLOSS;
    }
    await_state(ZOO_CONNECTED_STATE);
    await(&answered, wanted, "the last answers");
    if (answered != wanted)
        die("%ld requests, %ld answers", wanted, answered);
    printf("%ld requests, %ld failed, %d connections lost\n", wanted, failed, losses);
}

int main(int count, char **words)
{
    long begun;
    int flags = 0;
    if (count < 4)
        return 2;
    if (strcmp(words[3], "move") == 0) {
        zoo_deterministic_conn_order(1);
        flags = ZOO_READONLY;
    }
    zh = zookeeper_init(words[1], on_event, atoi(words[2]), NULL, NULL, flags);
    if (zh == NULL)
        die("no handle");
    if (strcmp(words[3], "traffic") == 0)
        traffic(words[4]);
    else if (strcmp(words[3], "silent") == 0)
        silent(atol(words[4]));
    else if (strcmp(words[3], "idle") == 0)
        idle(atol(words[4]));
    else if (strcmp(words[3], "daemon") == 0) {
        pid_t child = fork();
        int status;
        if (child > 0)
            return waitpid(child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : 3;
        idle(atol(words[4]));
    } else if (strcmp(words[3], "churn") == 0)
        churn(atol(words[4]), words[5]);
    else if (strcmp(words[3], "move") == 0) {
        await_state(ZOO_READONLY_STATE);
        puts("read-only");
        fflush(stdout);
        await_state(ZOO_CONNECTED_STATE);
    }
    if (threads() != 1)
        die("%d threads", threads());
    begun = now_ms();
    if (zookeeper_close(zh) != ZOK)
        die("close failed");
    if (now_ms() - begun > 30000)
        die("close took %ld ms", now_ms() - begun);
    puts("ok");
    return 0;
}
