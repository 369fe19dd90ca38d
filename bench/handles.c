/* Handles themselves: how long one takes to open and close, and the costs of idle ones. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned connected;

static void count_connected(void) {
    pthread_mutex_lock(&lock);
    connected++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}
static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) count_connected();
}

static zhandle_t *start(watcher_fn watcher, void *context) {
    zhandle_t *zh = zookeeper_init(opt.servers, watcher, opt.timeout_ms, NULL, context, 0);
    if (!zh) broken("zookeeper_init: %s", strerror(errno));
    if (opt.tuned) want(zoo_set_servers_resolution_delay(zh, -1), "zoo_set_servers_resolution_delay");
    return zh;
}
static void await_connected(unsigned n) {
    pthread_mutex_lock(&lock);
    while (connected < n) pthread_cond_wait(&changed, &lock);
    pthread_mutex_unlock(&lock);
}

void run_open_close(void) {
    struct region region;
    struct hist *opened = calloc(1, sizeof *opened), *closed = calloc(1, sizeof *closed);
    uint64_t done = 0, began = 0;
    for (uint64_t i = 0;; i++) {
        uint64_t t0 = now_ns();
        connected = 0;
        zhandle_t *zh = start(on_session, NULL);
        await_connected(1);
        uint64_t t1 = now_ns();
        want(zookeeper_close(zh), "zookeeper_close");
        uint64_t t2 = now_ns();
        if (i < 5) continue; /* warm-up */
        if (!began) {
            began = t2;
            region_begin(&region);
            continue;
        }
        hist_add(opened, t1 - t0);
        hist_add(closed, t2 - t1);
        if (enough(++done, began)) break;
    }
    region_end(&region);
    json_region(&region, done, opened);
    json_number("open_p50_us", hist_us(opened, 0.5));
    json_number("open_p99_us", hist_us(opened, 0.99));
    json_number("close_p50_us", hist_us(closed, 0.5));
    json_number("close_p99_us", hist_us(closed, 0.99));
}

/* A field of a /proc file of "Name: number kB" lines. */
static double proc_field(const char *file, const char *field) {
    char line[256];
    double value = -1;
    FILE *f = fopen(file, "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, field, strlen(field)) == 0) value = atof(line + strlen(field));
    if (f) fclose(f);
    if (value < 0) broken("%s has no %s", file, field);
    return value;
}
static double descriptors(void) {
    double n = 0;
    DIR *d = opendir("/proc/self/fd");
    while (d && readdir(d)) n++;
    if (d) closedir(d);
    return n;
}

void run_idle(void) {
    static const char *const memory = "/proc/self/smaps_rollup";
    struct region region;
    zhandle_t **handles = calloc(opt.count, sizeof *handles);
    char path[64], value[VALUE_BYTES];
    double rss = proc_field(memory, "Rss:"), threads = proc_field("/proc/self/status", "Threads:"), files = descriptors();
    double dirty = proc_field(memory, "Private_Dirty:");
    stage = "opening idle handles";
    for (unsigned i = 0; i < opt.count; i++) {
        handles[i] = start(on_session, NULL);
        if (i % 32 == 31) await_connected(i + 1); /* no more than the listen queue bears */
    }
    await_connected(opt.count);
    usleep(500000); /* what opening them left to do */
    stage = "idling";
    double n = opt.count;
    rss = (proc_field(memory, "Rss:") - rss) / n;
    dirty = (proc_field(memory, "Private_Dirty:") - dirty) / n;
    threads = (proc_field("/proc/self/status", "Threads:") - threads) / n;
    files = (descriptors() - files) / n;
    region_begin(&region);
    usleep((useconds_t)(opt.secs * 1e6));
    region_end(&region);
    get_path(path, 0);
    for (unsigned i = 0; i < opt.count; i++) { /* they must still be of use */
        int len = sizeof value;
        want(zoo_get(handles[i], path, 0, value, &len, NULL), "zoo_get");
        check_value(value, len, 0);
        handle_close(handles[i]);
    }
    json_region(&region, opt.count, NULL);
    json_number("rss_kb", rss);
    json_number("private_dirty_kb", dirty);
    json_number("threads", threads);
    json_number("descriptors", files);
    json_number("cpu_ms_per_minute", (double)region.cpu_ns / 1e6 / n * 60e9 / (double)region.wall_ns);
}

/* ---- all handles of a process lose their server together ---- */

static _Atomic unsigned lost;
static uint64_t *regained_ns; /* by handle; written on its completion thread */

static void on_loss(zhandle_t *zh, int type, int state, const char *path, void *context) {
    uint64_t *regained = context;
    (void)zh, (void)path;
    if (type != ZOO_SESSION_EVENT) return;
    if (state == ZOO_EXPIRED_SESSION_STATE) broken("a session has expired");
    if (state == ZOO_CONNECTING_STATE) lost++;
    if (state != ZOO_CONNECTED_STATE) return;
    *regained = now_ns();
    count_connected();
}

/* The responder closes everything and answers nobody for so long. */
static void send_away(unsigned ms) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons((uint16_t)opt.port)};
    struct { char word[4]; uint32_t ms; } order = {{'a', 'w', 'a', 'y'}, htonl(ms)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    inet_pton(AF_INET, opt.host, &at.sin_addr);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) != 0 || write(fd, &order, sizeof order) != sizeof order)
        broken("the responder does not take the order: %s", strerror(errno));
    char byte;
    while (read(fd, &byte, 1) > 0) continue;
    close(fd);
}

struct peaks {
    double rss_kb, threads, descriptors;
};
static void sample(struct peaks *p) {
    double rss = proc_field("/proc/self/smaps_rollup", "Rss:"), threads = proc_field("/proc/self/status", "Threads:");
    double files = descriptors();
    if (rss > p->rss_kb) p->rss_kb = rss;
    if (threads > p->threads) p->threads = threads;
    if (files > p->descriptors) p->descriptors = files;
}

static int by_time(const void *a, const void *b) {
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* They idle for --secs, lose the server for --away milliseconds, and return. Memory, threads and descriptors are given at
 * their highest, per handle; CPU is that of the outage, from the loss to the last return. */
void run_loss(void) {
    struct region idle, outage;
    struct peaks base = {0}, before = {0}, peak = {0};
    double n = opt.count;
    zhandle_t **handles = calloc(opt.count, sizeof *handles);
    regained_ns = calloc(opt.count, sizeof *regained_ns);
    sample(&base);
    stage = "opening handles";
    for (unsigned i = 0; i < opt.count; i++) {
        handles[i] = start(on_loss, &regained_ns[i]);
        if (i % 32 == 31) await_connected(i + 1);
    }
    await_connected(opt.count);
    usleep(500000);
    stage = "idling";
    sample(&before);
    region_begin(&idle);
    usleep((useconds_t)(opt.secs * 1e6));
    region_end(&idle);
    sample(&peak);
    if (lost) broken("%u handles lost their idle connection", lost);
    pthread_mutex_lock(&lock);
    connected = 0;
    pthread_mutex_unlock(&lock);
    stage = "without a server";
    region_begin(&outage);
    send_away(opt.away_ms);
    uint64_t back_ns = now_ns() + opt.away_ms * 1000000ull;
    while (now_ns() < back_ns) {
        usleep(100000);
        sample(&peak);
    }
    stage = "returning";
    await_connected(opt.count);
    region_end(&outage);
    sample(&peak);
    if (lost != opt.count) broken("%u handles, %u losses", opt.count, lost);
    qsort(regained_ns, opt.count, sizeof *regained_ns, by_time);
    for (unsigned i = 0; i < opt.count; i++) handle_close(handles[i]);
    json_region(&outage, opt.count, NULL);
    json_number("rss_kb", (before.rss_kb - base.rss_kb) / n);
    json_number("peak_rss_kb", (peak.rss_kb - base.rss_kb) / n);
    json_number("threads", (before.threads - base.threads) / n);
    json_number("peak_threads", (peak.threads - base.threads) / n);
    json_number("descriptors", (before.descriptors - base.descriptors) / n);
    json_number("peak_descriptors", (peak.descriptors - base.descriptors) / n);
    json_number("cpu_ms_per_minute", (double)idle.cpu_ns / 1e6 / n * 60e9 / (double)idle.wall_ns);
    json_number("outage_cpu_ms", (double)outage.cpu_ns / 1e6 / n);
    json_number("back_half_ms", ((double)regained_ns[opt.count / 2] - (double)back_ns) / 1e6);
    json_number("back_all_ms", ((double)regained_ns[opt.count - 1] - (double)back_ns) / 1e6);
}
