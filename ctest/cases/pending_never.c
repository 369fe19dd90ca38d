/* needs: proxy
 * Requests of a handle that has never been connected: they wait for the first attempt to fail, or to succeed. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    zookeeper_close(open_case());
    fact("-- nobody listens");
    order("refuse");
    zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    outcome("exists", zoo_exists(zh, "/", 0, NULL));
    outcome("aget", zoo_aget(zh, "/", 0, on_data, "aget"));
    drain(1);
    outcome("create", zoo_create(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    outcome("close", zookeeper_close(zh));
    order("listen");
    fact("-- it takes a while");
    order("hold");
    zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    outcome("acreate", zoo_acreate(zh, "/x", "data", 4, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "acreate"));
    outcome("aget", zoo_awget(zh, "/x", on_watch, "x", on_data, "aget"));
    outcome("aset", zoo_aset(zh, "/x", "y", 1, -1, on_stat, "aset"));
    quiet(200);
    await_state(zh, ZOO_ASSOCIATING_STATE);
    order("release");
    drain(5);
    return zookeeper_close(zh);
}
