/* The asynchronous calls: a window of W requests always in flight. By default each callback submits the next request
 * itself; with --caller a thread of the application refills the window when half of it is free. */
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"

enum kind { GET, SET, CREATE, MULTI };

struct slot {
    uint64_t sequence, start_ns;
    bool pending;
    unsigned node;
    char path[64], value[VALUE_BYTES];
    zoo_op_t *ops; /* MULTI_PARTS of each, for multi */
    zoo_op_result_t *results;
    struct Stat *stats;
};

static zhandle_t *zh;
static enum kind kind;
static struct slot *slots;
static char paths[MULTI_PARTS][64];
static int32_t version[MULTI_PARTS];
static uint64_t last_written[NODES];
static unsigned sample_mask;
static struct region region;
static struct hist latency;
static uint64_t submitted, measured_from, measured_to, began_ns;
static _Atomic uint64_t completed, wake_at;
static _Atomic bool stopping;
static sem_t progress, drained;

static void on_data(int rc, const char *value, int len, const struct Stat *stat, const void *context);
static void on_stat(int rc, const struct Stat *stat, const void *context);
static void on_string(int rc, const char *value, const void *context);
static void on_void(int rc, const void *context);

/* Unique across processes too, because a real server keeps the nodes of an earlier run until its session has
 * expired. */
static void create_path(struct slot *s) {
    static size_t prefix;
    if (!prefix) prefix = (size_t)snprintf(s->path, sizeof s->path, SINK_PATH "/p%08x-", (unsigned)getpid());
    char *p = s->path + prefix + 10;
    uint64_t n = s->sequence;
    *p = 0;
    for (int i = 0; i < 10; i++, n /= 10) *--p = (char)('0' + n % 10);
}

static void submit(struct slot *s) {
    if (s->pending) broken("the slot of request %lu is still in use", s->sequence);
    s->pending = true;
    s->sequence = submitted++;
    s->node = s->sequence % NODES;
    if ((s->sequence & sample_mask) == 0) s->start_ns = now_ns();
    if (kind == GET) return want(zoo_aget(zh, paths[s->node], 0, on_data, s), "zoo_aget");
    if (kind == SET) {
        memcpy(s->value, &s->sequence, sizeof s->sequence);
        last_written[s->node] = s->sequence;
        return want(zoo_aset(zh, paths[s->node], s->value, VALUE_BYTES, -1, on_stat, s), "zoo_aset");
    }
    if (kind == CREATE) {
        create_path(s);
        return want(zoo_acreate(zh, s->path, s->value, VALUE_BYTES, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string, s), "zoo_acreate");
    }
    want(zoo_amulti(zh, MULTI_PARTS, s->ops, s->results, on_void, s), "zoo_amulti");
}

/* The part of each callback that does not depend on the kind. Callbacks come on one thread, in order of submission. */
static void complete(const void *context, int rc) {
    struct slot *s = (struct slot *)(uintptr_t)context;
    uint64_t n = completed;
    want(rc, "a callback");
    if (!s->pending) broken("request %lu was answered twice", s->sequence);
    if (s->sequence != n) broken("callback of request %lu where %lu was due", s->sequence, n);
    s->pending = false;
    if ((n & sample_mask) == 0 && measured_from && !stopping) hist_add(&latency, now_ns() - s->start_ns);
    completed = ++n;
    if (!measured_from && n >= opt.warm) {
        measured_from = n;
        began_ns = now_ns();
        region_begin(&region);
    } else if (measured_from && !stopping && (opt.ops || n % 32 == 0 || opt.window < 32 || kind == MULTI) &&
               enough(n - measured_from, began_ns)) {
        region_end(&region);
        measured_to = n;
        stopping = true;
    }
    if (!opt.caller && !stopping) submit(s);
    if (n == wake_at || stopping) sem_post(&progress);
    if (!opt.caller && stopping && n == submitted) sem_post(&drained);
}

static void next_version(unsigned i, int32_t v) {
    if (version[i] >= 0 && v != version[i] + 1) broken("node %u: version %d after %d", i, v, version[i]);
    version[i] = v;
}
static void on_data(int rc, const char *value, int len, const struct Stat *stat, const void *context) {
    const struct slot *s = context;
    want(rc, "zoo_aget's callback");
    check_value(value, len, s->node);
    if (stat->dataLength != VALUE_BYTES) broken("node %u: wrong stat", s->node);
    complete(s, rc);
}
static void on_stat(int rc, const struct Stat *stat, const void *context) {
    const struct slot *s = context;
    want(rc, "zoo_aset's callback");
    next_version(s->node, stat->version);
    complete(s, rc);
}
static void on_string(int rc, const char *value, const void *context) {
    const struct slot *s = context;
    want(rc, "zoo_acreate's callback");
    if (strcmp(value, s->path) != 0) broken("created %s instead of %s", value, s->path);
    complete(s, rc);
}
static void on_void(int rc, const void *context) {
    const struct slot *s = context;
    for (unsigned i = 0; i < MULTI_PARTS; i++) {
        want(s->results[i].err, "a part of zoo_amulti");
        next_version(i, s->stats[i].version);
    }
    complete(s, rc);
}

/* Fills the window from the completion thread, so that from then on only that thread submits. */
static void on_start(int rc, const char *value, int len, const struct Stat *stat, const void *context) {
    (void)value, (void)len, (void)stat, (void)context;
    want(rc, "the first callback");
    for (int i = 0; i < opt.window; i++) submit(&slots[i]);
}

static void submit_as_caller(void) {
    uint64_t window = (uint64_t)opt.window, refill = window - window / 2;
    while (!stopping) {
        while (submitted - completed < window && !stopping) submit(&slots[submitted % window]);
        uint64_t goal = submitted - window + refill;
        wake_at = goal;
        while (completed < goal && !stopping) sem_wait(&progress);
    }
    while (completed < submitted) usleep(1000);
}

static void make_slots(void) {
    static zoo_op_t *ops;
    slots = calloc((size_t)opt.window, sizeof *slots);
    for (unsigned i = 0; i < MULTI_PARTS; i++) {
        version[i] = -1;
        if (kind == GET) get_path(paths[i], i % NODES);
        else set_path(paths[i], i);
    }
    for (int w = 0; w < opt.window; w++) {
        struct slot *s = &slots[w];
        node_value(s->value, 0);
        create_path(s);
        memcpy(s->path, slots[0].path, sizeof s->path);
        if (kind != MULTI) continue;
        s->ops = ops = calloc(MULTI_PARTS, sizeof *s->ops);
        s->results = calloc(MULTI_PARTS, sizeof *s->results);
        s->stats = calloc(MULTI_PARTS, sizeof *s->stats);
        for (unsigned i = 0; i < MULTI_PARTS; i++)
            zoo_set_op_init(&ops[i], paths[i], s->value, VALUE_BYTES, -1, &s->stats[i]);
    }
}

/* The values on the server must be the last ones written. */
static void check_written(void) {
    for (unsigned i = 0; i < NODES && i < submitted; i++) {
        char value[VALUE_BYTES];
        uint64_t found;
        int len = VALUE_BYTES;
        want(zoo_get(zh, paths[i], 0, value, &len, NULL), "zoo_get");
        memcpy(&found, value, sizeof found);
        if (len != VALUE_BYTES || found != last_written[i]) broken("node %u does not hold what was written last", i);
    }
}

void run_async(void) {
    kind = !strcmp(opt.mode, "aget") ? GET : !strcmp(opt.mode, "aset") ? SET : !strcmp(opt.mode, "acreate") ? CREATE : MULTI;
    sample_mask = opt.window > 16 && kind != MULTI ? 15 : 0;
    if (opt.warm < 1) opt.warm = 1;
    sem_init(&progress, 0, 0);
    sem_init(&drained, 0, 0);
    make_slots();
    zh = handle_open(NULL, NULL);
    struct server_counts before = peer_counts();
    if (opt.caller) {
        submit_as_caller();
    } else {
        want(zoo_aget(zh, paths[0], 0, on_start, NULL), "zoo_aget");
        while (sem_wait(&drained) != 0) continue;
    }
    struct server_counts after = peer_counts();
    uint64_t starts = opt.caller ? 0 : 1;
    if (before.known) {
        insist_asked("get", before.get, after.get, starts + (kind == GET ? submitted : 0));
        insist_asked("set", before.set, after.set, kind == SET ? submitted : 0);
        insist_asked("create", before.create, after.create, kind == CREATE ? submitted : 0);
        insist_asked("multi", before.multi, after.multi, kind == MULTI ? submitted : 0);
    }
    if (kind == SET) check_written();
    handle_close(zh);
    if (completed != submitted) broken("%lu callbacks for %lu requests", completed, submitted);
    for (int w = 0; w < opt.window; w++)
        if (slots[w].pending) broken("request %lu was never answered", slots[w].sequence);
    json_region(&region, measured_to - measured_from, &latency);
}
