/* The synchronous calls: T threads on one handle, each in a closed loop over its own nodes. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"

enum { NODES_PER_THREAD = 4 };

struct worker {
    pthread_t thread;
    unsigned id;
    uint64_t done, all; /* in the measured phase; including the warm-up */
    int32_t version[MULTI_PARTS];
    char *big;
    struct hist latency;
};

static zhandle_t *zh;
static char paths[NODES][64], values[NODES][VALUE_BYTES]; /* made beforehand: only the library is to be measured */
static pthread_barrier_t gate;
static uint64_t began_ns;

static void expect_next(int32_t *last, int32_t version, unsigned node) {
    if (*last >= 0 && version != *last + 1) broken("node %u: version %d after %d", node, version, *last);
    *last = version;
}

static void do_get(struct worker *w) {
    unsigned node = w->id * NODES_PER_THREAD + w->all % NODES_PER_THREAD;
    char value[256];
    int len = sizeof value;
    struct Stat stat;
    want(zoo_get(zh, paths[node], 0, value, &len, &stat), "zoo_get");
    check_value(value, len, node);
    if (stat.dataLength != VALUE_BYTES) broken("node %u: wrong stat", node);
}

static void do_set(struct worker *w) {
    unsigned node = w->id * NODES_PER_THREAD + w->all % NODES_PER_THREAD;
    struct Stat stat;
    want(zoo_set2(zh, paths[node], values[node], VALUE_BYTES, -1, &stat), "zoo_set2");
    expect_next(&w->version[node % NODES_PER_THREAD], stat.version, node);
}

static void do_multi(struct worker *w) {
    static char part_paths[MULTI_PARTS][64];
    zoo_op_t ops[MULTI_PARTS];
    zoo_op_result_t results[MULTI_PARTS];
    struct Stat stats[MULTI_PARTS];
    for (unsigned i = 0; i < MULTI_PARTS; i++) {
        if (w->all == 0) set_path(part_paths[i], i);
        zoo_set_op_init(&ops[i], part_paths[i], values[0], VALUE_BYTES, -1, &stats[i]);
    }
    want(zoo_multi(zh, MULTI_PARTS, ops, results), "zoo_multi");
    for (unsigned i = 0; i < MULTI_PARTS; i++) {
        want(results[i].err, "a part of zoo_multi");
        expect_next(&w->version[i], stats[i].version, i);
    }
}

/* Checking each of 10,000 names costs as much as a good library needs to deliver them, so it is done only every 16th
 * time. */
static void do_children(struct worker *w) {
    static bool seen[CHILDREN];
    struct String_vector names = {0};
    want(zoo_get_children(zh, CHILDREN_PATH, 0, &names), "zoo_get_children");
    if (names.count != CHILDREN) broken("%d children of %d", names.count, CHILDREN);
    memset(seen, 0, sizeof seen);
    for (int i = 0; i < names.count; i += w->all % 16 ? 997 : 1) {
        char *end;
        unsigned long n = names.data[i][0] == 'c' ? strtoul(names.data[i] + 1, &end, 10) : CHILDREN;
        if (n >= CHILDREN || end != names.data[i] + 6 || *end || seen[n]) broken("child %s", names.data[i]);
        seen[n] = true;
    }
    deallocate_String_vector(&names);
}

static void do_big(struct worker *w) {
    int len = BIG_BYTES;
    struct Stat stat;
    w->big[BIG_BYTES - 1] = (char)~big_byte(BIG_BYTES - 1);
    want(zoo_get(zh, BIG_PATH, 0, w->big, &len, &stat), "zoo_get of 1 MB");
    if (len != BIG_BYTES || stat.dataLength != BIG_BYTES) broken("%d bytes of %d", len, BIG_BYTES);
    if (!is_big(w->big, w->all % 16)) broken("wrong bytes");
}

/* The nodes do not change, so only close may call it. */
static void on_watch(zhandle_t *h, int type, int state, const char *path, void *context) {
    (void)h, (void)state, (void)context;
    if (type != ZOO_SESSION_EVENT) broken("an event for %s, which nobody has changed", path);
}

static void arm_one(void) {
    char value[256];
    int len = sizeof value;
    want(zoo_wget(zh, paths[0], on_watch, NULL, value, &len, NULL), "zoo_wget");
}

static void (*operation)(struct worker *);

static void *work(void *arg) {
    struct worker *w = arg;
    for (uint64_t i = 0; i < opt.warm / (uint64_t)opt.threads + 1; i++, w->all++) operation(w);
    pthread_barrier_wait(&gate); /* all warm */
    pthread_barrier_wait(&gate); /* counters read */
    do {
        uint64_t start = now_ns();
        operation(w);
        hist_add(&w->latency, now_ns() - start);
        w->done++;
        w->all++;
    } while (!enough(w->done * (uint64_t)opt.threads, began_ns));
    return NULL;
}

void run_sync(void) {
    static struct worker workers[16];
    struct region region;
    struct hist *all = calloc(1, sizeof *all);
    const char *kind = opt.mode + 5;
    operation = !strcmp(kind, "get") ? do_get : !strcmp(kind, "set") ? do_set : !strcmp(kind, "multi") ? do_multi
              : !strcmp(kind, "children") ? do_children : do_big;
    if (operation != do_get && operation != do_set && opt.threads > 1) broken("%s has one thread", opt.mode);
    for (unsigned i = 0; i < NODES; i++) {
        (operation == do_set ? set_path : get_path)(paths[i], i);
        node_value(values[i], i);
    }
    if (opt.watched && operation != do_get) broken("--watched is for sync-get");
    zh = handle_open(NULL, NULL);
    if (opt.watched) arm_one();
    struct server_counts before = peer_counts();
    pthread_barrier_init(&gate, NULL, (unsigned)opt.threads + 1);
    for (int i = 0; i < opt.threads; i++) {
        workers[i].id = (unsigned)i;
        workers[i].big = operation == do_big ? malloc(BIG_BYTES) : NULL;
        memset(workers[i].version, -1, sizeof workers[i].version);
        if (pthread_create(&workers[i].thread, NULL, work, &workers[i])) broken("pthread_create");
    }
    pthread_barrier_wait(&gate);
    began_ns = now_ns();
    region_begin(&region);
    pthread_barrier_wait(&gate);
    uint64_t done = 0, issued = 0;
    for (int i = 0; i < opt.threads; i++) {
        pthread_join(workers[i].thread, NULL);
        done += workers[i].done;
        issued += workers[i].all;
        hist_merge(all, &workers[i].latency);
    }
    region_end(&region);
    struct server_counts after = peer_counts();
    if (before.known && (operation == do_get || operation == do_big)) insist_asked("get", before.get, after.get, issued);
    if (before.known && operation == do_set) insist_asked("set", before.set, after.set, issued);
    if (before.known && operation == do_multi) insist_asked("multi", before.multi, after.multi, issued);
    if (before.known && operation == do_children) insist_asked("children", before.children, after.children, issued);
    handle_close(zh);
    json_region(&region, done, all);
}
