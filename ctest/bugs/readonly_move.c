/* needs: driver
 * A read-only handle finds a server that takes writes and moves there: requests in flight get a connection loss.
 * Debian's library completes them with ZOK and no value. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    zoo_deterministic_conn_order(1);
    zh = begin("", on_watch, "default", SESSION_MS, ZOO_READONLY);
    drain(1);
    if (zoo_aget(zh, "/hold", 0, on_data, "in flight") != ZOK)
        die("aget");
    drain(3);
    return zookeeper_close(zh);
}
