/* The page that a client process shares with the harness: herd/fleet.py samples it every 100 ms.
 *
 * All fields are little-endian machine words at fixed offsets; fleet.py has the same layout as struct formats, and both
 * sides check `magic` and the sizes. Times are CLOCK_MONOTONIC nanoseconds. */
#ifndef HERD_SHARED_H
#define HERD_SHARED_H

#include <stdatomic.h>
#include <stdint.h>

#define HERD_MAGIC 0x48455244u /* "HERD" */

struct herd_head {
    uint32_t magic;
    uint32_t handles;
    uint32_t head_bytes;
    uint32_t slot_bytes;
    _Atomic uint64_t connected;   /* handles whose last session event was CONNECTED */
    _Atomic uint64_t inits;       /* zookeeper_init calls that returned a handle */
    _Atomic uint64_t init_errors; /* zookeeper_init calls that returned NULL */
    _Atomic uint64_t lost;        /* session-expired events: each one is a session lost */
    _Atomic uint64_t connects;    /* CONNECTED events */
    _Atomic uint64_t drops;       /* CONNECTING events: a live connection was lost */
    _Atomic uint64_t watch_events;
    _Atomic uint64_t log_lines;
    _Atomic uint64_t log_bytes;
    _Atomic uint64_t read_errors; /* awget completions with an error */
    _Atomic uint64_t ready;       /* 1 once every handle has been initialised */
    uint64_t spare[3];
};

struct herd_slot {
    _Atomic uint32_t connected;
    _Atomic uint32_t port;    /* of the server of the last CONNECTED */
    _Atomic uint32_t version; /* newest data version of the watched node that the application has read */
    _Atomic uint32_t lost;
    _Atomic uint32_t connects;
    _Atomic uint32_t watch_events;
    _Atomic uint64_t connected_at;
    _Atomic uint64_t dropped_at;
    uint64_t spare[3];
};

#endif
