/* A program of lifetimes.py whose first argument names the part that is run: PROGRAM PART HOSTS COUNT [OTHER_HOSTS]. */
#ifndef CTEST_PARTS_H
#define CTEST_PARTS_H
#include <semaphore.h>

#include "lifetimes.h"

struct part {
    const char *name;
    void (*run)(void);
};

static const char *hosts;
static const char *other_hosts;
static int count;

/* The exit status; 2 for an unknown part. */
static inline int run_part(int argc, char **argv, const struct part *parts, int number)
{
    int i;
    if (argc < 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    hosts = argv[2];
    count = atoi(argv[3]);
    other_hosts = argc > 4 ? argv[4] : "";
    for (i = 0; i < number; i++)
        if (strcmp(parts[i].name, argv[1]) == 0) {
            parts[i].run();
            return 0;
        }
    return 2;
}

static inline void await(sem_t *sem, const char *what)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE_S;
    while (sem_timedwait(sem, &limit) != 0)
        if (errno != EINTR)
            die("%s: nothing after %d s", what, PATIENCE_S);
}

static inline zhandle_t *open_at(const char *where, int timeout_ms, watcher_fn watcher, void *context)
{
    zhandle_t *zh = zookeeper_init(where, watcher, timeout_ms, NULL, context, 0);
    if (zh == NULL)
        die("zookeeper_init: %s", strerror(errno));
    return zh;
}

static inline zhandle_t *connected(int timeout_ms)
{
    zhandle_t *zh = open_at(hosts, timeout_ms, on_nothing, NULL);
    await_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}
#endif
