/* needs: proxy 2
 * The server in use dies and the client moves; then the first comes back and the second dies: the client must go back. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    int i;
    zoo_deterministic_conn_order(1);
    zh = begin("", on_nothing, NULL, 4000, 0);
    await_state(zh, 3);
    order("refuse 0");
    nap(300);
    await_state(zh, 3);
    order("listen 0");
    order("refuse 1");
    nap(300);
    for (i = 0; i < 100 && zoo_state(zh) != 3; i++)
        nap(100);
    if (zoo_state(zh) != 3)
        die("the first server is back and is not tried");
    return zookeeper_close(zh);
}
