/* The responder's two halves: sockets (responder.c) and the meaning of requests (answer.c). */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { MAX_CONNS = 16384 };

struct conn {
    int fd; /* -1: free */
    uint32_t generation;
    bool handshaken, closing, writing, dirty; /* dirty: has something to send and stands in the list of those */
    uint64_t accepted_ns;
    char *in, *out;
    size_t in_len, in_cap, out_at, out_len, out_cap;
};
struct counters {
    uint64_t connects, handshakes, get, set, create, exists, children, multi, other, setwatches, rearmed, events;
    uint64_t last_loss_ns, last_accept_ns, last_rearm_ns; /* CLOCK_MONOTONIC; of session connections only */
};
/* A request's bytes; reading past the end gives zeros and sets `bad`. */
struct cursor {
    const char *p, *end;
    bool bad;
};

extern struct conn conns[MAX_CONNS];
extern struct counters count;

char *room(struct conn *c, size_t n); /* at the end of what is to be sent; the caller adds to out_len */
void answer_handshake(struct conn *c, struct cursor request);
void answer(struct conn *c, struct cursor request);
uint64_t responder_now(void);
#endif
