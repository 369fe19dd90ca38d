/* needs: server
 * zookeeper_close in a completion and in a watcher, on the single-threaded library. The loop's call that made the
 * callback finishes the close: it calls every other completion before it returns, and nothing is called afterwards. */
#include "../loop.h"

static int called_after_close;
static int is_over;

static void on_rest(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    called_after_close += is_over;
    /* The reply may have been read before the close. */
    record("%s: %s", (const char *)data, rc == ZOK || rc == ZCLOSING ? "ZOK or ZCLOSING" : code(rc));
}

static void on_close_now(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    record("the one that closes: %s", code(rc));
    record("close: %s", code(zookeeper_close((zhandle_t *)data)));
}

static void on_close_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)context;
    if (type == ZOO_SESSION_EVENT)
        return;
    record("event: %s %s %s", event_name(type), state_name(state), path);
    record("close: %s", code(zookeeper_close(zh)));
}

static void on_node(int rc, const char *value, const void *data)
{
    (void)value;
    record("%s: %s", (const char *)data, code(rc));
}

int main(void)
{
    zhandle_t *zh = loop_open(on_nothing, NULL);
    int64_t id = zoo_client_id(zh)->client_id;
    int rc;
    fact("-- in a completion");
    zoo_aexists(zh, "/", 0, on_close_now, zh);
    zoo_aexists(zh, "/", 0, on_rest, "rest");
    zoo_aexists(zh, "/", 0, on_rest, "rest");
    do {
        struct step step = ask(zh);
        answer(zh, &step, 1000);
        rc = step.processed;
    } while (records_left() == 0);
    is_over = 1;
    fact("process: %s", code(rc));
    drain_sorted(4);
    fact("called after the close: %d", called_after_close);

    fact("-- in a watcher");
    is_over = 0;
    zh = loop_open(on_nothing, NULL);
    fact("another session: %d", zoo_client_id(zh)->client_id != id);
    zoo_acreate(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_node, "create");
    turn_until_records(zh, 1);
    drain(1);
    zoo_awexists(zh, "/n", on_close_event, NULL, on_rest, "exists");
    turn_until_records(zh, 1);
    drain(1);
    zoo_adelete(zh, "/n", -1, on_void, "delete");
    while (records_left() < 2)
        turn(zh, 1000);
    is_over = 1;
    /* The answer comes after the event: whether it has been read already is chance. */
    fact("%d", records_left() >= 2);
    drain(2);
    forget();
    fact("called after the close: %d, threads: %d", called_after_close, threads());
    return 0;
}
