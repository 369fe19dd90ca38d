/* The benchmark's own parts: options, handles, and one function per family of modes. */
#ifndef BENCH_H
#define BENCH_H
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <zookeeper.h>

struct options {
    const char *mode, *host, *expect; /* expect: the library file that must be the one loaded */
    int port, threads, window, timeout_ms;
    unsigned count;    /* watches or handles */
    unsigned away_ms;  /* how long the server is away, for loss */
    double secs;       /* how long to measure, unless ops says how much */
    double limit_s;    /* give up after this long, and say so */
    uint64_t ops, warm;
    bool tuned;        /* zoo_set_servers_resolution_delay(zh, -1) */
    bool real;         /* a real server: no counters, creates must go away by themselves */
    bool watched;      /* sync modes: a watch is armed meanwhile */
    bool caller;       /* async modes: submit from a thread of the application instead of from the callback */
    bool interposed;   /* do not insist that every function comes from the expected library (self-test only) */
    char servers[64];
};
extern struct options opt;
/* The present activity of the process, for the message when the time limit is reached. */
extern _Atomic(const char *) stage;

/* A connected handle. `watcher` may be NULL. Exits when there is no session within 30 s. */
zhandle_t *handle_open(watcher_fn watcher, void *context);
void handle_close(zhandle_t *zh); /* and insists on ZOK */
void want(int rc, const char *what); /* rc must be ZOK */
/* Whether the measured phase is over, by number of operations or by time. */
bool enough(uint64_t ops, uint64_t since_ns);
/* Checks that the responder got exactly this many requests since `before`; does nothing for a real server. */
void insist_asked(const char *what, uint64_t before, uint64_t after, uint64_t expected);
void check_value(const char *value, int len, unsigned node);

void run_sync(void);
void run_async(void);
void run_watch_delivery(void);
void run_watch_latency(void);
void run_queued_watches(void);
void run_reconnect(void);
void run_open_close(void);
void run_idle(void);
void run_loss(void);
void run_mixed(void);
#endif
