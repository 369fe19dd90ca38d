/* needs: server
 * zoo_set_servers with a list that cannot be parsed: it is refused, and the session continues. Debian's library refuses
 * it too, but has already stored it as its own list, cannot parse that either, and never reads from its socket again. */
#include "../case.h"

#include <signal.h>

static void on_alarm(int number)
{
    (void)number;
    die("a request is not answered any more");
}

int main(void)
{
    static const char *const LISTS[] = {"127.0.0.1", "127.0.0.1:x", "127.0.0.1:1,127.0.0.1:"};
    zhandle_t *zh = open_case();
    int i;
    signal(SIGALRM, on_alarm);
    for (i = 0; i < COUNT(LISTS); i++) {
        int rc = zoo_set_servers(zh, LISTS[i]);
        if (rc != ZBADARGUMENTS)
            die("zoo_set_servers(%s) returned %d", LISTS[i], rc);
        nap(50);
        alarm(4);
        rc = zoo_exists(zh, "/", 0, NULL);
        if (rc != ZOK)
            die("zoo_exists then returned %d", rc);
    }
    return zookeeper_close(zh);
}
