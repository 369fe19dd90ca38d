/* needs: server
 * Callbacks that call the library again, on the single-threaded library: chains of requests, a watcher that re-arms its
 * watch, a callback that itself takes turns of the loop. */
#include "../loop.h"

static zhandle_t *zh;
static int chained;
static int changes;
static int inside;

static void on_link(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    if (rc != ZOK)
        record("chain: %s", code(rc));
    if (++chained == 200)
        record("the chain has ended: %d", chained);
    else if (zoo_aexists(zh, "/", 0, on_link, NULL) != ZOK)
        record("the chain broke at %d", chained);
}

static void on_value(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    record("value: %s %s", code(rc), bytes_text(value, length));
}

static void on_change(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)context;
    if (handle != zh || type != ZOO_CHANGED_EVENT)
        return;
    record("change: %s %s %s", event_name(type), state_name(state), path);
    changes++;
    zoo_awget(handle, path, on_change, NULL, on_value, NULL);
}

static void on_first(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    on_value(rc, value, length, stat, data);
    inside = 1;
    record("inside: %s %s", code(zoo_aexists(zh, "/", 0, on_stat, "from inside")), state_name(zoo_state(zh)));
    zoo_set_context(zh, &inside);
    record("context: %d", zoo_get_context(zh) == &inside);
    inside = 0;
}

static void on_plain(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    record("%s: %s, not within another callback: %d", (const char *)data, code(rc), !inside);
}

int main(void)
{
    int i;
    zh = loop_open(on_watch, "session");
    forget();
    zoo_acreate(zh, "/node", "0", 1, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create");
    turn_until_records(zh, 1);
    drain(1);
    fact("-- a chain of requests");
    zoo_aexists(zh, "/", 0, on_link, NULL);
    turn_until_records(zh, 1);
    drain(1);
    fact("-- a watcher that watches again");
    zoo_awget(zh, "/node", on_change, NULL, on_value, NULL);
    turn_until_records(zh, 1);
    drain(1);
    for (i = 1; i <= 3; i++) {
        char value[8];
        snprintf(value, sizeof value, "%d", i);
        zoo_aset(zh, "/node", value, 1, -1, on_plain, "set");
        turn_until_records(zh, 3);
        drain_sorted(3);
    }
    fact("changes: %d", changes);
    fact("-- calls from inside");
    zoo_aget(zh, "/node", 0, on_first, NULL);
    zoo_aexists(zh, "/node", 0, on_plain, "beside");
    turn_until_records(zh, 5);
    drain(5);
    fact("-- 500 at once");
    chained = -300;
    for (i = 0; i < 500; i++)
        zoo_aexists(zh, "/", 0, on_link, NULL);
    turn_until_records(zh, 1);
    drain(1);
    fact("threads: %d", threads());
    outcome("close", zookeeper_close(zh));
    return 0;
}
