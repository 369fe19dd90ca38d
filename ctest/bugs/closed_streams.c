/* needs: server
 * A program has closed its standard streams. On Debian's library the socket gets the number of standard error, and the
 * library's own log lines go to the server. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    int fd;
    int rc = ZOK;
    int i;
    for (fd = 0; fd <= 2; fd++)
        close(fd);
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, 3);
    for (i = 0; i < 20 && rc == ZOK; i++)
        rc = zoo_exists(zh, "/", 0, NULL);
    return rc == ZOK ? zookeeper_close(zh) != ZOK : 2;
}
