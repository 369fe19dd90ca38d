/* needs: proxy 2
 * A session that expires while its handle has no connection: watchers and queued requests are told. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    zhandle_t *killer;
    char text[512];
    char data[8];
    int length = sizeof data;
    clientid_t id;
    zookeeper_close(open_case());
    zh = open_at(host(0), on_watch, "default");
    drain(1);
    make(zh, "/n", "");
    zoo_wget(zh, "/n", on_watch, "data", data, &length, NULL);
    zoo_wexists(zh, "/none", on_watch, "exist", NULL);
    id = *zoo_client_id(zh);
    order("refuse 0");
    drain_sorted(3);
    snprintf(text, sizeof text, "%s%s", host(1), root());
    killer = zookeeper_init(text, on_nothing, SESSION_MS, &id, NULL, 0);
    await_state(killer, ZOO_CONNECTED_STATE);
    zookeeper_close(killer);
    order("hold 0");
    order("listen 0");
    await_state(zh, ZOO_ASSOCIATING_STATE);
    fact("-- a request that waits for the handshake");
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "aget"));
    order("release 0");
    drain_sorted(4);
    fact("state %s", state_name(zoo_state(zh)));
    outcome("get", zoo_get(zh, "/n", 0, data, &length, NULL));
    quiet(100);
    return zookeeper_close(zh);
}
