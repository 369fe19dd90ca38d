/* Handles themselves: how long one takes to open and close, and the costs of idle ones. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static unsigned connected;

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT || state != ZOO_CONNECTED_STATE) return;
    pthread_mutex_lock(&lock);
    connected++;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&lock);
}

static zhandle_t *start(void) {
    zhandle_t *zh = zookeeper_init(opt.servers, on_session, opt.timeout_ms, NULL, NULL, 0);
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
        zhandle_t *zh = start();
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
        handles[i] = start();
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
