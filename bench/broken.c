/* LD_PRELOAD for the self-test: breaks zoo_aget in ways that could make a library look fast, to check that the
 * benchmark detects them. BENCH_BREAK = twice (each callback called again), swap (two callbacks change places), data
 * (one byte altered), retry (one request sent twice), drop (one callback never comes). */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <zookeeper.h>

struct call {
    data_completion_t completion;
    const void *data;
    unsigned long number;
};

static unsigned long calls;
static struct call *held;
static struct Stat last_stat;
static char last_value[4096];

static void on_reply(int rc, const char *value, int len, const struct Stat *stat, const void *data) {
    struct call *c = (struct call *)data;
    const char *how = getenv("BENCH_BREAK");
    int strike = c->number == 500;
    if (strike && !strcmp(how, "drop")) return;
    if (strike && !strcmp(how, "swap")) {
        held = c;
        memcpy(last_value, value, (size_t)len);
        last_stat = *stat;
        return;
    }
    if (strike && !strcmp(how, "data")) {
        memcpy(last_value, value, (size_t)len);
        last_value[len / 2] ^= 1;
        value = last_value;
    }
    c->completion(rc, value, len, stat, c->data);
    if (strike && !strcmp(how, "twice")) c->completion(rc, value, len, stat, c->data);
    if (held) {
        struct call *late = held;
        held = NULL;
        late->completion(rc, last_value, len, &last_stat, late->data);
    }
    free(c);
}

static void on_nothing(int rc, const char *value, int len, const struct Stat *stat, const void *data) {
    (void)rc, (void)value, (void)len, (void)stat, (void)data;
}

int zoo_aget(zhandle_t *zh, const char *path, int watch, data_completion_t completion, const void *data) {
    static int (*real)(zhandle_t *, const char *, int, data_completion_t, const void *);
    if (!real) real = (int (*)(zhandle_t *, const char *, int, data_completion_t, const void *))dlsym(RTLD_NEXT, "zoo_aget");
    if (calls == 500 && !strcmp(getenv("BENCH_BREAK"), "retry")) real(zh, path, watch, on_nothing, NULL);
    struct call *c = malloc(sizeof *c);
    if (!c) return ZSYSTEMERROR;
    *c = (struct call){completion, data, calls++};
    return real(zh, path, watch, on_reply, c);
}
