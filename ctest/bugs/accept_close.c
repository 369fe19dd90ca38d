/* needs: proxy 2
 * Servers that accept and close, as servers without a quorum do: each such attempt counts as a failure, and the pauses
 * must grow. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    zhandle_t *zh;
    int made;
    order("accept_then_close 0");
    order("accept_then_close 1");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    nap(3000);
    made = dials;
    fact("%d attempts in 3 s", made);
    if (made > 30)
        die("%d attempts in 3 s", made);
    return zookeeper_close(zh);
}
