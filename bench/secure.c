/* The CPU time of calls in the process, with or without TLS: the environment (ZOO_TLS_CA) decides. secure.py runs it.
 *
 *   secure HOSTS get|aget|open OPERATIONS
 *
 * get: synchronous reads, one after the other. aget: 256 reads in flight all the time. open: the first session of the
 * process, from zookeeper_init until it is connected; OPERATIONS is 1. Every value is checked. Prints microseconds of
 * CPU time per operation, and the library used. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper.h>

enum { WINDOW = 256, WARM = 2000, VALUE_BYTES = 100 };

static zhandle_t *zh;
static char value[VALUE_BYTES];
static long left, unanswered;
static sem_t done;

static void fail(const char *what, int rc) {
    fprintf(stderr, "secure: %s: %d\n", what, rc);
    exit(4);
}

static double cpu_us(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

static void check(int rc, const char *got, int length) {
    if (rc != ZOK) fail("get", rc);
    if (length != VALUE_BYTES || memcmp(got, value, VALUE_BYTES) != 0) fail("the value", length);
}

static void ignore(zhandle_t *handle, int type, int state, const char *path, void *context) {
    (void)handle, (void)type, (void)state, (void)path, (void)context;
}

static void get(void) {
    char got[VALUE_BYTES + 1];
    int length = sizeof got;
    int rc = zoo_get(zh, "/secure-bench", 0, got, &length, NULL);
    check(rc, got, length);
}

/* Runs on one thread; all requests after the first window are sent from here. */
static void on_data(int rc, const char *got, int length, const struct Stat *stat, const void *data) {
    (void)stat, (void)data;
    check(rc, got, length);
    if (left > 0) {
        left--;
        if ((rc = zoo_aget(zh, "/secure-bench", 0, on_data, NULL)) != ZOK) fail("aget", rc);
    } else if (--unanswered == 0) {
        sem_post(&done);
    }
}

/* `count` must be much larger than the window. */
static void get_many(long count) {
    left = count - WINDOW;
    unanswered = WINDOW;
    for (int i = 0; i < WINDOW; i++) {
        int rc = zoo_aget(zh, "/secure-bench", 0, on_data, NULL);
        if (rc != ZOK) fail("aget", rc);
    }
    while (sem_wait(&done) != 0) continue;
}

int main(int argc, char **argv) {
    Dl_info library;
    if (argc != 4) return 2;
    long count = atol(argv[3]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    sem_init(&done, 0, 0);
    memset(value, 'v', sizeof value);
    double before = cpu_us();
    zh = zookeeper_init(argv[1], ignore, 30000, NULL, NULL, 0);
    if (!zh) fail("zookeeper_init", 0);
    for (int i = 0; i < 150000 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++) usleep(200);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE) fail("no session", zoo_state(zh));
    double spent = cpu_us() - before;
    int rc = zoo_create(zh, "/secure-bench", value, VALUE_BYTES, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    if (rc != ZOK && rc != ZNODEEXISTS) fail("create", rc);
    if (strcmp(argv[2], "get") == 0) {
        for (long i = 0; i < WARM; i++) get();
        before = cpu_us();
        for (long i = 0; i < count; i++) get();
        spent = cpu_us() - before;
    } else if (strcmp(argv[2], "aget") == 0) {
        get_many(WARM);
        before = cpu_us();
        get_many(count);
        spent = cpu_us() - before;
    }
    if (!dladdr((void *)zookeeper_init, &library)) return 3;
    printf("%.3f %s\n", spent / (double)count, library.dli_fname);
    return zookeeper_close(zh) == ZOK ? 0 : 4;
}
