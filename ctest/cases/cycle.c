/* needs: proxy 3
 * zoo_cycle_next_server: its effect on the current server and on the connection. */
#include "../case.h"

static int current(zhandle_t *zh)
{
    int i;
    for (i = 0; i < 3; i++)
        if (strcmp(zoo_get_current_server(zh), host(i)) == 0)
            return i;
    return -1;
}

int main(void)
{
    zhandle_t *zh;
    int i;
    zookeeper_close(open_case());
    zoo_deterministic_conn_order(1);
    zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    drain(1);
    fact("current %d", current(zh));
    /* The first call is not compared: it leaves Debian's library at the server in use, and moves ours to the next one. */
    zoo_cycle_next_server(zh);
    for (i = 0; i < 4; i++) {
        int before = current(zh);
        zoo_cycle_next_server(zh);
        fact("cycled: %d further", (current(zh) - before + 3) % 3);
    }
    settle(zh);
    outcome("the connection stays", zoo_exists(zh, "/", 0, NULL));
    return zookeeper_close(zh);
}
