/* needs: server
 * A host name: the loop must not wait for the resolver in every turn. */
#include "../loop.h"
#include "../dials.h"

int main(void)
{
    char where[256];
    long end;
    int at_start;
    zhandle_t *zh;
    snprintf(where, sizeof where, "localhost:%s", strrchr(hosts(), ':') + 1);
    zh = begin_at(where, "", on_nothing, NULL, SESSION_MS, 0);
    at_start = lookups;
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    for (end = now_ms() + 1500; now_ms() < end; )
        turn(zh, 20);
    fact("%d lookups in zookeeper_init, %d in the loop", at_start, lookups - at_start);
    if (lookups > at_start)
        die("%d lookups in the loop", lookups - at_start);
    return zookeeper_close(zh);
}
