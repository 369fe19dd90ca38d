/*
 * An event loop around zookeeper_interest and zookeeper_process, for programs on the single-threaded library (st_*.c).
 * Includes case.h.
 */
#ifndef CTEST_LOOP_H
#define CTEST_LOOP_H

#include "case.h"
#include "proc.h"

#include <poll.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>

#define PATIENCE_S 90

static inline long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* Waits for a child, which must end with status 0. */
static inline void wait_for(pid_t child)
{
    int status;
    fflush(stdout);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("a child ended with %#x", status);
}

/* The last result of zookeeper_interest. */
struct step {
    int rc;
    int fd;
    int interest;
    long wait_ms;
    int events;    /* what poll said, as ZOOKEEPER_READ and ZOOKEEPER_WRITE */
    int processed; /* what zookeeper_process returned */
};

/* Asks zookeeper_interest what to wait for. */
static inline struct step ask(zhandle_t *zh)
{
    struct step step = {-7, -7, -7, -7, 0, 0};
    struct timeval tv = {-7, -7};
    step.rc = zookeeper_interest(zh, &step.fd, &step.interest, &tv);
    step.wait_ms = tv.tv_sec * 1000 + tv.tv_usec / 1000;
    return step;
}

/* Waits for the event, `limit_ms` at most, and calls zookeeper_process. */
static inline void answer(zhandle_t *zh, struct step *step, long limit_ms)
{
    struct pollfd entry = {step->fd, 0, 0};
    long wait_ms = step->wait_ms < limit_ms ? step->wait_ms : limit_ms;
    entry.events = (step->interest & ZOOKEEPER_READ ? POLLIN : 0) | (step->interest & ZOOKEEPER_WRITE ? POLLOUT : 0);
    step->events = 0;
    if (poll(&entry, step->fd >= 0, wait_ms < 0 ? 0 : (int)wait_ms) > 0) {
        step->events |= entry.revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0;
        step->events |= entry.revents & (POLLOUT | POLLHUP | POLLERR) ? ZOOKEEPER_WRITE : 0;
    }
    step->processed = zookeeper_process(zh, step->events);
}

/* One turn of the loop. */
static inline struct step turn(zhandle_t *zh, long limit_ms)
{
    struct step step = ask(zh);
    answer(zh, &step, limit_ms);
    return step;
}

/* Takes turns until the socket has an event. */
static inline struct step turn_until_ready(zhandle_t *zh)
{
    long end = now_ms() + PATIENCE_S * 1000;
    struct step step;
    do
        step = turn(zh, 5000);
    while (step.rc == ZOK && step.events == 0 && now_ms() < end);
    return step;
}

/* Takes turns until there are `n` records. */
static inline void turn_until_records(zhandle_t *zh, int n)
{
    long end = now_ms() + PATIENCE_S * 1000;
    while (records_left() < n) {
        if (now_ms() > end) {
            fact("%d records, wanted %d:", records_left(), n);
            drain(records_left());
            die("too few records");
        }
        turn(zh, 1000);
    }
}

/* Takes turns until the state is `state`. */
static inline void turn_until_state(zhandle_t *zh, int state)
{
    long end = now_ms() + PATIENCE_S * 1000;
    while (zoo_state(zh) != state) {
        if (now_ms() > end)
            die("state %d, wanted %d", zoo_state(zh), state);
        turn(zh, 1000);
    }
}

static inline void on_made(int rc, const char *value, const void *data)
{
    (void)value;
    *(int *)data = rc;
}

/* A connected handle on `where` with the chroot ROOT, which is created first. */
static inline zhandle_t *loop_open_at(const char *where, watcher_fn watcher, void *context)
{
    int rc = 1;
    zhandle_t *zh = begin_at(where, "", on_nothing, NULL, SESSION_MS, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    if (zoo_acreate(zh, root(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_made, &rc) != ZOK)
        die("cannot create %s", root());
    while (rc == 1)
        turn(zh, 1000);
    if (rc != ZOK && rc != ZNODEEXISTS)
        die("create %s: %d", root(), rc);
    zookeeper_close(zh);
    zh = begin_at(where, root(), watcher, context, SESSION_MS, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}

static inline zhandle_t *loop_open(watcher_fn watcher, void *context)
{
    return loop_open_at(hosts(), watcher, context);
}

#endif
