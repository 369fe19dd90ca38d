/* needs: proxy 2
 * zoo_set_servers moves the client while a call is in flight: the call gets ZCONNECTIONLOSS and the events alternate. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    char first[64];
    int i;
    alarm(20); /* on Debian's library a call below never returns */
    snprintf(first, sizeof first, "%s", host(0));
    zh = begin_at(first, "", on_watch, "default", SESSION_MS, 0);
    drain(1);
    order("hold 0");
    zoo_aexists(zh, "/", 0, on_stat, "in flight");
    nap(100);
    if (zoo_set_servers(zh, host(1)) != ZOK)
        die("zoo_set_servers failed");
    for (i = 0; i < 50 && zoo_exists(zh, "/", 0, NULL) != ZOK; i++)
        nap(100);
    fact("events and the call:");
    drain(3);
    quiet(100);
    return zookeeper_close(zh);
}
