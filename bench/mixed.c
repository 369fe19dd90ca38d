/* No figures: checks the shortcuts of synchronous calls, single requests and close under all kinds of faults. Several
 * threads get and set, one keeps a window of asynchronous requests, one keeps a watch armed, while the connection is
 * cut again and again; then there are servers that fall silent, hang up, send garbage, answer slowly or do not read,
 * while a caller waits, while a completion is due, and while the handle is closed. Every call must end, in time and
 * with a code that fits, and every completion must come once and in order. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench.h"
#include "measure.h"
#include "peer.h"
#include "wire.h"

enum { GETTERS = 2, WINDOW = 64, CUTS = 40 };

static zhandle_t *zh;
static _Atomic bool stop;
static _Atomic uint64_t gets, sets, events, lost, completed;
static uint64_t submitted;
static sem_t room;

/* The connection is cut on purpose, so connection loss is a valid result; any other error is a fault. */
static bool ended_well(int rc, const char *what) {
    if (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT) {
        lost++;
        return false;
    }
    want(rc, what);
    return true;
}

static void *get_on(void *arg) {
    unsigned node = (unsigned)(uintptr_t)arg;
    while (!stop) {
        char path[64], value[256];
        int len = sizeof value;
        struct Stat stat;
        get_path(path, node);
        if (ended_well(zoo_get(zh, path, 0, value, &len, &stat), "zoo_get")) {
            check_value(value, len, node);
            gets++;
        }
        node = (node + GETTERS) % NODES;
    }
    return NULL;
}

static void *set_on(void *arg) {
    int32_t last = -1;
    (void)arg;
    while (!stop) {
        char path[64], value[VALUE_BYTES];
        struct Stat stat;
        set_path(path, 0);
        node_value(value, 0);
        if (!ended_well(zoo_set2(zh, path, value, VALUE_BYTES, -1, &stat), "zoo_set2")) continue;
        if (stat.version <= last) broken("version %d after %d", stat.version, last); /* a lost one may have been done */
        last = stat.version;
        sets++;
    }
    return NULL;
}

static void on_reply(int rc, const char *value, int len, const struct Stat *stat, const void *context) {
    uint64_t number = (uint64_t)(uintptr_t)context;
    (void)stat;
    if (number != completed) broken("callback of request %lu where %lu was due", number, completed);
    if (ended_well(rc, "zoo_aget's callback")) check_value(value, len, number % NODES);
    completed++;
    sem_post(&room);
}

static void *submit_on(void *arg) {
    (void)arg;
    while (!stop) {
        char path[64];
        sem_wait(&room);
        get_path(path, submitted % NODES);
        want(zoo_aget(zh, path, 0, on_reply, (void *)(uintptr_t)submitted), "zoo_aget");
        submitted++;
        if (submitted % 100 == 0) usleep(500); /* leave the callers moments alone */
    }
    return NULL;
}

static void on_change(zhandle_t *h, int type, int state, const char *path, void *context) {
    (void)h, (void)state, (void)path, (void)context;
    if (type == ZOO_CHANGED_EVENT) events++;
}
static void *watch_on(void *arg) {
    (void)arg;
    while (!stop) {
        char path[64], value[8];
        int len = sizeof value;
        set_path(path, 0);
        ended_well(zoo_wget(zh, path, on_change, NULL, value, &len, NULL), "zoo_wget");
        usleep(200);
    }
    return NULL;
}

static void cut(void) {
    for (int fd = 3; fd < 1024; fd++) {
        struct sockaddr_in to;
        socklen_t len = sizeof to;
        if (getpeername(fd, (struct sockaddr *)&to, &len) == 0 && ntohs(to.sin_port) == opt.port) shutdown(fd, SHUT_RDWR);
    }
}

static void run_crowd(void) {
    pthread_t threads[GETTERS + 3];
    stop = false;
    sem_init(&room, 0, WINDOW);
    zh = handle_open(NULL, NULL);
    for (unsigned i = 0; i < GETTERS; i++) pthread_create(&threads[i], NULL, get_on, (void *)(uintptr_t)i);
    pthread_create(&threads[GETTERS], NULL, set_on, NULL);
    pthread_create(&threads[GETTERS + 1], NULL, submit_on, NULL);
    pthread_create(&threads[GETTERS + 2], NULL, watch_on, NULL);
    for (unsigned i = 0; i < CUTS; i++) {
        usleep(5000 + i * 500);
        if (i % 4) cut();
    }
    /* On a busy machine the cuts may be over before any call has succeeded. Only --limit ends these waits. */
    stage = "waiting for every kind of call to succeed";
    uint64_t got = gets, set = sets, done = completed, heard = events;
    while (gets == got || sets == set || completed == done || events == heard) usleep(1000);
    stop = true;
    stage = "waiting for the callers to end";
    for (unsigned i = 0; i < GETTERS + 3; i++) pthread_join(threads[i], NULL);
    stage = "waiting for the callbacks";
    while (completed < submitted) usleep(1000);
    handle_close(zh);
    if (completed != submitted) broken("%lu callbacks for %lu requests", completed, submitted);
}

/* ---- a server that goes silent while one caller waits ---- */

enum mood { SILENT, HANGS_UP, GARBAGE, SLOW, DEAF };
static const char *const moods[] = {"silent", "hangs up", "garbage", "slow", "deaf"};
static enum mood mood;
static _Atomic bool hears; /* wakes the deaf one */
static _Atomic unsigned accepted, asked; /* connections, and requests that have arrived */
static int listener;

static bool read_frame(int fd, char *frame, size_t cap) {
    if (recv(fd, frame, 4, MSG_WAITALL) != 4) return false;
    int32_t len = get32(frame);
    return len > 0 && (size_t)len < cap && recv(fd, frame, (size_t)len, MSG_WAITALL) == len;
}
static void *serve(void *arg) {
    char frame[4096], *p;
    (void)arg;
    for (int fd; (fd = accept(listener, NULL, NULL)) >= 0; close(fd)) {
        accepted++;
        read_frame(fd, frame, sizeof frame);
        p = put32(put32(frame + 4, 0), opt.timeout_ms);
        p = put_bytes(put64(p, 1), "benchmark-passwd", 16);
        *p++ = 0;
        if (send(fd, frame, (size_t)(frame_end(frame, p) - frame), MSG_NOSIGNAL) < 0) continue;
        while (mood == DEAF && !hears) usleep(1000);
        if (read_frame(fd, frame, sizeof frame)) asked++;
        int32_t xid = get32(frame);
        if (mood == HANGS_UP || mood == GARBAGE) {
            usleep(3000);
            if (mood == GARBAGE) send(fd, "\x7f\xff\xff\xff garbage", 12, MSG_NOSIGNAL);
            continue;
        }
        if (mood == SLOW) {
            char reply[128];
            usleep(100000); /* longer than any shortcut lasts */
            p = put32(put64(put32(reply + 4, xid), 1), 0);
            memset(p, 0, STAT_BYTES);
            send(fd, reply, (size_t)(frame_end(reply, p + STAT_BYTES) - reply), MSG_NOSIGNAL);
        }
        while (recv(fd, frame, sizeof frame, 0) > 0) continue;
    }
    return NULL;
}

static _Atomic int answer;
static void *ask(void *arg) {
    struct Stat stat;
    (void)arg;
    answer = zoo_exists(zh, "/x", 0, &stat);
    return NULL;
}

/* One asynchronous request, which the thread of its caller sends. */
static void on_single(int rc, const struct Stat *stat, const void *context) {
    (void)stat, (void)context;
    if (answer != 1) broken("a second completion, %d after %d", rc, answer);
    answer = rc;
}
static void run_single(void) {
    stage = "a bad server while a completion is due";
    zh = handle_open(NULL, NULL);
    answer = 1;
    want(zoo_aexists(zh, "/x", 0, on_single, NULL), "zoo_aexists");
    while (answer == 1 && mood != SILENT) usleep(1000);
    want(zookeeper_close(zh), "zookeeper_close");
    bool fits = mood == SILENT ? answer == ZCLOSING : mood == SLOW ? answer == ZOK
              : answer == ZCONNECTIONLOSS || answer == ZMARSHALLINGERROR;
    if (!fits) broken("server that is %s: the completion came with %d", moods[mood], answer);
}

/* Requests before a close to such a server. If it does not read, they are more than the socket can hold: no call may
 * block. */
static unsigned closing;
static void on_closing(int rc, const struct Stat *stat, const void *context) {
    (void)stat;
    if (rc != ZCLOSING || (unsigned)(uintptr_t)context != closing) broken("completion %lu: %d", (uintptr_t)context, rc);
    closing++;
}
static void run_goodbye(void) {
    enum { REQUESTS = 16, BYTES = 1000000 };
    static char value[BYTES];
    stage = "a bad server while the handle is closed";
    zh = handle_open(NULL, NULL);
    closing = 0;
    unsigned connections = accepted;
    for (uintptr_t i = 0; i < REQUESTS && mood == DEAF; i++)
        want(zoo_aset(zh, "/x", value, BYTES, -1, on_closing, (void *)i), "zoo_aset");
    usleep(20000);
    uint64_t start = now_ns();
    want(zookeeper_close(zh), "zookeeper_close");
    double took = (double)(now_ns() - start) / 1e9;
    /* A call that waits for a deaf server ends only with the connection, after 2/3 of the session timeout. */
    if (mood == DEAF && accepted != connections) broken("a call has waited until the connection was lost");
    if (took > (double)opt.timeout_ms / 3000) broken("server that is %s: zookeeper_close took %.1f s", moods[mood], took);
    if (mood == SILENT && took < 1) broken("zookeeper_close did not wait for an answer");
    if (mood == DEAF && closing != REQUESTS) broken("%u completions of %d", closing, REQUESTS);
    hears = true;
}

static void run_silence(void) {
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;
    pthread_t server, caller;
    listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (bind(listener, (struct sockaddr *)&at, sizeof at) || listen(listener, 8) || getsockname(listener, (struct sockaddr *)&at, &len))
        broken("no listener");
    snprintf(opt.servers, sizeof opt.servers, "127.0.0.1:%d", ntohs(at.sin_port));
    pthread_create(&server, NULL, serve, NULL);
    for (mood = SILENT; mood <= SLOW; mood++) {
        stage = "a bad server while a call waits";
        zh = handle_open(NULL, NULL);
        answer = 1;
        unsigned requests = asked;
        pthread_create(&caller, NULL, ask, NULL);
        while (asked == requests) usleep(1000); /* from here on the call waits */
        usleep(50000);
        if (mood == SILENT && answer != 1) broken("silent server: the call returned %d", answer);
        if (mood == SILENT) want(zookeeper_close(zh), "zookeeper_close while a call waits");
        pthread_join(caller, NULL);
        bool fits = mood == SILENT ? answer == ZCLOSING : mood == SLOW ? answer == ZOK
                  : answer == ZCONNECTIONLOSS || answer == ZMARSHALLINGERROR;
        if (!fits) broken("server that is %s: the call returned %d", moods[mood], answer);
        if (mood != SILENT) zookeeper_close(zh);
    }
    for (mood = SILENT; mood <= SLOW; mood++) run_single();
    for (mood = SILENT; mood <= DEAF; mood++) run_goodbye();
    shutdown(listener, SHUT_RDWR);
    pthread_join(server, NULL);
    close(listener);
}

void run_mixed(void) {
    run_crowd();
    run_silence();
    json_number("gets", (double)gets);
    json_number("sets", (double)sets);
    json_number("completed", (double)completed);
    json_number("events", (double)events);
    json_number("lost", (double)lost);
}
