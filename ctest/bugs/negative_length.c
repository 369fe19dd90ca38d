/* needs: script
 * A frame of -1 bytes: the bytes after it cannot be understood, so the connection must be dropped at once. Debian's
 * library waits for the rest until its session is at risk. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, 30000, 0);
    int i;
    await_state(zh, 3);
    for (i = 0; i < 50 && dials < 2; i++)
        nap(100);
    if (dials < 2)
        die("the connection is kept");
    await_state(zh, 3);
    return zookeeper_close(zh);
}
