/* What the programs of lifetimes.py share. Each part runs in a separate process. It prints its findings and ends with
 * status 0, or prints the fault and ends with 1. No part asserts a speed. */
#ifndef CTEST_LIFETIMES_H
#define CTEST_LIFETIMES_H
#ifndef THREADED
#define THREADED
#endif
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

#include "proc.h"

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define PATIENCE_S 90 /* the machine may be busy */

#define die(...) (fprintf(stderr, "lifetimes: " __VA_ARGS__), fputc('\n', stderr), _exit(1))

static inline void nap_us(long us)
{
    struct timespec span = {us / 1000000, (us % 1000000) * 1000};
    while (nanosleep(&span, &span) != 0)
        ;
}

static inline void nap(int ms)
{
    nap_us(ms * 1000L);
}

static inline void await_state(zhandle_t *zh, int state)
{
    int ms;
    for (ms = 0; zoo_state(zh) != state; ms++) {
        if (ms > PATIENCE_S * 1000)
            die("state %d, wanted %d", zoo_state(zh), state);
        nap(1);
    }
}

/* What closed handles must give back. */
struct holdings {
    int descriptors;
    int threads;
};

static inline struct holdings holdings(void)
{
    struct holdings now = {descriptors(), threads()};
    return now;
}

/* Checks that the process has lost no descriptors or threads to closed handles. */
static inline void check_leftovers(struct holdings before)
{
    int ms;
    for (ms = 0; ms < PATIENCE_S * 1000; ms += 10) {
        struct holdings now = holdings();
        if (now.descriptors <= before.descriptors && now.threads <= before.threads)
            return;
        nap(10);
    }
    die("%d descriptors and %d threads, before %d and %d", descriptors(), threads(), before.descriptors, before.threads);
}

static inline void on_nothing(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path, (void)context;
}
#endif
