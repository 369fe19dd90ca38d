/* needs: proxy 3
 * The server list: order, current and connected server, zoo_set_servers, zoo_cycle_next_server, resolution delay. */
#include "../case.h"

#include <arpa/inet.h>
#include <netinet/in.h>

/* The number of the proxy with this port; -1 for none. */
static int which(int port)
{
    int i;
    for (i = 0; i < 3; i++)
        if (atoi(strrchr(host(i), ':') + 1) == port)
            return i;
    return -1;
}

static int current(zhandle_t *zh)
{
    const char *text = zoo_get_current_server(zh);
    return text == NULL ? -2 : which(atoi(strrchr(text, ':') + 1));
}

static void connected(zhandle_t *zh)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    struct sockaddr *got = zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &length);
    if (got == NULL) {
        fact("connected host: NULL");
        return;
    }
    fact("connected host: family %d, %s, server %d, length %d, mine: %d", got->sa_family == AF_INET,
         inet_ntoa(((struct sockaddr_in *)got)->sin_addr), which(ntohs(((struct sockaddr_in *)got)->sin_port)),
         (int)length, got == (struct sockaddr *)&address);
}

static void text_form(zhandle_t *zh)
{
    const char *text = zoo_get_current_server(zh);
    fact("current server has the form 127.0.0.1:port: %d", strncmp(text, "127.0.0.1:", 10) == 0 && strlen(text) > 10);
    fact("the same buffer again: %d", zoo_get_current_server(zh) == text);
}

int main(void)
{
    zhandle_t *zh;
    char list[512];
    struct sockaddr_storage address;
    socklen_t small = 4;
    zookeeper_close(open_case());
    zoo_deterministic_conn_order(1);
    zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    drain(1);
    fact("-- the first of the list");
    fact("current %d", current(zh));
    text_form(zh);
    connected(zh);
    fact("too small a buffer: %s",
         zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &small) == NULL ? "NULL" : "some");
    fact("-- the first goes: the second");
    order("refuse 0");
    drain(2);
    fact("current %d", current(zh));
    connected(zh);
    fact("-- lists that are no change");
    outcome("the same list", zoo_set_servers(zh, hosts()));
    snprintf(list, sizeof list, "%s,%s,%s", host(2), host(1), host(0));
    outcome("another order", zoo_set_servers(zh, list));
    settle(zh);
    fact("current %d", current(zh));
    fact("-- no list keeps the connection (nor does a bad one, but see bugs/set_servers_bad.c)");
    outcome("NULL", zoo_set_servers(zh, NULL));
    settle(zh);
    outcome("the session lives", zoo_exists(zh, "/", 0, NULL));
    fact("-- resolution delay");
    outcome("-2", zoo_set_servers_resolution_delay(zh, -2));
    outcome("-1", zoo_set_servers_resolution_delay(zh, -1));
    outcome("0", zoo_set_servers_resolution_delay(zh, 0));
    outcome("60000", zoo_set_servers_resolution_delay(zh, 60000));
    outcome("the session lives", zoo_exists(zh, "/", 0, NULL));
    zookeeper_close(zh);
    return 0;
}
