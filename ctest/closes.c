/* Handles closed from every kind of callback, from other threads, at once, and with 1,000 calls pending. Parts: close, pending. */
#include <pthread.h>

#include "parts.h"

#define TIMEOUT_MS 6000
#define PENDING 8

/* -- close, from every kind of callback */

struct closing {
    zhandle_t *zh;
    sem_t closed;
    int calls;     /* of the callback that closes */
    int pending;   /* callbacks that are due */
    int over;      /* what comes now comes too late */
};

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct closing *logging; /* whose log callback is to close */

static void counted(int rc, const struct Stat *stat, const void *data)
{
    struct closing *c = (struct closing *)data;
    (void)stat;
    if (rc != ZOK && rc != ZCLOSING && rc != ZNONODE && rc != ZCONNECTIONLOSS)
        die("a pending call got %d", rc);
    if (__atomic_load_n(&c->over, __ATOMIC_SEQ_CST))
        die("a callback after the close");
    __atomic_fetch_sub(&c->pending, 1, __ATOMIC_SEQ_CST);
}

static void submit_pending(struct closing *c)
{
    int i;
    for (i = 0; i < PENDING; i++) {
        __atomic_fetch_add(&c->pending, 1, __ATOMIC_SEQ_CST);
        if (zoo_aexists(c->zh, "/", 0, counted, c) != ZOK)
            __atomic_fetch_sub(&c->pending, 1, __ATOMIC_SEQ_CST);
    }
}

static void close_now(struct closing *c)
{
    int rc;
    if (__atomic_fetch_add(&c->calls, 1, __ATOMIC_SEQ_CST) != 0)
        return;
    submit_pending(c); /* from a callback of the handle these are called after it */
    rc = zookeeper_close(c->zh);
    if (rc != ZOK)
        die("zookeeper_close: %d", rc);
    sem_post(&c->closed);
}

static void by_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path;
    if (type != ZOO_SESSION_EVENT)
        close_now(context);
}
static void by_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct closing *c = context;
    (void)path;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) {
        c->zh = zh;
        submit_pending(c);
        close_now(c);
    }
}
static void by_void(int rc, const void *data) { (void)rc; close_now((struct closing *)data); }
static void by_stat(int rc, const struct Stat *s, const void *data) { (void)rc, (void)s; close_now((struct closing *)data); }
static void by_data(int rc, const char *v, int n, const struct Stat *s, const void *data)
{
    (void)rc, (void)v, (void)n, (void)s;
    close_now((struct closing *)data);
}
static void by_strings(int rc, const struct String_vector *v, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v->count < 1) /* what it was given outlives the handle */
        die("no child of /");
}
static void by_strings_stat(int rc, const struct String_vector *v, const struct Stat *s, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v->count != s->numChildren)
        die("the lists of a callback are gone");
}
static void by_string(int rc, const char *v, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v[0] != '/')
        die("the text of a callback is gone");
}
static void by_string_stat(int rc, const char *v, const struct Stat *s, const void *data)
{
    (void)rc, (void)v, (void)s;
    close_now((struct closing *)data);
}
static void by_acl(int rc, struct ACL_vector *a, struct Stat *s, const void *data)
{
    (void)rc, (void)a, (void)s;
    close_now((struct closing *)data);
}
static void by_log(const char *line)
{
    struct closing *c = NULL;
    if (strstr(line, "session establishment complete") == NULL)
        return;
    pthread_mutex_lock(&current_lock);
    c = logging;
    logging = NULL;
    while (c != NULL && c->zh == NULL) { /* zookeeper_init2 has not returned yet */
        pthread_mutex_unlock(&current_lock);
        nap(1);
        pthread_mutex_lock(&current_lock);
    }
    pthread_mutex_unlock(&current_lock);
    if (c != NULL)
        close_now(c);
}

static void *by_thread(void *context)
{
    close_now(context);
    return NULL;
}

static zoo_op_t check_op;
static zoo_op_result_t check_result;

enum { AT_ONCE, LOG, SESSION, MAIN, THREAD, WATCH, VOID, STAT, DATA, STRINGS, STRINGS_STAT, STRING, STRING_STAT, ACLS,
       MULTI, AUTH, KINDS };
static const char *const KIND_NAMES[KINDS] = {
    "at once", "log callback", "session event", "main thread", "another thread", "node watcher", "void", "stat", "data",
    "strings", "strings_stat", "string", "string_stat", "acl", "multi", "auth"};

static int begin_close(struct closing *c, int kind)
{
    pthread_t thread;
    char path[64];
    switch (kind) {
    case AT_ONCE:
    case MAIN:
        close_now(c);
        return ZOK;
    case THREAD:
        if (pthread_create(&thread, NULL, by_thread, c) != 0 || pthread_detach(thread) != 0)
            die("no thread");
        return ZOK;
    case WATCH:
        snprintf(path, sizeof path, "/lifetimes-%d", (int)getpid());
        zoo_wexists(c->zh, path, by_watch, c, NULL);
        /* Ephemeral, because the handle may be closed before this returns. */
        return zoo_acreate(c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, NULL);
    case VOID: return zoo_adelete(c->zh, "/none", -1, by_void, c);
    case STAT: return zoo_aexists(c->zh, "/", 0, by_stat, c);
    case DATA: return zoo_aget(c->zh, "/", 0, by_data, c);
    case STRINGS: return zoo_aget_children(c->zh, "/", 0, by_strings, c);
    case STRINGS_STAT: return zoo_aget_children2(c->zh, "/", 0, by_strings_stat, c);
    case STRING: return zoo_async(c->zh, "/", by_string, c);
    case STRING_STAT: return zoo_acreate2(c->zh, "/zookeeper", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, by_string_stat, c);
    case ACLS: return zoo_aget_acl(c->zh, "/", by_acl, c);
    case MULTI: return zoo_amulti(c->zh, 1, &check_op, &check_result, by_void, c);
    case AUTH: return zoo_add_auth(c->zh, "digest", "a:b", 3, by_void, c);
    default: return ZOK;
    }
}

static void close_once(int kind)
{
    struct closing c;
    zhandle_t *zh;
    int rc;
    int ms;
    memset(&c, 0, sizeof c);
    sem_init(&c.closed, 0, 0);
    if (kind == LOG) {
        pthread_mutex_lock(&current_lock);
        logging = &c;
        pthread_mutex_unlock(&current_lock);
        zh = zookeeper_init2(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0, by_log);
        pthread_mutex_lock(&current_lock);
        c.zh = zh;
        pthread_mutex_unlock(&current_lock);
    } else if (kind == SESSION) {
        open_at(hosts, TIMEOUT_MS, by_session, &c);
    } else {
        c.zh = open_at(hosts, TIMEOUT_MS, on_nothing, NULL);
        if (kind != AT_ONCE)
            await_state(c.zh, ZOO_CONNECTED_STATE);
        submit_pending(&c);
        rc = begin_close(&c, kind);
        if (rc != ZOK)
            die("%s: %d", KIND_NAMES[kind], rc);
    }
    await(&c.closed, KIND_NAMES[kind]);
    /* After a close in a callback of the handle, the other completions are called after that callback. */
    for (ms = 0; __atomic_load_n(&c.pending, __ATOMIC_SEQ_CST) != 0 && ms < PATIENCE_S * 1000; ms++)
        nap(1);
    if (c.pending != 0)
        die("%s: %d callbacks are missing", KIND_NAMES[kind], c.pending);
    if (kind == MAIN || kind == AT_ONCE)
        c.over = 1;
    else
        nap(2); /* the threads of the handle may still be on their way out of this frame */
    sem_destroy(&c.closed);
}

static void part_close(void)
{
    int only_kind = other_hosts[0] == '\0' ? -1 : atoi(other_hosts); /* by hand: closes close HOSTS COUNT KIND */
    int i;
    struct holdings before;
    zoo_check_op_init(&check_op, "/", -1);
    close_once(MAIN);
    before = holdings();
    for (i = 0; i < count; i++)
        close_once(only_kind >= 0 ? only_kind : i % KINDS);
    check_leftovers(before);
    printf("%d handles closed in %d ways\n", count, only_kind >= 0 ? 1 : KINDS);
}

/* -- 1,000 calls pending at the close */

static unsigned char times[1000];
static void tally(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat;
    __atomic_fetch_add(&times[(size_t)data], 1, __ATOMIC_SEQ_CST);
}

static void part_pending(void)
{
    int round;
    int i;
    for (round = 0; round < count; round++) {
        zhandle_t *zh = connected(TIMEOUT_MS);
        memset(times, 0, sizeof times);
        for (i = 0; i < COUNT(times); i++)
            if (zoo_aexists(zh, "/", 0, tally, (void *)(size_t)i) != ZOK)
                die("call %d refused", i);
        zookeeper_close(zh);
        for (i = 0; i < COUNT(times); i++)
            if (times[i] != 1)
                die("round %d: callback %d was called %d times", round, i, times[i]);
    }
    printf("%d times %d callbacks, each called once\n", count, COUNT(times));
}

int main(int argc, char **argv)
{
    static const struct part PARTS[] = {{"close", part_close}, {"pending", part_pending}};
    zoo_set_debug_level(getenv("LIFETIMES_DEBUG") == NULL ? ZOO_LOG_LEVEL_INFO : ZOO_LOG_LEVEL_DEBUG);
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
