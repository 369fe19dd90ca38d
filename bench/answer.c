/* The responder's answers: parses a request, looks up the tree, appends the reply to the connection's output. */
#define _GNU_SOURCE
#include "answer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "store.h"
#include "wire.h"

static int64_t zxid, next_session = 0x1000000;

uint64_t responder_now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* ---- replies ---- */

static char *reply_begin(struct conn *c, int32_t xid, int32_t err, size_t body) {
    char *p = room(c, 4 + REPLY_HEADER_BYTES + body);
    return put32(put64(put32(p + 4, xid), zxid), err);
}
static void reply_end(struct conn *c, char *end) {
    char *start = c->out + c->out_len;
    c->out_len += (size_t)(frame_end(start, end) - start);
}
static void reply_error(struct conn *c, int32_t xid, int32_t err) { reply_end(c, reply_begin(c, xid, err, 0)); }

static void send_event(struct conn *c, int type, const char *path, size_t len) {
    char *p = room(c, 4 + REPLY_HEADER_BYTES + 12 + len);
    p = put32(put64(put32(p + 4, XID_EVENT), -1), 0);
    p = put_bytes(put32(put32(p, type), STATE_CONNECTED), path, (int32_t)len);
    reply_end(c, p);
    count.events++;
}

static void watch(struct watcher **list, const struct conn *c) {
    uint32_t slot = (uint32_t)(c - conns);
    for (struct watcher **w = list; *w;) {
        if ((*w)->conn == slot && (*w)->generation == c->generation) return;
        if (conns[(*w)->conn].generation != (*w)->generation) {
            struct watcher *gone = *w;
            *w = gone->next;
            free(gone);
        } else {
            w = &(*w)->next;
        }
    }
    struct watcher *w = malloc(sizeof *w);
    if (!w) exit(2);
    *w = (struct watcher){*list, slot, c->generation};
    *list = w;
}

static void fire(struct watcher **list, int type, const struct node *n) {
    while (*list) {
        struct watcher *w = *list;
        *list = w->next;
        if (conns[w->conn].generation == w->generation) send_event(&conns[w->conn], type, n->path, n->path_len);
        free(w);
    }
}

/* ---- requests ---- */

static int32_t take32(struct cursor *r) {
    if (r->end - r->p < 4) {
        r->bad = true;
        return 0;
    }
    r->p += 4;
    return get32(r->p - 4);
}
static const char *take_bytes(struct cursor *r, int32_t *len) {
    *len = take32(r);
    if (r->bad || *len > r->end - r->p) {
        r->bad = true;
        *len = 0;
        return NULL;
    }
    const char *at = r->p;
    if (*len > 0) r->p += *len;
    return *len < 0 ? NULL : at;
}
static bool take_flag(struct cursor *r) {
    if (r->p >= r->end) {
        r->bad = true;
        return false;
    }
    return *r->p++ != 0;
}

static void on_get(struct conn *c, int32_t xid, int32_t op, struct cursor *r) {
    int32_t len;
    const char *path = take_bytes(r, &len);
    bool armed = take_flag(r);
    if (r->bad || !path) return reply_error(c, xid, ERR_INCONSISTENT);
    struct node *n = store_find(path, (size_t)len);
    *(op == OP_GET ? &count.get : op == OP_EXISTS ? &count.exists : &count.children) += 1;
    if (!n) {
        if (armed && op == OP_EXISTS) watch(&store_place(path, (size_t)len)->data_watch, c);
        return reply_error(c, xid, ERR_NONODE);
    }
    if (armed) watch(op == OP_GET || op == OP_EXISTS ? &n->data_watch : &n->child_watch, c);
    if (op == OP_GET) {
        char *p = reply_begin(c, xid, 0, 4 + (size_t)(n->len > 0 ? n->len : 0) + STAT_BYTES);
        return reply_end(c, store_stat(n, put_bytes(p, n->data, n->len)));
    }
    if (op == OP_EXISTS) return reply_end(c, store_stat(n, reply_begin(c, xid, 0, STAT_BYTES)));
    size_t bytes = 4 + STAT_BYTES, skip = n->path_len > 1 ? n->path_len + 1 : 1;
    for (struct node *k = n->first; k; k = k->next) bytes += 4 + k->path_len - skip;
    char *p = put32(reply_begin(c, xid, 0, bytes), n->children);
    for (struct node *k = n->first; k; k = k->next) p = put_bytes(p, k->path + skip, (int32_t)(k->path_len - skip));
    reply_end(c, op == OP_CHILDREN2 ? store_stat(n, p) : p);
}

/* Makes one change and writes the body of its reply at *out (NULL: no body wanted); returns the error code. */
static int change(int32_t op, struct cursor *r, char **out) {
    int32_t len, data_len = 0;
    const char *path = take_bytes(r, &len), *data = NULL;
    if (op == OP_CREATE || op == OP_CREATE2 || op == OP_SET) data = take_bytes(r, &data_len);
    if (op == OP_CREATE || op == OP_CREATE2) {
        for (int32_t i = take32(r); i > 0 && !r->bad; i--) {
            int32_t skipped;
            take32(r);
            take_bytes(r, &skipped);
            take_bytes(r, &skipped);
        }
    }
    int32_t version = take32(r); /* create: the mode flags */
    if (r->bad || !path) return ERR_INCONSISTENT;
    if (op == OP_CREATE || op == OP_CREATE2) {
        static struct node unkept = {.version = 0};
        bool sink = memmem(path, (size_t)len, "/sink/", 6) != NULL;
        struct node *n = sink ? &unkept : store_create(path, (size_t)len, zxid + 1);
        if (!n) return store_find(path, (size_t)len) ? ERR_NODEEXISTS : ERR_NONODE;
        zxid++;
        if (!sink && !store_write(n, data, data_len, zxid)) return ERR_INCONSISTENT;
        if (!sink) {
            fire(&n->data_watch, EVENT_CREATED, n);
            fire(&n->parent->child_watch, EVENT_CHILD, n->parent);
        }
        *out = put_bytes(*out, path, len);
        if (op == OP_CREATE2) *out = store_stat(n, *out);
        return 0;
    }
    struct node *n = store_find(path, (size_t)len);
    if (!n) return ERR_NONODE;
    if (version >= 0 && n->version != version) return ERR_BADVERSION;
    if (op == OP_CHECK) return 0;
    zxid++;
    if (op == OP_DELETE) {
        store_delete(n, zxid);
        fire(&n->data_watch, EVENT_DELETED, n);
        fire(&n->child_watch, EVENT_DELETED, n);
        fire(&n->parent->child_watch, EVENT_CHILD, n->parent);
        return 0;
    }
    n->version++;
    if (!store_write(n, data, data_len, zxid)) return ERR_INCONSISTENT;
    fire(&n->data_watch, EVENT_CHANGED, n);
    *out = store_stat(n, *out);
    return 0;
}

/* Replies to changes are built here first, because events of a change may be sent before the reply on the same
 * connection. */
static char *scratch(size_t n) {
    static char *bytes;
    static size_t cap;
    if (n > cap) {
        cap = n * 2;
        free(bytes);
        bytes = malloc(cap);
        if (!bytes) exit(2);
    }
    return bytes;
}

static void on_change(struct conn *c, int32_t xid, int32_t op, struct cursor *r) {
    char *body = scratch((size_t)(r->end - r->p) + STAT_BYTES), *end = body;
    *(op == OP_SET ? &count.set : op == OP_DELETE ? &count.other : &count.create) += 1;
    int err = change(op, r, &end);
    size_t n = (size_t)(end - body);
    char *p = reply_begin(c, xid, err, n);
    memcpy(p, body, n);
    reply_end(c, p + n);
}

/* Not atomic: parts before a failing one stay applied. The benchmark sends no multi that fails. */
static void on_multi(struct conn *c, int32_t xid, struct cursor *r) {
    size_t bytes = (size_t)(r->end - r->p) + PART_HEADER_BYTES;
    struct cursor scan = *r;
    count.multi++;
    char *body = scratch(bytes * 8), *p = body; /* a part's answer is less than 8 times its question */
    for (;;) {
        int32_t op = take32(&scan);
        bool done = take_flag(&scan);
        take32(&scan);
        if (scan.bad || done) break;
        char *head = p;
        p += PART_HEADER_BYTES;
        int err = op == OP_CREATE || op == OP_SET || op == OP_DELETE || op == OP_CHECK || op == OP_CREATE2
                      ? change(op, &scan, &p) : ERR_UNIMPLEMENTED;
        put_part(head, err ? -1 : op, 0, err);
        if (err) p = put32(p, err);
        if (err == ERR_INCONSISTENT || err == ERR_UNIMPLEMENTED) break;
    }
    p = put_part(p, -1, 1, -1);
    size_t used = (size_t)(p - body);
    char *q = reply_begin(c, xid, 0, used);
    memcpy(q, body, used);
    reply_end(c, q + used);
}

static void on_set_watches(struct conn *c, int32_t xid, struct cursor *r) {
    int64_t since = r->end - r->p >= 8 ? get64(r->p) : 0;
    r->p += 8;
    for (int list = 0; list < 3; list++) {
        for (int32_t i = take32(r); i > 0 && !r->bad; i--) {
            int32_t len;
            const char *path = take_bytes(r, &len);
            if (!path) break;
            struct node *n = store_place(path, (size_t)len);
            count.rearmed++;
            if (list == 1 && n->live) send_event(c, EVENT_CREATED, path, (size_t)len);
            else if (list != 1 && !n->live) send_event(c, EVENT_DELETED, path, (size_t)len);
            else if (list == 0 && n->mzxid > since) send_event(c, EVENT_CHANGED, path, (size_t)len);
            else if (list == 2 && n->pzxid > since) send_event(c, EVENT_CHILD, path, (size_t)len);
            else watch(list == 2 ? &n->child_watch : &n->data_watch, c);
        }
    }
    count.setwatches++;
    count.last_rearm_ns = responder_now();
    reply_error(c, xid, r->bad ? ERR_INCONSISTENT : 0);
}

void answer(struct conn *c, struct cursor r) {
    int32_t xid = take32(&r), op = take32(&r);
    switch (op) {
        case OP_GET: case OP_EXISTS: case OP_CHILDREN: case OP_CHILDREN2: return on_get(c, xid, op, &r);
        case OP_SET: case OP_CREATE: case OP_CREATE2: case OP_DELETE: return on_change(c, xid, op, &r);
        case OP_MULTI: return on_multi(c, xid, &r);
        case OP_SETWATCHES: return on_set_watches(c, xid, &r);
        case OP_CLOSE: c->closing = true; return reply_error(c, xid, 0);
        case OP_PING: case OP_AUTH: return reply_error(c, xid, 0);
        case OP_SYNC: {
            int32_t len;
            const char *path = take_bytes(&r, &len);
            count.other++;
            return reply_end(c, put_bytes(reply_begin(c, xid, 0, 4 + (size_t)(len > 0 ? len : 0)), path, len));
        }
        default: count.other++; return reply_error(c, xid, ERR_UNIMPLEMENTED);
    }
}

void answer_handshake(struct conn *c, struct cursor r) {
    int32_t timeout = r.end - r.p >= 24 ? get32(r.p + 12) : 10000;
    int64_t session = r.end - r.p >= 24 ? get64(r.p + 16) : 0;
    bool modern = r.end - r.p >= 45; /* it ended with the read-only flag */
    c->handshaken = true;
    count.handshakes++;
    count.last_accept_ns = c->accepted_ns;
    char *start = room(c, 64), *p = put32(put32(start + 4, 0), timeout);
    p = put_bytes(put64(p, session ? session : ++next_session), "benchmark-passwd", 16);
    if (modern) *p++ = 0;
    reply_end(c, p);
}

