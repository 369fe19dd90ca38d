/* A server so fast that the benchmark does not measure it: one thread, one epoll, the tree in memory, all requests of
 * one read answered by one write. It really keeps data, versions, children and watches, so that the clients' checks are
 * meaningful, and counts its requests, so that a client that answers from a cache is detected.
 * Left out on purpose: sessions never expire, access lists are ignored, ephemeral nodes are like others, and creates
 * under a parent named `sink` are answered but not kept (otherwise a create benchmark would measure our memory).
 *
 * Prints `port N` and serves until its standard input ends. The four-letter word `mntr` reports the counters; `away`, followed by
 * a number of milliseconds (4 bytes, network order), makes it close every connection and its listening socket for so long. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "answer.h"
#include "store.h"
#include "wire.h"

enum { IN_BYTES = 256 * 1024, LARGEST_FRAME = 64 << 20 };

struct conn conns[MAX_CONNS];
struct counters count;
static uint32_t dirty[MAX_CONNS], dirty_count;
static int epoll_fd, listener = -1;
static in_port_t port; /* network order; 0: any */
static uint32_t away_ms; /* asked for, and to be done once this round's events are served */
static uint64_t back_ns; /* when the listening socket is opened again; 0: it is open */

char *room(struct conn *c, size_t n) {
    if (c->out_at == c->out_len) c->out_at = c->out_len = 0;
    if (c->out_len + n > c->out_cap) {
        c->out_cap = (c->out_len + n) * 2;
        c->out = realloc(c->out, c->out_cap);
        if (!c->out) exit(2);
    }
    if (!c->dirty) {
        c->dirty = true;
        dirty[dirty_count++] = (uint32_t)(c - conns);
    }
    return c->out + c->out_len;
}

static void drop(struct conn *c) {
    if (c->handshaken) count.last_loss_ns = responder_now();
    close(c->fd);
    free(c->in);
    free(c->out);
    uint32_t generation = c->generation + 1;
    bool was_dirty = c->dirty; /* it still stands in the dirty list */
    memset(c, 0, sizeof *c);
    c->fd = -1;
    c->generation = generation;
    c->dirty = was_dirty;
}

static void monitor(struct conn *c) {
    char *p = room(c, 1024);
    int n = snprintf(p, 1024,
        "connects %lu\nhandshakes %lu\nget %lu\nset %lu\ncreate %lu\nexists %lu\nchildren %lu\nmulti %lu\nother %lu\n"
        "setwatches %lu\nrearmed %lu\nevents %lu\nlast_loss_ns %lu\nlast_accept_ns %lu\nlast_rearm_ns %lu\n",
        count.connects, count.handshakes, count.get, count.set, count.create, count.exists, count.children, count.multi,
        count.other, count.setwatches, count.rearmed, count.events, count.last_loss_ns, count.last_accept_ns,
        count.last_rearm_ns);
    c->out_len += (size_t)n;
    c->closing = true;
}

/* ---- sockets ---- */

enum { LISTENER = MAX_CONNS, STDIN };

static void watch(int fd, uint32_t slot, uint32_t events, int operation) {
    struct epoll_event ev = {.events = events, .data.u32 = slot};
    epoll_ctl(epoll_fd, operation, fd, &ev); /* fails on a plain file as input: then only a signal ends us */
}

static void open_listener(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = port};
    socklen_t at_len = sizeof at;
    int one = 1;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) != 0 || listen(listener, 4096) != 0 ||
        getsockname(listener, (struct sockaddr *)&at, &at_len) != 0) {
        perror("responder");
        exit(2);
    }
    port = at.sin_port;
    watch(listener, LISTENER, EPOLLIN, EPOLL_CTL_ADD);
}

static void go_away(uint32_t ms) {
    close(listener);
    listener = -1;
    for (uint32_t i = 0; i < MAX_CONNS; i++)
        if (conns[i].fd >= 0) drop(&conns[i]);
    back_ns = responder_now() + ms * 1000000ull;
}

/* How long epoll_wait may wait. */
static int until_back(void) {
    if (!back_ns) return -1;
    uint64_t now = responder_now();
    if (now < back_ns) return (int)((back_ns - now) / 1000000 + 1);
    back_ns = 0;
    open_listener();
    return -1;
}

static void flush(struct conn *c) {
    while (c->out_at < c->out_len) {
        ssize_t n = send(c->fd, c->out + c->out_at, c->out_len - c->out_at, MSG_NOSIGNAL);
        if (n < 0 && errno == EAGAIN) {
            if (c->writing) return;
            c->writing = true;
            watch(c->fd, (uint32_t)(c - conns), EPOLLIN | EPOLLOUT, EPOLL_CTL_MOD);
            return;
        }
        if (n <= 0) return drop(c);
        c->out_at += (size_t)n;
    }
    if (c->writing) {
        c->writing = false;
        watch(c->fd, (uint32_t)(c - conns), EPOLLIN, EPOLL_CTL_MOD);
    }
    if (c->closing) drop(c);
}

static void flush_dirty(void) {
    for (uint32_t i = 0; i < dirty_count; i++) {
        struct conn *c = &conns[dirty[i]];
        c->dirty = false;
        if (c->fd >= 0) flush(c);
    }
    dirty_count = 0;
}

/* Answers each whole frame; false if the bytes are not valid. */
static bool answer_frames(struct conn *c) {
    size_t at = 0;
    if (!c->handshaken && c->in_len >= 4 && memcmp(c->in, "mntr", 4) == 0) {
        monitor(c);
        return true;
    }
    if (!c->handshaken && c->in_len >= 8 && memcmp(c->in, "away", 4) == 0) {
        away_ms = (uint32_t)get32(c->in + 4);
        c->in_len = 0;
        return true;
    }
    while (c->in_len - at >= 4 && !c->closing) {
        int32_t len = get32(c->in + at);
        if (len < 8 || len > LARGEST_FRAME) return false;
        size_t whole = 4 + (size_t)len;
        if (c->in_len - at < whole) {
            if (whole > c->in_cap) {
                c->in = realloc(c->in, whole);
                if (!c->in) exit(2);
                c->in_cap = whole;
            }
            break;
        }
        struct cursor r = {c->in + at + 4, c->in + at + whole, false};
        if (c->handshaken) answer(c, r);
        else answer_handshake(c, r);
        at += whole;
    }
    c->in_len -= at;
    if (at) memmove(c->in, c->in + at, c->in_len);
    return true;
}

static void on_readable(struct conn *c) {
    ssize_t n = recv(c->fd, c->in + c->in_len, c->in_cap - c->in_len, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (n <= 0) return drop(c);
    c->in_len += (size_t)n;
    if (!answer_frames(c)) drop(c);
}

static void accept_one(void) {
    static uint32_t hint;
    int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), one = 1;
    if (fd < 0) return;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    for (uint32_t i = 0; i < MAX_CONNS; i++, hint = (hint + 1) % MAX_CONNS) {
        struct conn *c = &conns[hint];
        if (c->fd >= 0) continue;
        c->fd = fd;
        c->in_cap = IN_BYTES;
        c->in = malloc(c->in_cap);
        if (!c->in) exit(2);
        count.connects++;
        c->accepted_ns = responder_now();
        watch(fd, hint, EPOLLIN, EPOLL_CTL_ADD);
        return;
    }
    close(fd);
}

int main(void) {
    for (uint32_t i = 0; i < MAX_CONNS; i++) conns[i].fd = -1;
    store_start();
    epoll_fd = epoll_create1(EPOLL_CLOEXEC);
    open_listener();
    watch(0, STDIN, EPOLLIN, EPOLL_CTL_ADD);
    printf("port %d\n", ntohs(port));
    fflush(stdout);
    for (;;) {
        struct epoll_event ready[256];
        int n = epoll_wait(epoll_fd, ready, 256, until_back());
        for (int i = 0; i < n; i++) {
            uint32_t slot = ready[i].data.u32;
            if (slot == STDIN) {
                char byte;
                if (read(0, &byte, 1) <= 0) return 0;
            } else if (slot == LISTENER) {
                accept_one();
            } else if (conns[slot].fd >= 0) {
                if (ready[i].events & EPOLLOUT) flush(&conns[slot]);
                if (conns[slot].fd >= 0 && (ready[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) on_readable(&conns[slot]);
            }
        }
        flush_dirty();
        if (away_ms) {
            go_away(away_ms);
            away_ms = 0;
        }
    }
}
