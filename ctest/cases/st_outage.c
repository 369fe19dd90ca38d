/* needs: ensemble
 * All servers die and come back, and then the one that the client is connected to, on the single-threaded library: the
 * loop continues, and the session and its watches survive. */
#include "../loop.h"

static int is_lost;

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT)
        return;
    if (state == ZOO_CONNECTING_STATE)
        is_lost = 1;
    if (state == ZOO_EXPIRED_SESSION_STATE)
        die("the session has expired");
}

static void on_known(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    *(int *)data = rc;
}

/* Turns until a request succeeds. */
static void await_service(zhandle_t *zh)
{
    long end = now_ms() + PATIENCE_S * 1000;
    int rc = ZCONNECTIONLOSS;
    while (rc != ZOK) {
        rc = 1;
        if (zoo_aexists(zh, "/", 0, on_known, &rc) != ZOK)
            die("exists is refused");
        while (rc == 1) {
            turn(zh, 1000);
            if (now_ms() > end)
                die("no service");
        }
    }
}

static void on_read(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)value, (void)length, (void)stat;
    *(int *)data = rc;
}

/* Sets a watch by a read, repeated until it succeeds: just after an outage a connection may be lost once more. */
static void watch_again(zhandle_t *zh)
{
    int rc = ZCONNECTIONLOSS;
    while (rc != ZOK) {
        if (rc != ZCONNECTIONLOSS && rc != ZOPERATIONTIMEOUT)
            die("get: %d", rc);
        rc = 1;
        if (zoo_awget(zh, "/node", on_watch, "watch", on_read, &rc) != ZOK)
            die("get is refused");
        while (rc == 1)
            turn(zh, 1000);
    }
}

int main(void)
{
    int64_t id;
    int member;
    zhandle_t *zh = loop_open(on_session, NULL);
    zookeeper_close(zh);
    zh = begin(root(), on_session, NULL, 40000, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    id = zoo_client_id(zh)->client_id;
    zoo_acreate(zh, "/node", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string, "create");
    zoo_awget(zh, "/node", on_watch, "watch", on_data, "get");
    turn_until_records(zh, 2);
    drain(2);
    fact("-- all die");
    is_lost = 0;
    for (member = 1; member <= 3; member++)
        order("kill %d", member);
    while (!is_lost)
        turn(zh, 1000);
    {
        /* An outage while the loop continues. */
        long end = now_ms() + 2000;
        while (now_ms() < end)
            turn(zh, 1000);
    }
    order("start 1 2 3");
    await_service(zh);
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);
    zoo_aset(zh, "/node", "x", 1, -1, on_stat, "set");
    turn_until_records(zh, 2);
    drain_sorted(2);
    fact("-- one dies");
    watch_again(zh);
    is_lost = 0;
    for (member = 1; member <= 3; member++) {
        char *address = control("member %d", member);
        int is_ours = strcmp(strrchr(address, ':'), strrchr(zoo_get_current_server(zh), ':')) == 0;
        free(address);
        if (is_ours)
            order("kill %d", member);
    }
    while (!is_lost)
        turn(zh, 1000);
    await_service(zh);
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);
    zoo_aset(zh, "/node", "y", 1, -1, on_stat, "set");
    turn_until_records(zh, 2);
    drain_sorted(2);
    fact("threads: %d", threads());
    outcome("close", zookeeper_close(zh));
    return 0;
}
