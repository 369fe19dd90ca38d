/* needs: proxy 3
 * zoo_cycle_next_server on a connected handle moves the list's cursor but not the connection: the connected host stays
 * the same, and zoo_set_servers with a list of only that server keeps the connection. */
#include "../case.h"

#include <arpa/inet.h>
#include <netinet/in.h>

static const char *connected_host(zhandle_t *zh)
{
    static char text[64];
    struct sockaddr_in address;
    socklen_t length = sizeof address;
    int i;
    if (zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &length) == NULL)
        return "none";
    snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(address.sin_port));
    for (i = 0; i < 3; i++)
        if (strcmp(text, host(i)) == 0)
            return i == 0 ? "the first" : i == 1 ? "the second" : "the third";
    return "another";
}

static zhandle_t *open_deterministic(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}

int main(void)
{
    zhandle_t *zh;
    int i;
    zookeeper_close(open_case());
    zoo_deterministic_conn_order(1);
    zh = open_deterministic();
    fact("connected to %s", connected_host(zh));
    for (i = 0; i < 3; i++) {
        zoo_cycle_next_server(zh);
        fact("after cycle %d: connected to %s, state connected %d", i + 1, connected_host(zh),
             zoo_state(zh) == ZOO_CONNECTED_STATE);
    }
    zookeeper_close(zh);

    fact("-- a list with the server it is on");
    zh = open_deterministic();
    zoo_cycle_next_server(zh);
    outcome("set_servers", zoo_set_servers(zh, host(0)));
    outcome("a request", zoo_exists(zh, "/", 0, NULL));
    fact("connected to %s", connected_host(zh));
    zookeeper_close(zh);
    return 0;
}
