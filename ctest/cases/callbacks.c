/* needs: server
 * The actions that callbacks may take: synchronous and asynchronous calls from completions and watchers, re-arming,
 * closing. They all run on one thread, which is not the caller's. */
#include "../case.h"

static pthread_t caller;
static pthread_t callbacks;
static _Atomic int threads;

static void same_thread(void)
{
    if (threads++ == 0)
        callbacks = pthread_self();
    else if (!pthread_equal(callbacks, pthread_self()))
        record("another thread");
    if (pthread_equal(caller, pthread_self()))
        record("the caller's thread");
}

static void sync_in_completion(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    zhandle_t *zh = (zhandle_t *)data;
    char bytes[16];
    int room = sizeof bytes;
    struct String_vector strings;
    (void)value, (void)length, (void)stat;
    same_thread();
    record("in a completion: %s", code(rc));
    record("sync get: %s", code(zoo_get(zh, "/n", 0, bytes, &room, NULL)));
    record("sync set: %s", code(zoo_set(zh, "/n", "z", 1, -1)));
    record("sync children: %s", code(zoo_get_children(zh, "/", 0, &strings)));
    deallocate_String_vector(&strings);
    record("async: %s", code(zoo_aexists(zh, "/n", 0, on_stat, "from a completion")));
}

static void sync_in_watcher(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct Stat stat;
    same_thread();
    on_watch(zh, type, state, path, context);
    if (type == ZOO_SESSION_EVENT)
        return;
    record("sync exists, armed again: %s", code(zoo_wexists(zh, path, sync_in_watcher, context, &stat)));
    record("version %d", stat.version);
}

static _Atomic int closed;

static void close_in_completion(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    record("closing in a completion: %s %s", code(rc), code(zookeeper_close((zhandle_t *)data)));
    closed = 1;
}

static void close_in_watcher(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    on_watch(zh, type, state, path, context);
    if (type == ZOO_CHANGED_EVENT)
        record("closing in a watcher: %s", code(zookeeper_close(zh)));
}

int main(void)
{
    zhandle_t *zh = open_case();
    caller = pthread_self();
    make(zh, "/n", "");
    outcome("aget", zoo_aget(zh, "/n", 0, sync_in_completion, zh));
    drain(6);
    outcome("wexists", zoo_wexists(zh, "/n", sync_in_watcher, "w", NULL));
    zoo_set(zh, "/n", "1", 1, -1);
    drain(3);
    zoo_set(zh, "/n", "2", 1, -1);
    drain(3);
    fact("-- close in a completion");
    outcome("aexists", zoo_aexists(zh, "/n", 0, close_in_completion, zh));
    drain(1);
    quiet(200);
    fact("-- close in a watcher");
    zh = open_at(hosts(), on_nothing, NULL);
    outcome("wexists", zoo_wexists(zh, "/n", close_in_watcher, "w", NULL));
    outcome("aset", zoo_aset(zh, "/n", "3", 1, -1, on_stat, "aset"));
    drain(2);
    nap(200);
    forget();
    fact("-- the sessions are gone");
    zh = open_at(hosts(), on_nothing, NULL);
    outcome("exists", zoo_exists(zh, "/n", 0, NULL));
    return zookeeper_close(zh);
}
