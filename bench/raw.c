/* The floor: the same requests on a plain socket, one thread, no library. The cost of a mode here is that of the wire,
 * the kernel and the responder, which a library can only approach. T threads of a sync mode become a window of T, the
 * smallest that gives the server the same concurrency. Takes the options of bench, checks the data as bench does. */
#define _GNU_SOURCE
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "measure.h"
#include "peer.h"
#include "rawconn.h"
#include "wire.h"

static struct {
    const char *mode, *host;
    int port;
    unsigned window, count;
    double secs;
    uint64_t ops, warm;
} opt = {.host = "127.0.0.1", .window = 1, .count = 10000, .secs = 1, .warm = 200};

static struct rawconn conn;
static struct region region;
static struct hist latency;

static bool enough(uint64_t ops, uint64_t since_ns) {
    return opt.ops ? ops >= opt.ops : (double)(now_ns() - since_ns) >= opt.secs * 1e9;
}

/* ---- requests and the checks of their replies, by kind ---- */

static char paths[MULTI_PARTS][64], values[NODES][VALUE_BYTES];
static int32_t version[MULTI_PARTS];

static void next_version(unsigned i, int32_t v) {
    if (version[i] >= 0 && v != version[i] + 1) broken("node %u: version %d after %d", i, v, version[i]);
    version[i] = v;
}

static char *ask_get(char *p, int32_t xid, uint64_t n) { return put_read(p, xid, OP_GET, paths[n % NODES], 0); }
static void see_get(const char *p, uint64_t n) {
    if (get32(p) != VALUE_BYTES || memcmp(p + 4, values[n % NODES], VALUE_BYTES) != 0) broken("wrong data");
}
static char *ask_set(char *p, int32_t xid, uint64_t n) {
    return put_set(p, xid, paths[n % NODES], values[n % NODES], VALUE_BYTES);
}
static void see_set(const char *p, uint64_t n) { next_version(n % NODES, get32(p + 32)); }
static char *ask_create(char *p, int32_t xid, uint64_t n) {
    static unsigned pid;
    char path[64];
    if (!pid) pid = (unsigned)getpid();
    snprintf(path, sizeof path, SINK_PATH "/p%08x-%010lu", pid, n);
    return put_create(p, xid, path, values[0], VALUE_BYTES, 1);
}
static void see_create(const char *p, uint64_t n) {
    if (strtoull(p + 4 + sizeof SINK_PATH + 10, NULL, 10) != n) broken("wrong name");
}
static char *ask_multi(char *p, int32_t xid, uint64_t n) {
    (void)n;
    char *q = frame_begin(p, xid, OP_MULTI);
    for (unsigned i = 0; i < MULTI_PARTS; i++) q = put_multi_set(q, paths[i], values[0], VALUE_BYTES);
    return put_multi_end(p, q);
}
static void see_multi(const char *p, uint64_t n) {
    (void)n;
    for (unsigned i = 0; i < MULTI_PARTS; i++, p += PART_HEADER_BYTES + STAT_BYTES) {
        if (get32(p) != OP_SET) broken("part %u failed", i);
        next_version(i, get32(p + PART_HEADER_BYTES + 32));
    }
}
static char *ask_children(char *p, int32_t xid, uint64_t n) {
    (void)n;
    return put_read(p, xid, OP_CHILDREN, CHILDREN_PATH, 0);
}
static void see_children(const char *p, uint64_t n) {
    static char *names[CHILDREN]; /* the interface gives each name a block of its own, which the caller frees */
    (void)n;
    if (get32(p) != CHILDREN) broken("%d children", get32(p));
    p += 4;
    for (unsigned i = 0; i < CHILDREN; i++, p += 4 + 6) {
        if (get32(p) != 6 || p[4] != 'c') broken("child %u", i);
        names[i] = malloc(7);
        memcpy(names[i], p + 4, 6);
        names[i][6] = 0;
    }
    for (unsigned i = 0; i < CHILDREN; i++) free(names[i]);
}
static char *ask_big(char *p, int32_t xid, uint64_t n) {
    (void)n;
    return put_read(p, xid, OP_GET, BIG_PATH, 0);
}
static void see_big(const char *p, uint64_t n) {
    static char out[BIG_BYTES]; /* the caller's buffer: a copy that every API implies */
    if (get32(p) != BIG_BYTES) broken("%d bytes", get32(p));
    memcpy(out, p + 4, BIG_BYTES);
    if (!is_big(out, n % 16)) broken("wrong bytes");
}

static const struct kind {
    const char *name;
    size_t bytes; /* room for one request */
    char *(*ask)(char *, int32_t, uint64_t);
    void (*see)(const char *, uint64_t);
} kinds[] = {
    {"sync-get", 128, ask_get, see_get}, {"aget", 128, ask_get, see_get},
    {"sync-set", 256, ask_set, see_set}, {"aset", 256, ask_set, see_set},
    {"acreate", 384, ask_create, see_create},
    {"sync-multi", MULTI_PARTS * 256, ask_multi, see_multi}, {"amulti", MULTI_PARTS * 256, ask_multi, see_multi},
    {"sync-children", 128, ask_children, see_children}, {"sync-big", 128, ask_big, see_big},
};

static void run_window(const struct kind *k) {
    uint64_t *started = calloc(opt.window, sizeof *started);
    uint64_t asked = 0, seen = 0, from = 0, to = 0, began = 0;
    for (unsigned i = 0; i < MULTI_PARTS; i++) {
        version[i] = -1;
        if (k->ask == ask_get) get_path(paths[i], i % NODES);
        else set_path(paths[i], i);
    }
    for (unsigned i = 0; i < NODES; i++) node_value(values[i], i);
    int32_t first_xid = conn.xid + 1;
    for (;;) {
        while (!to && asked - seen < opt.window) {
            started[asked % opt.window] = now_ns();
            raw_commit(&conn, k->ask(raw_room(&conn, k->bytes), ++conn.xid, asked));
            asked++;
        }
        raw_flush(&conn);
        if (seen == asked) break;
        do {
            size_t n;
            const char *p = raw_frame(&conn, &n);
            if (get32(p) == XID_PING || get32(p) == XID_EVENT) continue;
            if (get32(p) != first_xid + (int32_t)seen || get32(p + 12) != 0) broken("reply %d, error %d", get32(p), get32(p + 12));
            k->see(p + REPLY_HEADER_BYTES, seen);
            if (from && !to) hist_add(&latency, now_ns() - started[seen % opt.window]);
            seen++;
            if (!from && seen >= opt.warm) {
                from = seen;
                began = now_ns();
                region_begin(&region);
            } else if (from && !to && enough(seen - from, began)) {
                region_end(&region);
                to = seen;
            }
        } while (raw_has_frame(&conn));
    }
    json_region(&region, to - from, &latency);
}

/* ---- watches ---- */

static void arm(unsigned n) {
    for (unsigned at = 0; at < n; at += 256) {
        unsigned some = n - at < 256 ? n - at : 256;
        for (unsigned i = 0; i < some; i++) {
            char path[64];
            watched_path(path, at + i);
            raw_commit(&conn, put_read(raw_room(&conn, 128), ++conn.xid, OP_GET, path, 1));
        }
        raw_flush(&conn);
        for (unsigned i = 0; i < some; i++)
            if (raw_reply(&conn, conn.xid - (int32_t)(some - 1 - i), NULL, NULL)) broken("arming failed");
    }
}

static void take_events(unsigned n) {
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        size_t len;
        const char *p = raw_frame(&conn, &len);
        if (get32(p) == XID_PING) {
            i--;
            continue;
        }
        watched_path(path, i);
        if (get32(p) != XID_EVENT || get32(p + 16) != EVENT_CHANGED || memcmp(p + 28, path, strlen(path)) != 0)
            broken("event %u is not for %s", i, path);
    }
}

static void run_delivery(void) {
    struct region sum = {0};
    struct hist *whole = calloc(1, sizeof *whole);
    uint64_t rounds = opt.ops ? opt.ops : 3;
    for (uint64_t i = 0; i < rounds; i++) {
        arm(opt.count);
        region_begin(&region);
        peer_fire(opt.count);
        take_events(opt.count);
        region_end(&region);
        hist_add(whole, now_ns() - peer_sent_ns());
        peer_wait();
        sum.wall_ns += region.wall_ns;
        sum.cpu_ns += region.cpu_ns;
        sum.user_ns += region.user_ns;
        sum.system_ns += region.system_ns;
        sum.syscalls += region.syscalls;
    }
    json_region(&sum, rounds * opt.count, NULL);
    json_number("all_ms", hist_us(whole, 0.5) / 1000);
}

static void run_latency(void) {
    uint64_t done = 0, began = now_ns();
    region_begin(&region);
    do {
        arm(1);
        peer_change(0);
        take_events(1);
        hist_add(&latency, now_ns() - peer_sent_ns());
        peer_wait();
    } while (!enough(++done, began));
    region_end(&region);
    json_region(&region, done, &latency);
}

static void set_watches(unsigned n) {
    for (unsigned at = 0; at < n; at += 2000) {
        unsigned some = n - at < 2000 ? n - at : 2000;
        char *start = raw_room(&conn, 64 + some * 64ul), *p = frame_begin(start, XID_SETWATCHES, OP_SETWATCHES);
        p = put32(put64(p, INT64_MAX), (int32_t)some);
        for (unsigned i = 0; i < some; i++) {
            char path[64];
            watched_path(path, at + i);
            p = put_str(p, path);
        }
        raw_commit(&conn, frame_end(start, put32(put32(p, 0), 0)));
    }
    raw_flush(&conn);
    for (unsigned at = 0; at < n; at += 2000)
        if (raw_reply(&conn, XID_SETWATCHES, NULL, NULL)) broken("setWatches failed");
}

static void run_reconnect(void) {
    arm(opt.count);
    region_begin(&region);
    raw_shut(&conn);
    raw_open(&conn, opt.host, opt.port, 30000);
    set_watches(opt.count);
    region_end(&region);
    peer_fire(opt.count);
    take_events(opt.count);
    peer_wait();
    json_region(&region, opt.count, NULL);
    json_number("total_ms", (double)region.wall_ns / 1e6);
}

static void run_open_close(void) {
    struct hist *closed = calloc(1, sizeof *closed);
    uint64_t done = 0, began = now_ns();
    raw_close(&conn);
    region_begin(&region);
    do {
        uint64_t t0 = now_ns();
        raw_open(&conn, opt.host, opt.port, 30000);
        uint64_t t1 = now_ns();
        raw_close(&conn);
        hist_add(&latency, t1 - t0);
        hist_add(closed, now_ns() - t1);
    } while (!enough(++done, began));
    region_end(&region);
    json_region(&region, done, &latency);
    json_number("open_p50_us", hist_us(&latency, 0.5));
    json_number("open_p99_us", hist_us(&latency, 0.99));
    json_number("close_p50_us", hist_us(closed, 0.5));
    json_number("close_p99_us", hist_us(closed, 0.99));
    raw_open(&conn, opt.host, opt.port, 30000);
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {{"mode", 1, 0, 'm'}, {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'},
        {"threads", 1, 0, 'w'}, {"window", 1, 0, 'w'}, {"count", 1, 0, 'c'}, {"secs", 1, 0, 's'}, {"ops", 1, 0, 'o'},
        {"warm", 1, 0, 'W'}, {"real", 0, 0, 'i'}, {"caller", 0, 0, 'i'}, {"limit", 1, 0, 'i'}, {"timeout", 1, 0, 'i'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
        case 'm': opt.mode = optarg; break;
        case 'h': opt.host = optarg; break;
        case 'p': opt.port = atoi(optarg); break;
        case 'w': opt.window = (unsigned)atoi(optarg); break;
        case 'c': opt.count = (unsigned)atoi(optarg); break;
        case 's': opt.secs = atof(optarg); break;
        case 'o': opt.ops = strtoull(optarg, NULL, 10); break;
        case 'W': opt.warm = strtoull(optarg, NULL, 10); break;
        case 'i': break;
        default: exit(2);
    }
    if (!opt.mode || opt.port <= 0 || opt.window < 1 || opt.warm < 1) exit(2);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    bool reconnect = strcmp(opt.mode, "reconnect") == 0, watches = reconnect || strncmp(opt.mode, "watch-", 6) == 0;
    peer_start(opt.host, opt.port);
    measure_open();
    peer_prepare(watches ? opt.count : 0, strcmp(opt.mode, "sync-children") == 0, strcmp(opt.mode, "sync-big") == 0);
    raw_open(&conn, opt.host, opt.port, 30000);
    json_begin();
    json_text("mode", opt.mode);
    const struct kind *k = NULL;
    for (unsigned i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(opt.mode, kinds[i].name) == 0) k = &kinds[i];
    if (k) run_window(k);
    else if (strcmp(opt.mode, "watch-delivery") == 0) run_delivery();
    else if (strcmp(opt.mode, "watch-latency") == 0) run_latency();
    else if (reconnect) run_reconnect();
    else if (strcmp(opt.mode, "open-close") == 0) run_open_close();
    else broken("no such mode: %s", opt.mode);
    json_end();
    raw_close(&conn);
    peer_stop();
    return 0;
}
