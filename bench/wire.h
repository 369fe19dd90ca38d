/* ZooKeeper's wire format, as far as the benchmark itself needs it: the responder, the raw-socket floor and the second
 * client that prepares nodes and fires watches. Big-endian integers, strings and buffers with a 32-bit length before
 * them, each message with a 32-bit length before it. Knows no socket and no library. */
#ifndef BENCH_WIRE_H
#define BENCH_WIRE_H
#include <endian.h>
#include <stdint.h>
#include <string.h>

enum {
    OP_CREATE = 1, OP_DELETE = 2, OP_EXISTS = 3, OP_GET = 4, OP_SET = 5, OP_CHILDREN = 8, OP_SYNC = 9, OP_PING = 11,
    OP_CHILDREN2 = 12, OP_CHECK = 13, OP_MULTI = 14, OP_CREATE2 = 15, OP_AUTH = 100, OP_SETWATCHES = 101,
    OP_CLOSE = -11
};
enum { XID_EVENT = -1, XID_PING = -2, XID_AUTH = -4, XID_SETWATCHES = -8 };
enum { ERR_INCONSISTENT = -2, ERR_UNIMPLEMENTED = -6, ERR_NONODE = -101, ERR_BADVERSION = -103, ERR_NODEEXISTS = -110 };
enum { EVENT_CREATED = 1, EVENT_DELETED = 2, EVENT_CHANGED = 3, EVENT_CHILD = 4, STATE_CONNECTED = 3 };
enum { STAT_BYTES = 68, REPLY_HEADER_BYTES = 16, PART_HEADER_BYTES = 9 };

static inline char *put32(char *p, int32_t v) {
    uint32_t be = htobe32((uint32_t)v);
    memcpy(p, &be, 4);
    return p + 4;
}
static inline char *put64(char *p, int64_t v) {
    uint64_t be = htobe64((uint64_t)v);
    memcpy(p, &be, 8);
    return p + 8;
}
/* A string or buffer; a negative length writes the null buffer. */
static inline char *put_bytes(char *p, const void *data, int32_t len) {
    p = put32(p, len);
    if (len > 0) memcpy(p, data, (size_t)len);
    return len > 0 ? p + len : p;
}
static inline char *put_str(char *p, const char *s) { return put_bytes(p, s, (int32_t)strlen(s)); }
static inline int32_t get32(const char *p) {
    uint32_t be;
    memcpy(&be, p, 4);
    return (int32_t)be32toh(be);
}
static inline int64_t get64(const char *p) {
    uint64_t be;
    memcpy(&be, p, 8);
    return (int64_t)be64toh(be);
}

/* Leaves room for the length and writes the request header; `frame_end` fills in the length. */
static inline char *frame_begin(char *start, int32_t xid, int32_t op) { return put32(put32(start + 4, xid), op); }
static inline char *frame_end(char *start, char *end) {
    put32(start, (int32_t)(end - start - 4));
    return end;
}
/* get, exists and get_children have the same form: a path and a watch flag. */
static inline char *put_read(char *p, int32_t xid, int32_t op, const char *path, int watch) {
    char *q = put_str(frame_begin(p, xid, op), path);
    *q++ = (char)watch;
    return frame_end(p, q);
}
static inline char *put_set(char *p, int32_t xid, const char *path, const char *data, int32_t len) {
    char *q = put_bytes(put_str(frame_begin(p, xid, OP_SET), path), data, len);
    return frame_end(p, put32(q, -1));
}
/* The body of a create: data, the open ACL (world:anyone, all five permissions), mode flags. */
static inline char *put_create_body(char *q, const char *path, const char *data, int32_t len, int32_t flags) {
    q = put32(put_bytes(put_str(q, path), data, len), 1);
    q = put_str(put_str(put32(q, 31), "world"), "anyone");
    return put32(q, flags);
}
static inline char *put_create(char *p, int32_t xid, const char *path, const char *data, int32_t len, int32_t flags) {
    return frame_end(p, put_create_body(frame_begin(p, xid, OP_CREATE), path, data, len, flags));
}
/* A multi's part header: operation, last part or not, error. */
static inline char *put_part(char *q, int32_t op, int done, int32_t err) {
    q = put32(q, op);
    *q++ = (char)done;
    return put32(q, err);
}
static inline char *put_multi_set(char *q, const char *path, const char *data, int32_t len) {
    return put32(put_bytes(put_str(put_part(q, OP_SET, 0, -1), path), data, len), -1);
}
static inline char *put_multi_end(char *start, char *q) { return frame_end(start, put_part(q, -1, 1, -1)); }
#endif
