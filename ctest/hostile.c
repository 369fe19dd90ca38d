/* A process with one handle on an honest server and others on a hostile one; hostile.py reads its last line.
 *
 *   hostile HONEST HOSTILE CALL HANDLES LIMIT_MS
 *
 * Each hostile handle makes CALL asynchronously and then once more as a sync call. Meanwhile the honest handle is used
 * all the time. Limits on address space, descriptors and CPU time end a runaway library early. */
#include <pthread.h>
#include <semaphore.h>

#ifndef THREADED
#define THREADED
#endif
#include "hostile.h"

struct attacked {
    zhandle_t *zh;
    const char *call;
    pthread_t thread;
    sem_t called;
    int async_rc;
    int sync_rc;
    int done;
};

static void called(const void *data, int rc)
{
    struct attacked *attacked = (struct attacked *)data;
    attacked->async_rc = rc;
    sem_post(&attacked->called);
}

static int repeat(struct attacked *a)
{
    struct String_vector strings = {0, NULL};
    struct ACL_vector acl = {0, NULL};
    struct Stat stat;
    char buffer[4096];
    int length = sizeof buffer;
    int rc;
    if (strcmp(a->call, "children") == 0) {
        rc = zoo_get_children(a->zh, "/n", 0, &strings);
        if (rc == ZOK)
            on_strings(rc, &strings, a), deallocate_String_vector(&strings);
        return rc;
    }
    if (strcmp(a->call, "acl") == 0) {
        rc = zoo_get_acl(a->zh, "/n", &acl, &stat);
        if (rc == ZOK)
            deallocate_ACL_vector(&acl);
        return rc;
    }
    if (strcmp(a->call, "get") == 0)
        return zoo_get(a->zh, "/n", 0, buffer, &length, &stat);
    if (strcmp(a->call, "create") == 0)
        return zoo_create(a->zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    if (strcmp(a->call, "multi") == 0) {
        zoo_op_result_t results[2];
        return zoo_multi(a->zh, 2, multi_ops, results);
    }
    return zoo_exists(a->zh, "/n", 0, &stat);
}

static void *work(void *argument)
{
    struct attacked *a = argument;
    int rc = start(a->zh, a->call, a);
    if (rc == ZOK)
        while (sem_wait(&a->called) != 0)
            ;
    else
        a->async_rc = rc;
    a->sync_rc = repeat(a);
    __atomic_store_n(&a->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

int main(int argc, char **argv)
{
    struct attacked all[64];
    struct Stat stat;
    zhandle_t *honest;
    int handles;
    int limit_ms;
    int i;
    int left;
    int honest_calls = 0;
    int honest_failures = 0;
    long long honest_longest = 0;
    long long begun;
    long long closing;
    struct before before;
    if (argc != 6)
        return 2;
    handles = atoi(argv[4]);
    limit_ms = atoi(argv[5]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    honest = open_handle(argv[1], 20000);
    for (i = 0; i < 500; i++)
        honest_failures += zoo_exists(honest, "/warm", 0, &stat) != ZOK;
    before = begin_limits(handles);
    begun = now_ms();
    memset(all, 0, sizeof all);
    for (i = 0; i < handles; i++) {
        all[i].call = argv[3];
        all[i].async_rc = all[i].sync_rc = NO_ANSWER;
        sem_init(&all[i].called, 0, 0);
        all[i].zh = open_handle(argv[2], ATTACKED_MS);
        pthread_create(&all[i].thread, NULL, work, &all[i]);
    }
    do {
        long long call = now_ms();
        honest_failures += zoo_exists(honest, "/n", 0, &stat) != ZOK;
        honest_calls++;
        if (now_ms() - call > honest_longest)
            honest_longest = now_ms() - call;
        nap(10);
        for (left = 0, i = 0; i < handles; i++)
            left += !__atomic_load_n(&all[i].done, __ATOMIC_ACQUIRE);
    } while ((left > 0 && now_ms() - begun < limit_ms) || now_ms() - begun < 300);
    printf("async=%d sync=%d unanswered=%d events=%d\n", all[0].async_rc, all[0].sync_rc, left, events);
    for (i = 1; i < handles; i++)
        printf("more async=%d sync=%d\n", all[i].async_rc, all[i].sync_rc);
    fflush(stdout);
    getchar(); /* until hostile.py has looked which connections have ended */
    closing = now_ms();
    for (i = 0; i < handles; i++)
        zookeeper_close(all[i].zh);
    closing = now_ms() - closing;
    for (i = 0; i < handles; i++)
        pthread_join(all[i].thread, NULL);
    honest_failures += zoo_exists(honest, "/n", 0, &stat) != ZOK;
    report(before, closing, honest_calls, honest_failures, honest_longest);
    zookeeper_close(honest);
    return 0;
}
