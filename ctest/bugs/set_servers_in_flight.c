/* needs: driver
 * zoo_set_servers moves the client while requests are in flight: they get ZCONNECTIONLOSS, and the session events
 * alternate. In Debian's library the requests take the next server's first answer for their own. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin_at(host(0), "", on_watch, "default", SESSION_MS, 0);
    int i;
    drain(1);
    order("hold 0");
    for (i = 0; i < 5; i++)
        if (zoo_aexists(zh, "/", 0, on_stat, "in flight") != ZOK)
            die("aexists");
    nap(100);
    if (zoo_set_servers(zh, host(1)) != ZOK)
        die("set_servers");
    await_state(zh, ZOO_CONNECTED_STATE);
    nap(200);
    if (zoo_aexists(zh, "/", 0, on_stat, "after") != ZOK)
        die("aexists");
    drain(8);
    zookeeper_close(zh);
    return 0;
}
