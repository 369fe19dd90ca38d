/* needs: proxy 2
 * A list that differs only in the ports counts as a new list. Debian's library compares addresses without ports, and
 * stays on the old server. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin_at(host(0), "", on_nothing, NULL, SESSION_MS, 0);
    int ms;
    await_state(zh, ZOO_CONNECTED_STATE);
    if (zoo_set_servers(zh, host(1)) != ZOK)
        die("set_servers");
    for (ms = 0; ms < 5000 && strcmp(zoo_get_current_server(zh), host(1)) != 0; ms += 20)
        nap(20);
    if (strcmp(zoo_get_current_server(zh), host(1)) != 0)
        die("still on %s", zoo_get_current_server(zh));
    await_state(zh, ZOO_CONNECTED_STATE);
    if (zoo_exists(zh, "/", 0, NULL) != ZOK)
        die("exists");
    return zookeeper_close(zh);
}
