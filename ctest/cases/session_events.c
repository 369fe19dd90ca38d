/* needs: proxy
 * Session events and zoo_state: first connection, loss, failed attempts, return, close. */
#include "../case.h"

static void state(zhandle_t *zh, const char *when)
{
    fact("%s: %s", when, state_name(zoo_state(zh)));
}

int main(void)
{
    zhandle_t *zh;
    int64_t id;
    order("refuse");
    zh = begin("", on_watch, "default", SESSION_MS, 0);
    fact("-- nobody listens");
    quiet(300);
    outcome("unrecoverable", is_unrecoverable(zh));
    order("listen");
    drain(1);
    state(zh, "connected");
    id = zoo_client_id(zh)->client_id;
    fact("has an id: %d, timeout %d", id != 0, zoo_recv_timeout(zh));

    fact("-- cut once");
    order("cut");
    drain(2);
    state(zh, "again");
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);

    fact("-- cut with a reset");
    order("cut 0 reset");
    drain(2);
    state(zh, "again");

    fact("-- refused for a while");
    order("refuse");
    drain(1);
    quiet(400);
    order("listen");
    drain(1);
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);

    fact("-- accepted and closed for a while");
    order("accept_then_close");
    order("cut");
    drain(1);
    quiet(400);
    order("release");
    drain(1);

    fact("-- close");
    outcome("close", zookeeper_close(zh));
    quiet(100);
    return 0;
}
