/* needs: proxy
 * A server that falls silent: requests in flight get ZOPERATIONTIMEOUT, and the session continues afterwards. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    zookeeper_close(open_case());
    zh = begin(root(), on_watch, "default", 3000, 0);
    drain(1);
    make(zh, "/n", "");
    outcome("aget before", zoo_aget(zh, "/n", 0, on_data, "aget"));
    drain(1);
    order("hold");
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "1 aget"));
    outcome("aset", zoo_aset(zh, "/n", "x", 1, -1, on_stat, "2 aset"));
    drain(3);
    order("cut");
    order("release");
    drain(1);
    outcome("exists", zoo_exists(zh, "/n", 0, NULL));
    return zookeeper_close(zh);
}
