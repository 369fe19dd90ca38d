/* needs: server
 * zoo_recv_timeout: the requested timeout until connected, the granted one afterwards (1 s to 60 s here). */
#include "../case.h"

int main(void)
{
    static const int ASKED[] = {0, 1, 500, 1000, 1001, 30000, 60000, 100000, 1000000000};
    int i;
    for (i = 0; i < COUNT(ASKED); i++) {
        zhandle_t *zh = begin("", on_nothing, NULL, ASKED[i], 0);
        /* A timeout of 0 or 1 ms ends each attempt before it begins. */
        if (ASKED[i] >= 500)
            await_state(zh, ZOO_CONNECTED_STATE);
        fact("asked %d: %d", ASKED[i], zoo_recv_timeout(zh));
        zookeeper_close(zh);
    }
    return 0;
}
