#define _GNU_SOURCE
#include "peer.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "measure.h"
#include "rawconn.h"
#include "wire.h"

enum verb { PREPARE, FIRE, CHANGE, COUNTS };
struct order {
    enum verb verb;
    unsigned n;
    bool children, big;
};

/* Shared with the parent; the child writes it before it answers. */
static struct {
    _Atomic uint64_t sent_ns;
    struct server_counts counts;
} *shared;
static int channel = -1;
static pid_t child;
static struct rawconn conn;
static const char *server_host;
static int server_port;

void node_value(char out[VALUE_BYTES], unsigned node) {
    for (unsigned i = 0; i < VALUE_BYTES; i++) out[i] = (char)('!' + (node * 31 + i * 7) % 90);
}
unsigned char big_byte(unsigned at) { return (unsigned char)((at * 2654435761u) >> 24); }
bool is_big(const char *data, bool quick) {
    static char expected[BIG_BYTES];
    if (expected[1] == 0)
        for (unsigned i = 0; i < BIG_BYTES; i++) expected[i] = (char)big_byte(i);
    if (!quick) return memcmp(data, expected, BIG_BYTES) == 0;
    for (unsigned i = BIG_BYTES - 1; i < BIG_BYTES; i -= 4099) /* wraps below 0 */
        if (data[i] != expected[i]) return false;
    return true;
}
void get_path(char out[64], unsigned node) { snprintf(out, 64, "/bench/get/node-%05u", node); }
void set_path(char out[64], unsigned node) { snprintf(out, 64, "/bench/set/node-%05u", node); }
void watched_path(char out[64], unsigned node) { snprintf(out, 64, "/bench/watched/node-%06u", node); }

static void make(const char *path, const char *data, int32_t len) {
    int32_t xid = ++conn.xid;
    char *p = raw_room(&conn, (size_t)(len > 0 ? len : 0) + 256);
    raw_commit(&conn, put_create(p, xid, path, data, len, 0));
    raw_flush(&conn);
    int err = raw_reply(&conn, xid, NULL, NULL);
    if (err == ERR_NODEEXISTS && len >= 0) {
        xid = ++conn.xid;
        p = raw_room(&conn, (size_t)len + 256);
        raw_commit(&conn, put_set(p, xid, path, data, len));
        raw_flush(&conn);
        err = raw_reply(&conn, xid, NULL, NULL);
    }
    if (err && err != ERR_NODEEXISTS) broken("preparing %s: error %d", path, err);
}

/* Creates empty nodes with 500 requests in flight, because there may be 100,000 nodes. */
static void make_many(void (*path_of)(char[64], unsigned), unsigned n) {
    enum { WINDOW = 500 };
    for (unsigned at = 0; at < n; at += WINDOW) {
        unsigned some = n - at < WINDOW ? n - at : WINDOW;
        for (unsigned i = 0; i < some; i++) {
            char path[64];
            path_of(path, at + i);
            raw_commit(&conn, put_create(raw_room(&conn, 256), ++conn.xid, path, NULL, -1, 0));
        }
        raw_flush(&conn);
        for (unsigned i = 0; i < some; i++) {
            int err = raw_reply(&conn, conn.xid - (int32_t)(some - 1 - i), NULL, NULL);
            if (err && err != ERR_NODEEXISTS) broken("preparing node %u: error %d", at + i, err);
        }
    }
}
static void child_path(char out[64], unsigned node) { snprintf(out, 64, CHILDREN_PATH "/c%05u", node); }

static void prepare(const struct order *o) {
    static const char *const parents[] = {"/bench", "/bench/get", "/bench/set", "/bench/watched", CHILDREN_PATH, SINK_PATH};
    char path[64], value[VALUE_BYTES];
    for (unsigned i = 0; i < sizeof parents / sizeof *parents; i++) make(parents[i], NULL, -1);
    for (unsigned i = 0; i < NODES; i++) {
        node_value(value, i);
        get_path(path, i);
        make(path, value, VALUE_BYTES);
    }
    make_many(set_path, MULTI_PARTS > NODES ? MULTI_PARTS : NODES);
    make_many(watched_path, o->n);
    if (o->children) make_many(child_path, CHILDREN);
    if (o->big) {
        char *big = malloc(BIG_BYTES);
        for (unsigned i = 0; big && i < BIG_BYTES; i++) big[i] = (char)big_byte(i);
        make(BIG_PATH, big, BIG_BYTES);
        free(big);
    }
}

static void fire(unsigned n) {
    char *start = raw_room(&conn, (size_t)n * 64 + 64), *p;
    int32_t xid = ++conn.xid;
    p = frame_begin(start, xid, OP_MULTI);
    for (unsigned i = 0; i < n; i++) {
        char path[64];
        watched_path(path, i);
        p = put_multi_set(p, path, "", 0);
    }
    raw_commit(&conn, put_multi_end(start, p));
    shared->sent_ns = now_ns();
    raw_flush(&conn);
    if (raw_reply(&conn, xid, NULL, NULL)) broken("the multi that fires the watches failed");
}

static void change(unsigned node) {
    char path[64];
    int32_t xid = ++conn.xid;
    watched_path(path, node);
    raw_commit(&conn, put_set(raw_room(&conn, 256), xid, path, "", 0));
    shared->sent_ns = now_ns();
    raw_flush(&conn);
    if (raw_reply(&conn, xid, NULL, NULL)) broken("the set that fires a watch failed");
}

static uint64_t counter(const char *text, const char *name, bool *known) {
    char line[64];
    snprintf(line, sizeof line, "%s ", name);
    const char *at = strstr(text, line);
    if (!at || (at != text && at[-1] != '\n')) {
        *known = false;
        return 0;
    }
    return strtoull(at + strlen(line), NULL, 10);
}

static void read_counts(void) {
    char text[4096];
    struct server_counts c = {.known = true};
    raw_four_letter(server_host, server_port, "mntr", text, sizeof text);
    c.get = counter(text, "get", &c.known);
    c.set = counter(text, "set", &c.known);
    c.create = counter(text, "create", &c.known);
    c.children = counter(text, "children", &c.known);
    c.multi = counter(text, "multi", &c.known);
    c.setwatches = counter(text, "setwatches", &c.known);
    c.rearmed = counter(text, "rearmed", &c.known);
    c.events = counter(text, "events", &c.known);
    c.last_loss_ns = counter(text, "last_loss_ns", &c.known);
    c.last_accept_ns = counter(text, "last_accept_ns", &c.known);
    c.last_rearm_ns = counter(text, "last_rearm_ns", &c.known);
    shared->counts = c;
}

static void serve(void) {
    for (;;) {
        struct pollfd wait = {.fd = channel, .events = POLLIN};
        struct order o;
        if (poll(&wait, 1, 3000) == 0) { /* keep the session */
            int32_t xid = XID_PING;
            raw_commit(&conn, frame_end(raw_room(&conn, 16), frame_begin(raw_room(&conn, 16), xid, OP_PING)));
            raw_flush(&conn);
            size_t n;
            raw_frame(&conn, &n);
            continue;
        }
        if (read(channel, &o, sizeof o) != sizeof o) _exit(0);
        if (o.verb == PREPARE) prepare(&o);
        else if (o.verb == FIRE) fire(o.n);
        else if (o.verb == CHANGE) change(o.n);
        else read_counts();
        if (write(channel, "", 1) != 1) _exit(0);
    }
}

void peer_start(const char *host, int port) {
    int pair[2];
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (shared == MAP_FAILED || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) broken("peer");
    server_host = host;
    server_port = port;
    child = fork();
    if (child == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        channel = pair[1];
        close(pair[0]);
        raw_open(&conn, host, port, 40000);
        serve();
    }
    channel = pair[0];
    close(pair[1]);
}

static void order(struct order o) {
    if (write(channel, &o, sizeof o) != sizeof o) broken("the second client is gone");
}
void peer_wait(void) {
    char byte;
    if (read(channel, &byte, 1) != 1) broken("the second client is gone");
}
void peer_prepare(unsigned watched, bool children, bool big) {
    order((struct order){PREPARE, watched, children, big});
    peer_wait();
}
void peer_fire(unsigned n) { order((struct order){.verb = FIRE, .n = n}); }
void peer_change(unsigned node) { order((struct order){.verb = CHANGE, .n = node}); }
uint64_t peer_sent_ns(void) { return shared->sent_ns; }
struct server_counts peer_counts(void) {
    order((struct order){.verb = COUNTS});
    peer_wait();
    return shared->counts;
}
void peer_stop(void) {
    close(channel);
    waitpid(child, NULL, 0);
}
