/* The costs of one measured region: time, latencies, CPU, system calls, allocations, instructions; and the JSON line
 * that reports it. Shared by the library benchmark and the raw-socket floor, so that both are measured in the same
 * way. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H
#include <stdbool.h>
#include <stdint.h>
#include <stdnoreturn.h>

enum { HIST_STEPS = 64, HIST_BUCKETS = 40 * HIST_STEPS };

/* Latencies in ns, in buckets 1/64 apart. One writer. */
struct hist {
    uint64_t total, buckets[HIST_BUCKETS];
};

struct region {
    uint64_t wall_ns, cpu_ns, user_ns, system_ns, syscalls, allocs, alloc_bytes;
    uint64_t sleeps; /* context switches that a thread makes because it has to wait */
};

uint64_t now_ns(void);
void hist_add(struct hist *h, uint64_t ns);
void hist_merge(struct hist *into, const struct hist *from);
double hist_us(const struct hist *h, double quantile); /* microseconds; 0 when empty */

/* Opens the system-call counter for this thread and all threads that it starts; must be called before the first thread.
 * Needs tracefs and permission to use perf: without them the figure is missing, not zero. */
void measure_open(void);
/* Any thread may call these; one region at a time. Under callgrind they also cut out the region's own profile. */
void region_begin(struct region *r);
void region_end(struct region *r);

/* Called when a check failed: the measurement is void, and nothing is reported. Exit code 4. */
noreturn void broken(const char *format, ...) __attribute__((format(printf, 1, 2)));

void json_begin(void);
void json_text(const char *key, const char *value);
void json_number(const char *key, double value);
/* The figures of a region over `ops` operations; latencies only when h is given. */
void json_region(const struct region *r, uint64_t ops, const struct hist *h);
void json_end(void);
#endif
