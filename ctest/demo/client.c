// A small application: a session, a data watch, and one asynchronous read every 10 ms, even without a connection.
//
// usage: client HOSTS SESSION_TIMEOUT_MS
// Prints, after the monotonic time: session events, and at the end (after a line on stdin) its counts.
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

enum { PERIOD_MS = 10 };

static atomic_long answered, failed, refused_at_once;

static double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT) return;
    const char *name = state == ZOO_CONNECTED_STATE         ? "connected"
                       : state == ZOO_CONNECTING_STATE      ? "connecting"
                       : state == ZOO_EXPIRED_SESSION_STATE ? "expired"
                                                            : "other";
    printf("%.6f %s %llx\n", now(), name, (unsigned long long)zoo_client_id(zh)->client_id);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data) {
    (void)value, (void)length, (void)stat, (void)data;
    atomic_fetch_add(rc == ZOK || rc == ZNONODE ? &answered : &failed, 1);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zhandle_t *zh = zookeeper_init(argv[1], on_event, atoi(argv[2]), NULL, NULL, 0);
    if (!zh) return 1;
    long calls = 0;
    struct pollfd input = {.fd = STDIN_FILENO, .events = POLLIN};
    while (poll(&input, 1, PERIOD_MS) == 0) {
        if (zoo_aget(zh, "/demo", 0, on_data, NULL) == ZOK)
            calls++;
        else
            atomic_fetch_add(&refused_at_once, 1);
    }
    zookeeper_close(zh);
    printf("%.6f calls %ld answered %ld failed %ld refused %ld\n", now(), calls, atomic_load(&answered),
           atomic_load(&failed), atomic_load(&refused_at_once));
    return 0;
}
