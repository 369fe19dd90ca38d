/* needs: server
 * zoo_set_servers with an empty list: it is refused, and the session continues. Debian's library accepts "", and then
 * every later call returns ZSYSTEMERROR. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    int rc = zoo_set_servers(zh, "");
    if (rc != ZBADARGUMENTS)
        die("zoo_set_servers returned %d", rc);
    rc = zoo_exists(zh, "/", 0, NULL);
    if (rc != ZOK)
        die("zoo_exists then returned %d", rc);
    return zookeeper_close(zh);
}
