/* needs: server
 * A program that makes its handle, forks, and continues in the child, as daemons do, on the single-threaded library:
 * once before the connection is made, and once when it is established. The parent ends without closing the handle. */
#include "../loop.h"

static void go_on(zhandle_t *zh, int64_t id)
{
    fact("the same session: %d", id == 0 || zoo_client_id(zh)->client_id == id);
    outcome("get", zoo_aget(zh, "/zookeeper", 0, on_data, "get"));
    turn_until_records(zh, 1);
    drain(1);
    outcome("delete", zoo_adelete(zh, "/zookeeper/none", -1, on_void, "delete"));
    turn_until_records(zh, 1);
    drain(1);
    fact("threads: %d", threads());
    outcome("close", zookeeper_close(zh));
}

int main(void)
{
    zhandle_t *zh;
    pid_t child;
    fact("-- forked before the first turn");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    child = fork();
    if (child == 0) {
        outcome("exists", zoo_aexists(zh, "/zookeeper/none", 0, on_stat, "exists"));
        turn_until_state(zh, ZOO_CONNECTED_STATE);
        turn_until_records(zh, 1);
        drain(1);
        go_on(zh, 0);
        fflush(stdout);
        _exit(0);
    }
    wait_for(child);
    fact("-- forked when connected");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    {
        int64_t id = zoo_client_id(zh)->client_id;
        child = fork();
        if (child == 0) {
            go_on(zh, id);
            fflush(stdout);
            _exit(0);
        }
        wait_for(child);
    }
    fact("-- in the parent");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    go_on(zh, 0);
    return 0;
}
