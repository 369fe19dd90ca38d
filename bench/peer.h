/* The second client: a separate process with a raw connection, so that neither its CPU time nor its memory is counted.
 * It prepares the nodes, changes them to fire watches, and reads the responder's counters. */
#ifndef BENCH_PEER_H
#define BENCH_PEER_H
#include <stdbool.h>
#include <stdint.h>

enum { NODES = 64, VALUE_BYTES = 100, CHILDREN = 10000, BIG_BYTES = 1000000, MULTI_PARTS = 100 };

/* The content of the nodes, used by the code that writes and the code that checks. */
void node_value(char out[VALUE_BYTES], unsigned node);
unsigned char big_byte(unsigned at);
/* Whether these are BIG_BYTES of big_byte: every byte, or with `quick` one in each page. */
bool is_big(const char *data, bool quick);
void get_path(char out[64], unsigned node);      /* read only, holds node_value(node) */
void set_path(char out[64], unsigned node);      /* written by set and multi */
void watched_path(char out[64], unsigned node);  /* holds nothing; changed to fire watches */
#define CHILDREN_PATH "/bench/children"          /* CHILDREN nodes c00000 .. */
#define BIG_PATH "/bench/big"                    /* BIG_BYTES of big_byte */
#define SINK_PATH "/bench/sink"                  /* creates go below */

/* The numbers of requests that the responder has got so far; a real server has none of them (`known` false). */
struct server_counts {
    bool known;
    uint64_t get, set, create, children, multi, setwatches, rearmed, events, last_loss_ns, last_accept_ns, last_rearm_ns;
};

void peer_start(const char *host, int port); /* forks: call it before any thread exists */
void peer_prepare(unsigned watched, bool children, bool big);
/* Sends one multi that changes the watched nodes [0, n) and returns at once; peer_wait waits for its reply.
 * peer_sent_ns is the time just before the bytes were passed to the kernel. */
void peer_fire(unsigned n);
void peer_change(unsigned node); /* the same with one plain set */
void peer_wait(void);
uint64_t peer_sent_ns(void);
struct server_counts peer_counts(void);
void peer_stop(void);
#endif
