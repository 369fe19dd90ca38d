/* The application of the herd: one process, many ZooKeeper handles, each with one data watch.
 *
 * The same binary runs on either library: the dynamic loader chooses (LD_LIBRARY_PATH).
 *
 *   client fleet PAGE HOSTS HANDLES TIMEOUT_MS FIRST NODES RAMP_US [LOGFILE]
 *       HANDLES handles; handle i watches HERD_ROOT/((FIRST + i) % NODES), RAMP_US apart at the start; reports through
 *       the mmapped file PAGE (shared.h) until killed. On expiry a handle is closed and opened again at once, inside
 *       the watcher, as zkCli's C sibling does. The log goes to a counting stream; its first lines to LOGFILE.
 *   client probe HOSTS TIMEOUT_MS LIMIT_MS ORDERED
 *       One fresh handle: prints the ms until connected and until a read of "/" is answered, -1 where LIMIT_MS passed.
 *   client setup HOSTS NODES | client touch HOSTS NODES
 *       Creates the watched nodes, or writes each of them once.
 *   client caller HOSTS TIMEOUT_MS SECONDS RATE
 *       One handle that issues RATE asynchronous reads a second; prints how they ended and how long they took (JSON).
 */
#define _GNU_SOURCE
#define THREADED
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

#include "shared.h"

#define HERD_ROOT "/herd"
#define SAMPLE_LINES 4000

enum watch_state { UNWATCHED, ASKED, WATCHED };

struct session {
    struct herd_slot *slot;
    _Atomic int watch;
    char path[48];
};

static struct herd_head *head;
static struct herd_slot *slots;
static const char *hosts;
static int timeout_ms;
static FILE *sample;
static _Atomic unsigned sampled;
/* Slots whose zookeeper_init failed; the main thread retries them. */
static _Atomic(struct session *) *retry;

static uint64_t now_ns(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void sleep_us(long us) {
    struct timespec t = {us / 1000000, us % 1000000 * 1000};
    nanosleep(&t, NULL);
}

static void die(const char *what) {
    fprintf(stderr, "client: %s: %s\n", what, strerror(errno));
    exit(2);
}

/* ---- the counting log stream ---- */

static ssize_t count_log(void *cookie, const char *text, size_t bytes) {
    (void)cookie;
    size_t lines = 0;
    for (size_t i = 0; i < bytes; i++) {
        lines += text[i] == '\n';
    }
    atomic_fetch_add(&head->log_lines, lines);
    atomic_fetch_add(&head->log_bytes, bytes);
    if (sample && atomic_fetch_add(&sampled, lines) < SAMPLE_LINES) {
        fwrite(text, 1, bytes, sample);
        fflush(sample);
    }
    return (ssize_t)bytes;
}

static void count_the_log(void) {
    cookie_io_functions_t io = {.write = count_log};
    FILE *stream = fopencookie(NULL, "w", io);
    if (!stream) die("fopencookie");
    setvbuf(stream, NULL, _IOLBF, 4096);
    zoo_set_log_stream(stream);
}

/* ---- one handle of the fleet ---- */

static void open_session(struct session *s);
static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context);
static void on_data_watch(zhandle_t *zh, int type, int state, const char *path, void *context);

static void on_data(int rc, const char *value, int bytes, const struct Stat *stat, const void *data) {
    (void)value;
    (void)bytes;
    struct session *s = (struct session *)data;
    if (rc == ZOK) {
        atomic_store(&s->slot->version, (uint32_t)stat->version);
        atomic_store(&s->watch, WATCHED);
    } else {
        atomic_store(&s->watch, UNWATCHED);
        atomic_fetch_add(&head->read_errors, 1);
    }
}

static void watch_again(zhandle_t *zh, struct session *s) {
    atomic_store(&s->watch, ASKED);
    if (zoo_awget(zh, s->path, on_data_watch, s, on_data, s) != ZOK) {
        atomic_store(&s->watch, UNWATCHED);
        atomic_fetch_add(&head->read_errors, 1);
    }
}

static void on_data_watch(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)state;
    (void)path;
    if (type == ZOO_SESSION_EVENT) return; /* the handle's own watcher gets those too */
    struct session *s = context;
    atomic_fetch_add(&head->watch_events, 1);
    atomic_fetch_add(&s->slot->watch_events, 1);
    watch_again(zh, s);
}

static void mark_dropped(struct herd_slot *slot) {
    if (atomic_exchange(&slot->connected, 0)) {
        atomic_store(&slot->dropped_at, now_ns());
        atomic_fetch_sub(&head->connected, 1);
    }
}

static void mark_connected(zhandle_t *zh, struct herd_slot *slot) {
    struct sockaddr_storage peer = {0};
    socklen_t bytes = sizeof peer;
    if (zookeeper_get_connected_host(zh, (struct sockaddr *)&peer, &bytes)) {
        atomic_store(&slot->port, ntohs(((struct sockaddr_in *)&peer)->sin_port)); /* the same offset in v6 */
    }
    atomic_store(&slot->connected_at, now_ns());
    atomic_fetch_add(&slot->connects, 1);
    atomic_fetch_add(&head->connects, 1);
    if (!atomic_exchange(&slot->connected, 1)) atomic_fetch_add(&head->connected, 1);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)path;
    struct session *s = context;
    if (type != ZOO_SESSION_EVENT) return;
    if (state == ZOO_CONNECTED_STATE) {
        mark_connected(zh, s->slot);
        if (atomic_load(&s->watch) == UNWATCHED) watch_again(zh, s);
    } else if (state == ZOO_EXPIRED_SESSION_STATE || state == ZOO_AUTH_FAILED_STATE) {
        mark_dropped(s->slot);
        atomic_fetch_add(&s->slot->lost, 1);
        atomic_fetch_add(&head->lost, 1);
        zookeeper_close(zh);
        struct session *fresh = malloc(sizeof *fresh); /* the old one stays: late completions still point at it */
        if (!fresh) die("malloc");
        memcpy(fresh, s, sizeof *fresh);
        atomic_store(&fresh->watch, UNWATCHED);
        open_session(fresh);
    } else if (state == ZOO_CONNECTING_STATE) {
        atomic_fetch_add(&head->drops, 1);
        mark_dropped(s->slot);
    }
}

static void open_session(struct session *s) {
    if (zookeeper_init(hosts, on_event, timeout_ms, NULL, s, 0)) {
        atomic_fetch_add(&head->inits, 1);
    } else {
        atomic_fetch_add(&head->init_errors, 1);
        atomic_store(&retry[s->slot - slots], s);
    }
}

static void map_page(const char *file, unsigned handles) {
    size_t bytes = sizeof(struct herd_head) + handles * sizeof(struct herd_slot);
    int fd = open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0 || ftruncate(fd, (off_t)bytes)) die(file);
    char *page = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (page == MAP_FAILED) die("mmap");
    close(fd);
    head = (struct herd_head *)page;
    slots = (struct herd_slot *)(page + sizeof *head);
    head->handles = handles;
    head->head_bytes = sizeof *head;
    head->slot_bytes = sizeof *slots;
    head->magic = HERD_MAGIC;
}

static _Noreturn void fleet(char **args, int count) {
    unsigned handles = (unsigned)atoi(args[2]);
    int first = atoi(args[4]), nodes = atoi(args[5]), ramp_us = atoi(args[6]);
    hosts = args[1];
    timeout_ms = atoi(args[3]);
    if (count > 7 && !(sample = fopen(args[7], "w"))) die(args[7]);
    map_page(args[0], handles);
    count_the_log();
    retry = calloc(handles, sizeof *retry);
    if (!retry) die("calloc");
    for (unsigned i = 0; i < handles; i++) {
        struct session *s = calloc(1, sizeof *s);
        if (!s) die("calloc");
        s->slot = &slots[i];
        snprintf(s->path, sizeof s->path, HERD_ROOT "/%d", (first + (int)i) % nodes);
        open_session(s);
        sleep_us(ramp_us);
    }
    atomic_store(&head->ready, 1);
    for (;;) {
        sleep_us(100000);
        for (unsigned i = 0; i < handles; i++) {
            struct session *s = atomic_exchange(&retry[i], NULL);
            if (s) open_session(s);
        }
    }
}

/* ---- single-handle modes ---- */

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int is_connected;

static void on_single(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh;
    (void)path;
    (void)context;
    if (type != ZOO_SESSION_EVENT) return;
    pthread_mutex_lock(&lock);
    is_connected = state == ZOO_CONNECTED_STATE;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

/* Waits until connected, at most for `ms`; returns whether it is. */
static int await_connected(long ms) {
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    pthread_mutex_lock(&lock);
    while (!is_connected && pthread_cond_timedwait(&changed, &lock, &until) == 0) {}
    int ok = is_connected;
    pthread_mutex_unlock(&lock);
    return ok;
}

static int probe(char **args) {
    long limit = atol(args[2]);
    zoo_deterministic_conn_order(atoi(args[3]));
    zoo_set_debug_level(0);
    uint64_t start = now_ns();
    zhandle_t *zh = zookeeper_init(args[0], on_single, atoi(args[1]), NULL, NULL, 0);
    if (!zh) die("zookeeper_init");
    double connected = -1, answered = -1;
    if (await_connected(limit)) {
        struct Stat stat;
        connected = (double)(now_ns() - start) / 1e6;
        if (zoo_exists(zh, "/", 0, &stat) == ZOK) answered = (double)(now_ns() - start) / 1e6;
    }
    printf("%.1f %.1f\n", connected, answered);
    fflush(stdout);
    if (answered >= 0) zookeeper_close(zh);
    _exit(answered >= 0 ? 0 : 1);
}

static int on_nodes(char **args, int create) {
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zhandle_t *zh = zookeeper_init(args[0], on_single, 10000, NULL, NULL, 0);
    if (!zh) die("zookeeper_init");
    if (!await_connected(30000)) return 1;
    int bad = 0;
    if (create) {
        int rc = zoo_create(zh, HERD_ROOT, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
        bad += rc != ZOK && rc != ZNODEEXISTS;
    }
    for (int i = 0; i < atoi(args[1]); i++) {
        char path[48];
        snprintf(path, sizeof path, HERD_ROOT "/%d", i);
        int rc = create ? zoo_create(zh, path, "0", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0)
                        : zoo_set(zh, path, "1", 1, -1);
        bad += rc != ZOK && rc != ZNODEEXISTS;
    }
    zookeeper_close(zh);
    return bad ? 1 : 0;
}

/* ---- the caller: asynchronous reads at a fixed rate ---- */

static _Atomic unsigned long issued, refused, answered, failed;
static _Atomic int last_error;
static float *waited_ms;
static unsigned long waited_cap;

static void on_call(int rc, const char *value, int bytes, const struct Stat *stat, const void *data) {
    (void)value;
    (void)bytes;
    (void)stat;
    unsigned long i = atomic_load(&answered) + atomic_load(&failed); /* one completion thread: no race */
    if (i < waited_cap) waited_ms[i] = (float)((double)(now_ns() - (uint64_t)(uintptr_t)data) / 1e6);
    if (rc != ZOK) atomic_store(&last_error, rc);
    atomic_fetch_add(rc == ZOK ? &answered : &failed, 1);
}

static int by_value(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

static int caller(char **args) {
    double seconds = atof(args[2]), rate = atof(args[3]);
    waited_cap = (unsigned long)(seconds * rate) + 16;
    waited_ms = calloc(waited_cap, sizeof *waited_ms);
    zoo_set_debug_level(0);
    zhandle_t *zh = zookeeper_init(args[0], on_single, atoi(args[1]), NULL, NULL, 0);
    if (!zh || !waited_ms) die("zookeeper_init");
    uint64_t start = now_ns(), end = start + (uint64_t)(seconds * 1e9);
    for (uint64_t now = start; now < end; now = now_ns()) {
        unsigned long due = (unsigned long)((double)(now - start) / 1e9 * rate);
        while (atomic_load(&issued) < due) {
            uint64_t stamp = now_ns();
            if (zoo_aget(zh, "/", 0, on_call, (void *)(uintptr_t)stamp) != ZOK) atomic_fetch_add(&refused, 1);
            atomic_fetch_add(&issued, 1);
        }
        sleep_us(rate > 0 ? 1000 : 50000);
    }
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    double cpu = (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
                 (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6;
    unsigned long done = atomic_load(&answered) + atomic_load(&failed);
    if (done > waited_cap) done = waited_cap;
    qsort(waited_ms, done, sizeof *waited_ms, by_value);
    printf("{\"issued\": %lu, \"refused\": %lu, \"answered\": %lu, \"failed\": %lu, \"last_error\": %d, "
           "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f, \"cpu_s\": %.4f}\n",
           issued, refused, answered, failed, last_error, done ? waited_ms[done / 2] : -1.0,
           done ? waited_ms[done * 99 / 100] : -1.0, done ? waited_ms[done - 1] : -1.0, cpu);
    fflush(stdout);
    _exit(0);
}

int main(int count, char **args) {
    const char *mode = count > 1 ? args[1] : "";
    if (!strcmp(mode, "fleet") && count >= 9) fleet(args + 2, count - 2);
    if (!strcmp(mode, "probe") && count == 6) return probe(args + 2);
    if (!strcmp(mode, "setup") && count == 4) return on_nodes(args + 2, 1);
    if (!strcmp(mode, "touch") && count == 4) return on_nodes(args + 2, 0);
    if (!strcmp(mode, "caller") && count == 6) return caller(args + 2);
    fprintf(stderr, "client: see the head of client.c for the modes\n");
    return 2;
}
