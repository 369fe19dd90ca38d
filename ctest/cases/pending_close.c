/* needs: proxy
 * Requests in flight at zookeeper_close: ZCLOSING, before it returns, and nothing after it. (Only a few, because
 * Debian's library loses some when there are many: bugs/close_loses_callbacks.c.) */
#include "../case.h"

static zhandle_t *zh;

static void *sync_get(void *unused)
{
    char data[8];
    int length = sizeof data;
    (void)unused;
    record("sync get: %s", code(zoo_get(zh, "/n", 0, data, &length, NULL)));
    return NULL;
}

int main(void)
{
    pthread_t thread;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, "default");
    drain(1);
    make(zh, "/n", "");
    fact("-- a synchronous one");
    order("hold");
    pthread_create(&thread, NULL, sync_get, NULL);
    nap(100);
    outcome("close", zookeeper_close(zh));
    pthread_join(thread, NULL);
    drain(1);
    order("cut");
    order("release");

    fact("-- a handle that has never been connected");
    order("refuse");
    zh = begin("", on_watch, "default", SESSION_MS, 0);
    outcome("close", zookeeper_close(zh));
    quiet(100);
    return 0;
}
