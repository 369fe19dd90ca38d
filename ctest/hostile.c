/* A process with one handle on an honest server and others on a hostile one; hostile.py reads the line it ends with.
 *
 *   hostile HONEST HOSTILE CALL HANDLES LIMIT_MS
 *
 * Each hostile handle makes CALL asynchronously and then once more as a sync call. Meanwhile the honest handle is used
 * all the time. Limits on address space, descriptors and CPU time make a library that loses its head end early. */
#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <dirent.h>

#ifndef THREADED
#define THREADED
#endif
#include <zookeeper/zookeeper.h>

#define NO_ANSWER 1 /* no code of the library is positive */

struct attacked {
    zhandle_t *zh;
    const char *call;
    pthread_t thread;
    sem_t called;
    int async_rc;
    int sync_rc;
    int done;
};

static int events;

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void nap(int ms)
{
    struct timespec span = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&span, NULL);
}

/* A figure of /proc/self/status, in KiB. */
static long status_kib(const char *name)
{
    char line[256];
    long value = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file != NULL && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0)
            value = strtol(line + strlen(name) + 1, NULL, 10);
    if (file != NULL)
        fclose(file);
    return value;
}

static int descriptors(void)
{
    int n = 0;
    DIR *directory = opendir("/proc/self/fd");
    while (directory != NULL && readdir(directory) != NULL)
        n++;
    if (directory != NULL)
        closedir(directory);
    return n;
}

static long cpu_ms(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000L +
           (usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1000;
}

static void limit(int what, rlim_t value)
{
    struct rlimit limits = {value, value};
    if (setrlimit(what, &limits) != 0)
        perror("setrlimit");
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)context;
    if (path == NULL)
        abort();
    __sync_fetch_and_add(&events, 1);
}

/* Completions: what they are given is read to its last byte. */
static volatile size_t seen;

/* The session timeout of attacked handles: long enough that a busy machine does not lose their connections, and short, as
 * some attacks end only with it. */
enum { ATTACKED_MS = 4000 };

static void called(const void *data, int rc)
{
    struct attacked *attacked = (struct attacked *)data;
    attacked->async_rc = rc;
    sem_post(&attacked->called);
}

static void on_strings(int rc, const struct String_vector *strings, const void *data)
{
    int i;
    for (i = 0; rc == ZOK && i < strings->count; i++)
        seen += strlen(strings->data[i]);
    called(data, rc);
}

static void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    int i;
    (void)stat;
    for (i = 0; rc == ZOK && i < acl->count; i++)
        seen += strlen(acl->data[i].id.scheme) + strlen(acl->data[i].id.id);
    called(data, rc);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    int i;
    (void)stat;
    for (i = 0; rc == ZOK && i < length; i++)
        seen += (size_t)value[i];
    called(data, rc);
}

static void on_string(int rc, const char *value, const void *data)
{
    if (rc == ZOK)
        seen += strlen(value);
    called(data, rc);
}

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    if (rc == ZOK)
        seen += (size_t)stat->version;
    called(data, rc);
}

static void on_void(int rc, const void *data)
{
    called(data, rc);
}

static zoo_op_t multi_ops[2];
static char multi_path[64];
static struct Stat multi_stat;

static int start(struct attacked *a)
{
    static zoo_op_result_t results[64][2];
    static int next;
    if (strcmp(a->call, "children") == 0)
        return zoo_aget_children(a->zh, "/n", 0, on_strings, a);
    if (strcmp(a->call, "acl") == 0)
        return zoo_aget_acl(a->zh, "/n", on_acl, a);
    if (strcmp(a->call, "get") == 0)
        return zoo_awget(a->zh, "/n", on_event, NULL, on_data, a);
    if (strcmp(a->call, "create") == 0)
        return zoo_acreate(a->zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, a);
    if (strcmp(a->call, "multi") == 0)
        return zoo_amulti(a->zh, 2, multi_ops, results[next++ % 64], on_void, a);
    return zoo_aexists(a->zh, "/n", 0, on_stat, a);
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
    int rc = start(a);
    if (rc == ZOK)
        while (sem_wait(&a->called) != 0)
            ;
    else
        a->async_rc = rc;
    a->sync_rc = repeat(a);
    __atomic_store_n(&a->done, 1, __ATOMIC_RELEASE);
    return NULL;
}

static zhandle_t *open_handle(const char *hosts, int timeout_ms)
{
    zhandle_t *zh = zookeeper_init(hosts, on_event, timeout_ms, NULL, NULL, 0);
    if (zh == NULL) {
        fprintf(stderr, "hostile: zookeeper_init(%s): %s\n", hosts, strerror(errno));
        exit(3);
    }
    return zh;
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
    long resident;
    long cpu;
    int before;
    FILE *reset;
    if (argc != 6)
        return 2;
    handles = atoi(argv[4]);
    limit_ms = atoi(argv[5]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zoo_create_op_init(&multi_ops[0], "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, multi_path, sizeof multi_path);
    zoo_set_op_init(&multi_ops[1], "/n", "x", 1, -1, &multi_stat);
    honest = open_handle(argv[1], 20000);
    for (i = 0; i < 500; i++)
        honest_failures += zoo_exists(honest, "/warm", 0, &stat) != ZOK;
    before = descriptors();
    limit(RLIMIT_AS, (rlim_t)(status_kib("VmSize") + (512L + 24L * handles) * 1024) * 1024);
    limit(RLIMIT_NOFILE, (rlim_t)(before + 8 * handles + 8));
    limit(RLIMIT_CPU, (rlim_t)(cpu_ms() / 1000 + 6));
    resident = status_kib("VmRSS");
    cpu = cpu_ms();
    reset = fopen("/proc/self/clear_refs", "w");
    if (reset == NULL || fputs("5", reset) < 0 || fclose(reset) != 0)
        return 4;
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
    /* A connection that was being dropped is with the kernel no later than this. */
    for (i = 0; i < 2000 && descriptors() > before; i++)
        nap(5);
    printf("grown_kib=%ld descriptors=%d close_ms=%lld cpu_ms=%ld honest_calls=%d honest_failures=%d honest_ms=%lld\n",
           status_kib("VmHWM") - resident, descriptors() - before, closing, cpu_ms() - cpu, honest_calls,
           honest_failures, honest_longest);
    zookeeper_close(honest);
    return 0;
}
