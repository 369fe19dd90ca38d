/* needs: proxy 3
 * zoo_set_servers that takes the connected server out of the list (by address: 127.0.0.1 against localhost's ::1 would
 * differ by machine, so the list moves to 127.0.0.2 and back): the events, the session, requests afterwards. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    int64_t id;
    zookeeper_close(open_case());
    zh = open_at(host(0), on_watch, "default");
    drain(1);
    id = zoo_client_id(zh)->client_id;
    make(zh, "/n", "");
    outcome("watch", zoo_wexists(zh, "/n", on_watch, "n", NULL));
    fact("-- to a list of which nobody answers");
    outcome("set_servers", zoo_set_servers(zh, "127.0.0.2:1"));
    nap(300);
    forget();
    fact("connected: %d", zoo_state(zh) == ZOO_CONNECTED_STATE);
    outcome("a request", zoo_exists(zh, "/n", 0, NULL));
    fact("-- and back");
    outcome("set_servers", zoo_set_servers(zh, host(1)));
    await_state(zh, ZOO_CONNECTED_STATE);
    nap(100);
    forget();
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);
    outcome("a request", zoo_exists(zh, "/n", 0, NULL));
    zoo_set(zh, "/n", "x", 1, -1);
    drain(1);
    return zookeeper_close(zh);
}
