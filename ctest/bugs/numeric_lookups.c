/* needs: server
 * Numeric addresses never need the name service. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    int i, made;
    await_state(zh, 3);
    for (i = 0; i < 20; i++)
        zoo_exists(zh, "/", 0, NULL);
    made = lookups;
    if (made)
        die("%d lookups of an address in numbers", made);
    return zookeeper_close(zh);
}
