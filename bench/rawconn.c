#include "rawconn.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "wire.h"

static void die(const char *what) {
    fprintf(stderr, "raw connection: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int dial(const char *host, int port) {
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    if (inet_pton(AF_INET, host, &to.sin_addr) != 1) die("address");
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof to) != 0) die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return fd;
}

char *raw_room(struct rawconn *c, size_t n) {
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) die("memory");
    }
    return c->out + c->out_len;
}

void raw_commit(struct rawconn *c, char *end) { c->out_len = (size_t)(end - c->out); }

void raw_flush(struct rawconn *c) {
    for (size_t at = 0; at < c->out_len;) {
        ssize_t n = send(c->fd, c->out + at, c->out_len - at, MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("send");
        at += (size_t)n;
    }
    c->out_len = 0;
}

bool raw_has_frame(struct rawconn *c) {
    size_t have = c->in_len - c->in_pos;
    return have >= 4 && have - 4 >= (size_t)get32(c->in + c->in_pos);
}

static void fill(struct rawconn *c) {
    if (c->in_pos) {
        memmove(c->in, c->in + c->in_pos, c->in_len - c->in_pos);
        c->in_len -= c->in_pos;
        c->in_pos = 0;
    }
    size_t want = c->in_len >= 4 ? 4 + (size_t)get32(c->in) : 0;
    if (want < 256 * 1024) want = 256 * 1024;
    if (want > c->in_cap) {
        c->in_cap = want;
        c->in = realloc(c->in, c->in_cap);
        if (!c->in) die("memory");
    }
    for (;;) {
        ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
        if (n < 0 && errno == EINTR) continue;
        if (n <= 0) die("the server closed the connection");
        c->in_len += (size_t)n;
        return;
    }
}

const char *raw_frame(struct rawconn *c, size_t *len) {
    while (!raw_has_frame(c)) fill(c);
    const char *body = c->in + c->in_pos + 4;
    *len = (size_t)get32(c->in + c->in_pos);
    c->in_pos += 4 + *len;
    return body;
}

int raw_reply(struct rawconn *c, int32_t xid, const char **body, size_t *len) {
    for (;;) {
        size_t n;
        const char *p = raw_frame(c, &n);
        int32_t got = get32(p);
        if (got == XID_EVENT || got == XID_PING) continue;
        if (got != xid) {
            fprintf(stderr, "raw connection: reply to %d where %d was due\n", got, xid);
            exit(4);
        }
        if (body) *body = p + REPLY_HEADER_BYTES;
        if (len) *len = n - REPLY_HEADER_BYTES;
        return get32(p + 12);
    }
}

void raw_open(struct rawconn *c, const char *host, int port, int timeout_ms) {
    c->fd = dial(host, port);
    c->in_pos = c->in_len = c->out_len = 0;
    char *start = raw_room(c, 64), *p = start + 4;
    p = put32(p, 0); /* protocol version */
    p = put64(p, 0); /* last zxid seen */
    p = put32(p, timeout_ms);
    p = put64(p, c->session);
    p = put_bytes(p, c->passwd, sizeof c->passwd);
    *p++ = 0; /* a read-only server will not do */
    raw_commit(c, frame_end(start, p));
    raw_flush(c);
    size_t n;
    const char *r = raw_frame(c, &n);
    if (n < 36) die("short handshake");
    c->session = get64(r + 8);
    memcpy(c->passwd, r + 20, sizeof c->passwd);
}

void raw_shut(struct rawconn *c) {
    close(c->fd);
    c->fd = -1;
}

void raw_close(struct rawconn *c) {
    char *p = raw_room(c, 12);
    int32_t xid = ++c->xid;
    raw_commit(c, frame_end(p, frame_begin(p, xid, OP_CLOSE)));
    raw_flush(c);
    raw_reply(c, xid, NULL, NULL);
    raw_shut(c);
    c->session = 0;
    memset(c->passwd, 0, sizeof c->passwd);
}

void raw_four_letter(const char *host, int port, const char *word, char *answer, size_t cap) {
    int fd = dial(host, port);
    size_t len = 0;
    if (send(fd, word, 4, MSG_NOSIGNAL) != 4) die("four-letter word");
    while (len + 1 < cap) {
        ssize_t n = recv(fd, answer + len, cap - 1 - len, 0);
        if (n <= 0) break;
        len += (size_t)n;
    }
    answer[len] = 0;
    close(fd);
}
