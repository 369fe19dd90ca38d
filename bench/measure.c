#define _GNU_SOURCE
#include "measure.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_ZERO_STATS
#define CALLGRIND_DUMP_STATS_AT(name)
#endif

static int syscall_counter = -1;

static uint64_t clock_ns(clockid_t which) {
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
uint64_t now_ns(void) { return clock_ns(CLOCK_MONOTONIC); }

void broken(const char *format, ...) {
    va_list args;
    va_start(args, format);
    fprintf(stderr, "BROKEN: ");
    vfprintf(stderr, format, args);
    fprintf(stderr, "\n");
    va_end(args);
    _exit(4);
}

/* ---- latencies ---- */

static unsigned bucket_of(uint64_t ns) {
    if (ns < HIST_STEPS) return (unsigned)ns;
    unsigned high = 63u - (unsigned)__builtin_clzll(ns), shift = high - 6; /* 2^6 steps an octave */
    unsigned b = (shift + 1) * HIST_STEPS + (unsigned)((ns >> shift) & (HIST_STEPS - 1));
    return b < HIST_BUCKETS ? b : HIST_BUCKETS - 1;
}
static double middle_of(unsigned b) {
    if (b < HIST_STEPS) return b;
    unsigned shift = b / HIST_STEPS - 1;
    return (double)((uint64_t)(HIST_STEPS + b % HIST_STEPS) << shift) + (double)(1ull << shift) / 2;
}
void hist_add(struct hist *h, uint64_t ns) {
    h->buckets[bucket_of(ns)]++;
    h->total++;
}
void hist_merge(struct hist *into, const struct hist *from) {
    for (unsigned i = 0; i < HIST_BUCKETS; i++) into->buckets[i] += from->buckets[i];
    into->total += from->total;
}
double hist_us(const struct hist *h, double quantile) {
    uint64_t rank = (uint64_t)(quantile * (double)h->total), seen = 0;
    for (unsigned i = 0; i < HIST_BUCKETS; i++) {
        seen += h->buckets[i];
        if (seen > rank) return middle_of(i) / 1000;
    }
    return 0;
}

/* ---- regions ---- */

void measure_open(void) {
    char id[32] = "";
    int fd = open("/sys/kernel/tracing/events/raw_syscalls/sys_enter/id", O_RDONLY);
    if (fd < 0) fd = open("/sys/kernel/debug/tracing/events/raw_syscalls/sys_enter/id", O_RDONLY);
    if (!getenv("BENCH_COUNT_SYSCALLS") || fd < 0) return;
    if (read(fd, id, sizeof id - 1) > 0) {
        struct perf_event_attr a = {.type = PERF_TYPE_TRACEPOINT, .size = sizeof a, .inherit = 1};
        a.config = strtoull(id, NULL, 10);
        syscall_counter = (int)syscall(SYS_perf_event_open, &a, 0, -1, -1, PERF_FLAG_FD_CLOEXEC);
    }
    close(fd);
}

static void read_counters(struct region *r) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    r->user_ns = (uint64_t)u.ru_utime.tv_sec * 1000000000u + (uint64_t)u.ru_utime.tv_usec * 1000u;
    r->system_ns = (uint64_t)u.ru_stime.tv_sec * 1000000000u + (uint64_t)u.ru_stime.tv_usec * 1000u;
    r->sleeps = (uint64_t)u.ru_nvcsw;
    r->cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID);
    if (syscall_counter < 0 || read(syscall_counter, &r->syscalls, 8) != 8) r->syscalls = 0;
    void (*allocations)(uint64_t *, uint64_t *) = (void (*)(uint64_t *, uint64_t *))dlsym(RTLD_DEFAULT, "bench_allocations");
    if (allocations) allocations(&r->allocs, &r->alloc_bytes);
    r->wall_ns = now_ns();
}

void region_begin(struct region *r) {
    memset(r, 0, sizeof *r);
    read_counters(r);
    CALLGRIND_ZERO_STATS;
}

void region_end(struct region *r) {
    struct region at = {0};
    CALLGRIND_DUMP_STATS_AT("region");
    read_counters(&at);
    uint64_t *from = (uint64_t *)r, *to = (uint64_t *)&at;
    for (unsigned i = 0; i < sizeof *r / sizeof *from; i++) from[i] = to[i] - from[i];
}

/* ---- JSON ---- */

static const char *comma = "";
void json_begin(void) {
    comma = "";
    printf("{");
}
void json_text(const char *key, const char *value) {
    printf("%s\"%s\": \"%s\"", comma, key, value);
    comma = ", ";
}
void json_number(const char *key, double value) {
    printf("%s\"%s\": %.10g", comma, key, value);
    comma = ", ";
}
void json_region(const struct region *r, uint64_t ops, const struct hist *h) {
    double n = ops ? (double)ops : 1;
    json_number("ops", (double)ops);
    json_number("secs", (double)r->wall_ns / 1e9);
    json_number("ops_s", n * 1e9 / (double)r->wall_ns);
    json_number("cpu_us", (double)r->cpu_ns / 1e3 / n);
    json_number("user_us", (double)r->user_ns / 1e3 / n);
    json_number("system_us", (double)r->system_ns / 1e3 / n);
    json_number("sleeps", (double)r->sleeps / n);
    if (syscall_counter >= 0) json_number("syscalls", (double)r->syscalls / n);
    if (dlsym(RTLD_DEFAULT, "bench_allocations")) {
        json_number("allocs", (double)r->allocs / n);
        json_number("alloc_bytes", (double)r->alloc_bytes / n);
    }
    if (h && h->total) {
        json_number("p50_us", hist_us(h, 0.5));
        json_number("p99_us", hist_us(h, 0.99));
    }
}
void json_end(void) {
    printf("}\n");
    fflush(stdout);
}
