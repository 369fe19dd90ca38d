/* needs: script
 * A frame of -1 bytes: nothing that follows can be understood, so the connection has to go at once. Debian's library waits
 * for the rest until its session is in danger. */
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
