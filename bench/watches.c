/* Watches: delivery of many at once, the latency of one, and the cost of a reconnect that must re-arm them all. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"

struct watch {
    char path[64];
    unsigned fired, lost, regained;
};

static zhandle_t *zh;
static struct watch *watches;
static sem_t all_armed, all_fired, all_regained;
static unsigned armed_count, asked_count;
static _Atomic unsigned fired_count, regained_count, handle_lost, handle_regained;
static _Atomic uint64_t last_event_ns;

static void on_watch(zhandle_t *h, int type, int state, const char *path, void *context) {
    struct watch *w = context;
    (void)h;
    if (type == ZOO_SESSION_EVENT) {
        if (state == ZOO_CONNECTING_STATE) w->lost++;
        if (state == ZOO_CONNECTED_STATE && ++w->regained == 1 && ++regained_count == opt.count) sem_post(&all_regained);
        return;
    }
    if (type != ZOO_CHANGED_EVENT || strcmp(path, w->path) != 0) broken("watch of %s: event %d for %s", w->path, type, path);
    if (w->fired++) broken("the watch of %s fired twice", w->path);
    if (++fired_count == opt.count) {
        last_event_ns = now_ns();
        sem_post(&all_fired);
    }
}

static void on_handle(zhandle_t *h, int type, int state, const char *path, void *context) {
    (void)h, (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT) broken("event %d for %s reached the default watcher", type, path);
    if (state == ZOO_CONNECTING_STATE) handle_lost++;
    if (state == ZOO_CONNECTED_STATE) handle_regained++;
}

static void on_armed(int rc, const char *value, int len, const struct Stat *stat, const void *context);
static void arm_next(void) {
    struct watch *w = &watches[asked_count++];
    want(zoo_awget(zh, w->path, on_watch, w, on_armed, w), "zoo_awget");
}
static void on_armed(int rc, const char *value, int len, const struct Stat *stat, const void *context) {
    (void)value, (void)len, (void)stat;
    want(rc, "zoo_awget's callback");
    if (context != &watches[armed_count]) broken("the callbacks of zoo_awget are out of order");
    armed_count++;
    if (asked_count < opt.count) arm_next();
    if (armed_count == opt.count) sem_post(&all_armed);
}
/* Starts on the completion thread, as in the async modes. */
static void on_start(int rc, const char *value, int len, const struct Stat *stat, const void *context) {
    (void)value, (void)len, (void)stat, (void)context;
    want(rc, "the first callback");
    for (unsigned i = 0; i < 256 && asked_count < opt.count; i++) arm_next();
}

static void await(sem_t *s) {
    while (sem_wait(s) != 0) continue;
}

static void arm_all(void) {
    char path[64];
    stage = "arming the watches";
    armed_count = asked_count = 0;
    for (unsigned i = 0; i < opt.count; i++) watches[i].fired = 0;
    fired_count = 0;
    get_path(path, 0);
    want(zoo_aget(zh, path, 0, on_start, NULL), "zoo_aget");
    await(&all_armed);
}

static void set_up(void) {
    watches = calloc(opt.count, sizeof *watches);
    for (unsigned i = 0; i < opt.count; i++) watched_path(watches[i].path, i);
    sem_init(&all_armed, 0, 0);
    sem_init(&all_fired, 0, 0);
    sem_init(&all_regained, 0, 0);
    zh = handle_open(on_handle, NULL);
}

static void add(struct region *sum, const struct region *one) {
    uint64_t *to = (uint64_t *)sum;
    const uint64_t *from = (const uint64_t *)one;
    for (unsigned i = 0; i < sizeof *sum / sizeof *to; i++) to[i] += from[i];
}

void run_watch_delivery(void) {
    struct region sum = {0}, region;
    uint64_t rounds = opt.ops ? opt.ops : 3;
    set_up();
    struct hist *whole = calloc(1, sizeof *whole);
    for (uint64_t i = 0; i < rounds; i++) {
        arm_all();
        stage = "waiting for the events";
        region_begin(&region);
        peer_fire(opt.count);
        await(&all_fired);
        region_end(&region);
        hist_add(whole, last_event_ns - peer_sent_ns());
        peer_wait();
        add(&sum, &region);
    }
    if (handle_lost) broken("the connection was lost");
    handle_close(zh);
    for (unsigned i = 0; i < opt.count; i++)
        if (watches[i].fired != 1) broken("the watch of %s fired %u times", watches[i].path, watches[i].fired);
    json_region(&sum, rounds * opt.count, NULL);
    json_number("all_ms", hist_us(whole, 0.5) / 1000);
}

void run_watch_latency(void) {
    struct region region;
    struct hist *h = calloc(1, sizeof *h);
    uint64_t done = 0, began = 0;
    opt.count = 1;
    set_up();
    for (uint64_t i = 0;; i++) {
        struct watch *w = &watches[0];
        char value[8];
        int len = sizeof value;
        w->fired = 0;
        fired_count = 0;
        want(zoo_wget(zh, w->path, on_watch, w, value, &len, NULL), "zoo_wget");
        peer_change(0);
        await(&all_fired);
        peer_wait();
        if (i >= opt.warm / 4) {
            if (!began) {
                began = now_ns();
                region_begin(&region);
                continue;
            }
            hist_add(h, last_event_ns - peer_sent_ns());
            if (enough(++done, began)) break;
        }
    }
    region_end(&region);
    handle_close(zh);
    json_region(&region, done, h);
}

static uint64_t closing_count;
static void on_closing(int rc, const void *context) {
    (void)context;
    if (rc != ZCLOSING) broken("a call that has to wait for the end got %s (%d)", zerror(rc), rc);
    closing_count++;
}

static void *queue_watches(void *region) {
    typedef int add_watch_fn(zhandle_t *, const char *, int, watcher_fn, void *, void_completion_t, const void *);
    add_watch_fn *add_watch = (add_watch_fn *)dlsym(RTLD_DEFAULT, "zoo_aadd_watch");
    char path[64];
    if (!add_watch) broken("the library has no zoo_aadd_watch");
    region_begin(region);
    for (uint64_t i = 0; i < opt.ops; i++) {
        watched_path(path, (unsigned)i);
        want(add_watch(zh, path, 0, on_handle, NULL, on_closing, NULL), "zoo_aadd_watch");
    }
    region_end(region);
    return NULL;
}

/* Persistent watches asked for while there is no session: all of these requests wait until the close. The server is a socket on
 * which nobody accepts. On a thread of its own, since callgrind counts what main() calls as a call of main()'s caller. */
void run_queued_watches(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    struct region region;
    pthread_t thread;
    int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, len) != 0 || listen(listener, 8) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &len) != 0)
        broken("no socket to listen on");
    snprintf(opt.servers, sizeof opt.servers, "127.0.0.1:%d", ntohs(at.sin_port));
    zh = zookeeper_init(opt.servers, on_handle, opt.timeout_ms, NULL, NULL, 0);
    if (!zh) broken("zookeeper_init");
    if (pthread_create(&thread, NULL, queue_watches, &region) != 0 || pthread_join(thread, NULL) != 0) broken("no thread");
    handle_close(zh);
    close(listener);
    if (closing_count != opt.ops) broken("%lu callbacks for %lu requests", closing_count, opt.ops);
    json_region(&region, opt.ops, NULL);
}

/* The socket of the handle's connection to the server, whichever library made it. */
static int handle_socket(void) {
    int found = -1;
    for (int fd = 3; fd < 65536; fd++) {
        struct sockaddr_in to;
        socklen_t len = sizeof to;
        if (getpeername(fd, (struct sockaddr *)&to, &len) != 0) continue;
        if (to.sin_family != AF_INET || ntohs(to.sin_port) != opt.port) continue;
        if (found >= 0) broken("two connections to the server");
        found = fd;
    }
    if (found < 0) broken("no connection to the server");
    return found;
}

/* The link is cut by shutdown() on the library's own socket: the same clean loss for every library and server. The
 * clock stops when every watcher has got the event that the session is back, and a request sent after that is answered:
 * the server processes requests in order, so by then it has all watches again. */
void run_reconnect(void) {
    struct region region;
    struct Stat stat;
    char path[64];
    set_up();
    arm_all();
    get_path(path, 0);
    want(zoo_exists(zh, path, 0, &stat), "zoo_exists");
    struct server_counts before = peer_counts();
    handle_lost = handle_regained = 0;
    int fd = handle_socket();
    stage = "reconnecting";
    region_begin(&region);
    uint64_t cut_ns = now_ns();
    shutdown(fd, SHUT_RDWR);
    await(&all_regained);
    while (zoo_exists(zh, path, 0, &stat) != ZOK) usleep(1000);
    region_end(&region);
    struct server_counts after = peer_counts();
    for (unsigned i = 0; i < opt.count; i++)
        if (watches[i].lost != watches[0].lost || !watches[i].regained) broken("%s heard of %u losses, %s of %u",
            watches[i].path, watches[i].lost, watches[0].path, watches[0].lost);
    stage = "waiting for the events after the reconnect";
    peer_fire(opt.count);
    await(&all_fired);
    peer_wait();
    handle_close(zh);
    for (unsigned i = 0; i < opt.count; i++)
        if (watches[i].fired != 1) broken("the watch of %s fired %u times", watches[i].path, watches[i].fired);
    json_region(&region, opt.count, NULL);
    json_number("total_ms", (double)region.wall_ns / 1e6);
    json_number("losses", handle_lost);
    if (!before.known) return;
    if (after.rearmed - before.rearmed < opt.count) broken("%lu watches re-armed of %u", after.rearmed - before.rearmed, opt.count);
    json_number("messages", (double)(after.setwatches - before.setwatches));
    json_number("until_accept_ms", (double)(after.last_accept_ns - cut_ns) / 1e6); /* includes the policy's pause */
    json_number("after_accept_ms", (double)(cut_ns + region.wall_ns - after.last_accept_ns) / 1e6);
}
