/* needs: script
 * One reply without a request: Debian's library aborts the process. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, 4000, 0);
    await_state(zh, 3);
    nap(500);
    await_state(zh, 3); /* by another connection */
    return zookeeper_close(zh);
}
