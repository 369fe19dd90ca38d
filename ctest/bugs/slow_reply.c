/* needs: script
 * A reply that takes longer than two thirds of the timeout, from a server that answers pings: Debian's library sends no
 * ping while a request is outstanding, so it drops the connection. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_watch, "default", 2000, 0);
    int rc;
    drain(1);
    rc = zoo_exists(zh, "/slow", 0, NULL);
    if (rc != ZOK)
        die("the slow reply became %s", code(rc));
    return zookeeper_close(zh);
}
