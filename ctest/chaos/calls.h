/*
 * What the workers of client.c share: their session, calls of the library, and the callbacks. Each call, result and event
 * goes to the journal.
 */
#ifndef CHAOS_CALLS_H
#define CHAOS_CALLS_H

#include <zookeeper/zookeeper.h>

#include "journal.h"

enum { REGISTERS = 3 };

static const char *const registers[REGISTERS] = {"/chaos/r0", "/chaos/r1", "/chaos/m"};
static const char *name;
static atomic_long serial; /* makes names and values unique */

struct watch {
    struct watch *next;
    int handle;
    long number;
    atomic_int fired;
};

struct session {
    zhandle_t *zh;
    int number;
    atomic_int over;      /* the workers are to end */
    atomic_int drain;     /* and to wait for their completions */
    atomic_int under_way; /* async calls without their completion */
    struct watch *watches, *armed[REGISTERS];
};

struct call {
    struct session *session;
    long id;
};

/* -- callbacks */

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct session *session = context;
    (void)path;
    if (type == ZOO_SESSION_EVENT)
        journal("S %d %lld %d %llx\n", session->number, microseconds(), state,
                (unsigned long long)zoo_client_id(zh)->client_id);
}

static void on_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct watch *watch = context;
    (void)zh, (void)state;
    if (type == ZOO_SESSION_EVENT)
        return;
    journal("F %ld %d %lld %d %s\n", watch->number, watch->handle, microseconds(), type, *path ? path : NOTHING);
    watch->fired = 1;
}

static void completed(const void *data, int rc, const struct Stat *stat, const char *value, int length)
{
    struct call *call = (struct call *)data;
    char text[64];
    snprintf(text, sizeof text, "%.*s", value && length > 0 ? length : 0, value ? value : "");
    end(call->id, rc, rc == ZOK && stat ? stat->version : -1, rc == ZOK && stat ? stat->mzxid : -1, text);
    atomic_fetch_sub(&call->session->under_way, 1);
    /* The call is not freed: if the library completed it twice, the journal must show it. */
}

static void on_void(int rc, const void *data)
{
    completed(data, rc, NULL, NULL, 0);
}

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    completed(data, rc, stat, NULL, 0);
}

static void on_string(int rc, const char *value, const void *data)
{
    (void)value;
    completed(data, rc, NULL, NULL, 0);
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    completed(data, rc, stat, rc == ZOK ? value : NULL, length);
}

/* -- calls */

static void unique(char *path, size_t size, char *value, size_t value_size, char mark)
{
    long n = atomic_fetch_add(&serial, 1);
    snprintf(path, size, "/chaos/w/%02lx/%s%c%ld", n % CREATED_IN, name, mark, n);
    snprintf(value, value_size, "%s.%ld", name, n);
}

static int create(struct session *session, const char *kind, const char *path, const char *value, int mode)
{
    struct Stat stat;
    long id = begin(session->number, 's', kind, path, value, -1);
    int rc = zoo_create2(session->zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, mode, NULL, 0, &stat);
    end(id, rc, rc == ZOK ? stat.version : -1, rc == ZOK ? stat.mzxid : -1, "");
    return rc;
}

static int get(struct session *session, const char *path, struct watch *watch, struct Stat *stat)
{
    char value[64] = "";
    int length = sizeof value - 1;
    long id = begin(session->number, 's', "get", path, NOTHING, -1);
    int rc = zoo_wget(session->zh, path, watch ? on_watch : NULL, watch, value, &length, stat);
    value[rc == ZOK && length > 0 ? length : 0] = 0;
    end(id, rc, rc == ZOK ? stat->version : -1, rc == ZOK ? stat->mzxid : -1, value);
    return rc;
}

/* Sets a register, alone or with its history node in one transaction, if it still has the expected version. */
static int set_register(struct session *session, int which, const char *value, int expected)
{
    const char *path = registers[which];
    struct Stat stat;
    int rc;
    if (which < REGISTERS - 1) {
        long id = begin(session->number, 's', "set", path, value, expected);
        rc = zoo_set2(session->zh, path, value, (int)strlen(value), expected, &stat);
        end(id, rc, rc == ZOK ? stat.version : -1, rc == ZOK ? stat.mzxid : -1, "");
        return rc;
    }
    char history[64];
    zoo_op_t operations[2];
    zoo_op_result_t results[2];
    snprintf(history, sizeof history, "/chaos/mh/%d", expected + 1);
    long id = begin(session->number, 's', "multi", path, value, expected);
    zoo_set_op_init(&operations[0], path, value, (int)strlen(value), expected, &stat);
    zoo_create_op_init(&operations[1], history, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    rc = zoo_multi(session->zh, 2, operations, results);
    end(id, rc, rc == ZOK ? stat.version : -1, rc == ZOK ? stat.mzxid : -1, "");
    return rc;
}

/* Reads a register: with a new watch if the last one has fired, otherwise without. */
static int read_register(struct session *session, int which)
{
    struct Stat stat;
    if (session->armed[which] && !session->armed[which]->fired)
        return get(session, registers[which], NULL, &stat);
    struct watch *watch = calloc(1, sizeof *watch);
    watch->handle = session->number;
    watch->number = atomic_fetch_add(&next_number, 1);
    watch->next = session->watches;
    session->watches = watch;
    int rc = get(session, registers[which], watch, &stat);
    session->armed[which] = NULL;
    if (rc == ZOK) {
        session->armed[which] = watch;
        journal("A %ld %d %lld %s %d %lld\n", watch->number, session->number, microseconds(), registers[which],
                stat.version, (long long)stat.mzxid);
    }
    return rc;
}

static void submit(struct session *session, unsigned *seed, const char *counter, char *last)
{
    struct call *call = malloc(sizeof *call);
    char path[96], value[64];
    const char *which = registers[rand_r(seed) % REGISTERS];
    int rc;
    call->session = session;
    atomic_fetch_add(&session->under_way, 1);
    switch (rand_r(seed) % 5) {
    case 0:
        unique(path, sizeof path, value, sizeof value, 'a');
        strcpy(last, path);
        call->id = begin(session->number, 'a', "create", path, value, -1);
        rc = zoo_acreate(session->zh, path, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, on_string, call);
        break;
    case 1:
        snprintf(value, sizeof value, "%s.%ld", name, atomic_fetch_add(&serial, 1));
        call->id = begin(session->number, 'a', "count", counter, value, -1);
        rc = zoo_aset(session->zh, counter, value, (int)strlen(value), -1, on_stat, call);
        break;
    case 2:
        call->id = begin(session->number, 'a', "get", which, NOTHING, -1);
        rc = zoo_aget(session->zh, which, 0, on_data, call);
        break;
    case 3:
        if (*last) {
            call->id = begin(session->number, 'a', "delete", last, NOTHING, -1);
            rc = zoo_adelete(session->zh, last, -1, on_void, call);
            *last = 0;
            break;
        } /* fallthrough */
    default:
        call->id = begin(session->number, 'a', "sync", "/chaos", NOTHING, -1);
        rc = zoo_async(session->zh, "/chaos", on_string, call);
    }
    if (rc != ZOK) {
        journal("! %ld %lld %d\n", call->id, microseconds(), rc);
        atomic_fetch_sub(&session->under_way, 1);
    }
}

#endif
