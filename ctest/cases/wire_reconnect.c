/* needs: proxy
 * The order of messages after a reconnect: the session's id and password, the ids of zoo_add_auth, the watches, and
 * only then the requests that the application has made meanwhile. */
#include "../case.h"

static void add(zhandle_t *zh, const char *cert)
{
    zoo_add_auth(zh, "digest", cert, (int)strlen(cert), on_void, cert);
    drain(1);
}

int main(void)
{
    zhandle_t *zh;
    char data[8];
    int length = sizeof data;
    char *requests;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, "default");
    drain(1);
    add(zh, "first:1");
    add(zh, "second:2");
    add(zh, "third:3");
    make(zh, "/n", "");
    zoo_wget(zh, "/n", on_nothing, NULL, data, &length, NULL);
    zoo_wexists(zh, "/none", on_nothing, NULL, NULL);
    order("refuse");
    drain(1);
    order("hold");
    order("listen");
    await_state(zh, ZOO_ASSOCIATING_STATE);
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "aget"));
    outcome("aset", zoo_aset(zh, "/n", "x", 1, -1, on_stat, "aset"));
    outcome("aexists", zoo_aexists(zh, "/n", 0, on_stat, "aexists"));
    order("release");
    drain(4);
    requests = control("requests");
    fact("%s", requests);
    free(requests);
    return zookeeper_close(zh);
}
