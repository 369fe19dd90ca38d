/* needs: server
 * A callback that ends its thread, as Python's callbacks do while Python shuts down: the process survives, waiting
 * calls are still answered, and the handle can be closed. No other thread inherits the thread's own data. */
#include "../case.h"

static _Atomic int called;
static pthread_key_t own;

static void leave(void)
{
    pthread_setspecific(own, "its own");
    called = 1;
    pthread_exit(NULL);
}

static void *look(void *unused)
{
    (void)unused;
    nap(20);
    return pthread_getspecific(own);
}

/* New threads may get the stacks of those that have ended. */
static int heirs(void)
{
    pthread_t threads[6];
    void *found;
    int i, count = 0;
    for (i = 0; i < 6; i++)
        if (pthread_create(&threads[i], NULL, look, NULL) != 0)
            die("no thread");
    for (i = 0; i < 6; i++) {
        pthread_join(threads[i], &found);
        count += found != NULL;
    }
    return count;
}

static void in_watcher(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path, (void)context;
    leave();
}

static void in_void(int rc, const void *data)
{
    (void)rc, (void)data;
    leave();
}

static void in_stat(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    leave();
}

static void in_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)rc, (void)value, (void)length, (void)stat, (void)data;
    leave();
}

static void in_strings(int rc, const struct String_vector *strings, const void *data)
{
    (void)rc, (void)strings, (void)data;
    leave();
}

static void in_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    (void)rc, (void)strings, (void)stat, (void)data;
    leave();
}

static void in_string(int rc, const char *value, const void *data)
{
    (void)rc, (void)value, (void)data;
    leave();
}

static void in_string_stat(int rc, const char *value, const struct Stat *stat, const void *data)
{
    (void)rc, (void)value, (void)stat, (void)data;
    leave();
}

static void in_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    (void)rc, (void)acl, (void)stat, (void)data;
    leave();
}

/* Checks the result of the call that causes the callback. */
static void check(const char *what, zhandle_t *zh, int rc)
{
    struct Stat stat;
    fact("-- %s", what);
    outcome("call", rc);
    for (int i = 0; i < 2000 && !called; i++) {
        nap(10);
    }
    fact("called: %d", called);
    called = 0;
    nap(50);
    outcome("a waiting call", zoo_exists(zh, "/", 0, &stat));
    outcome("close", zookeeper_close(zh));
    fact("new threads with something of an old one: %d", heirs());
}

int main(void)
{
    zhandle_t *zh;
    if (pthread_key_create(&own, NULL) != 0)
        die("no key");
    zh = open_case();
    make(zh, "/n", "data");
    check("exists", zh, zoo_aexists(zh, "/n", 0, in_stat, NULL));
    zh = open_case();
    check("get", zh, zoo_aget(zh, "/n", 0, in_data, NULL));
    zh = open_case();
    check("get_children", zh, zoo_aget_children(zh, "/n", 0, in_strings, NULL));
    zh = open_case();
    check("get_children2", zh, zoo_aget_children2(zh, "/n", 0, in_strings_stat, NULL));
    zh = open_case();
    check("sync", zh, zoo_async(zh, "/n", in_string, NULL));
    zh = open_case();
    check("create2", zh,
          zoo_acreate2(zh, "/m", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, in_string_stat, NULL));
    zh = open_case();
    check("get_acl", zh, zoo_aget_acl(zh, "/n", in_acl, NULL));
    zh = open_case();
    check("delete", zh, zoo_adelete(zh, "/m", -1, in_void, NULL));
    zh = open_case();
    outcome("watch", zoo_wexists(zh, "/w", in_watcher, NULL, NULL));
    check("watcher", zh, zoo_acreate(zh, "/w", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, NULL));
    return 0;
}
