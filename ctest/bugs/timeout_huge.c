/* needs: server
 * A session timeout of INT_MAX: the server grants its maximum. Debian's library overflows in its own arithmetic and
 * gives up every attempt before it begins. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, 2147483647, 0);
    int i;
    for (i = 0; i < 200 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++)
        nap(20);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE)
        die("no session after 4 s");
    if (zoo_recv_timeout(zh) != 60000)
        die("the timeout is %d", zoo_recv_timeout(zh));
    return zookeeper_close(zh);
}
