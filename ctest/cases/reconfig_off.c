/* needs: server
 * zoo_getconfig and zoo_reconfig against a standalone server with reconfiguration switched off. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_plain();
    char data[4096];
    int length = sizeof data;
    struct Stat stat;
    outcome("getconfig", zoo_getconfig(zh, 0, data, &length, &stat));
    fact("  length %d", length);
    length = sizeof data;
    outcome("reconfig", zoo_reconfig(zh, "server.2=127.0.0.1:1:2;3", NULL, NULL, -1, data, &length, &stat));
    outcome("areconfig", zoo_areconfig(zh, "server.2=127.0.0.1:1:2;3", NULL, NULL, -1, on_data, "areconfig"));
    drain(1);
    return zookeeper_close(zh);
}
