/* needs: script
 * zookeeper_close when the server does not answer: requests in flight get ZCLOSING, and the close still returns. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_watch, "default", SESSION_MS, 0);
    drain(1);
    outcome("aget", zoo_aget(zh, "/hold", 0, on_data, "aget"));
    nap(100);
    outcome("close", zookeeper_close(zh));
    drain(1);
    quiet(50);
    return 0;
}
