/* Code that hostile.c and hostile_st.c share: the calls, the process's limits, and its resource use. Each of them
 * defines `called`. */
#ifndef CTEST_HOSTILE_H
#define CTEST_HOSTILE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

#include "proc.h"

#define NO_ANSWER 1 /* no code of the library is positive */

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

/* Completions: they read their arguments to the last byte. */
static volatile size_t seen;

/* The session timeout of attacked handles: long enough that connections are not lost on a busy machine, but short,
 * because some attacks end only when it has passed. */
enum { ATTACKED_MS = 4000 };

/* A completion has been called: its data and its code. */
static void called(const void *data, int rc);

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

static int start(zhandle_t *zh, const char *call, const void *data)
{
    static zoo_op_result_t results[64][2];
    static int next;
    if (strcmp(call, "children") == 0)
        return zoo_aget_children(zh, "/n", 0, on_strings, data);
    if (strcmp(call, "acl") == 0)
        return zoo_aget_acl(zh, "/n", on_acl, data);
    if (strcmp(call, "get") == 0)
        return zoo_awget(zh, "/n", on_event, NULL, on_data, data);
    if (strcmp(call, "create") == 0)
        return zoo_acreate(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, data);
    if (strcmp(call, "multi") == 0)
        return zoo_amulti(zh, 2, multi_ops, results[next++ % 64], on_void, data);
    return zoo_aexists(zh, "/n", 0, on_stat, data);
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

/* The process's resources before the attack. */
struct before {
    int descriptors;
    long resident_kib;
    long cpu_ms;
};

/* Prepares the operations of a transaction, and limits the process's resources: address space, descriptors, CPU time. */
static struct before begin_limits(int handles)
{
    struct before before = {descriptors(), status_kib("VmRSS"), cpu_ms()};
    FILE *reset = fopen("/proc/self/clear_refs", "w");
    zoo_create_op_init(&multi_ops[0], "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, multi_path, sizeof multi_path);
    zoo_set_op_init(&multi_ops[1], "/n", "x", 1, -1, &multi_stat);
    if (reset == NULL || fputs("5", reset) < 0 || fclose(reset) != 0)
        exit(4);
    limit(RLIMIT_AS, (rlim_t)(status_kib("VmSize") + (512L + 24L * handles) * 1024) * 1024);
    limit(RLIMIT_NOFILE, (rlim_t)(before.descriptors + 8 * handles + 8));
    limit(RLIMIT_CPU, (rlim_t)(before.cpu_ms / 1000 + 6));
    return before;
}

/* Prints the last line. */
static void report(struct before before, long long close_ms, int calls, int failures, long long longest)
{
    int i;
    /* By now the kernel has closed a connection that was being dropped. */
    for (i = 0; i < 2000 && descriptors() > before.descriptors; i++)
        nap(5);
    printf("grown_kib=%ld descriptors=%d close_ms=%lld cpu_ms=%ld honest_calls=%d honest_failures=%d honest_ms=%lld\n",
           status_kib("VmHWM") - before.resident_kib, descriptors() - before.descriptors, close_ms, cpu_ms() - before.cpu_ms,
           calls, failures, longest);
}

#endif
