/* needs: nothing
 * A loop that ignores the time limit of zookeeper_interest, as a loop with other work may: it must not connect more
 * often. */
#include "../loop.h"
#include "../dials.h"

int main(void)
{
    long end;
    int made;
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    for (end = now_ms() + 3000; now_ms() < end; ) {
        turn(zh, 1);
        zoo_aexists(zh, "/", 0, on_stat, "asked");
        forget();
    }
    made = dials;
    fact("%d attempts in 3 s", made);
    if (made > 40)
        die("%d attempts in 3 s", made);
    return zookeeper_close(zh);
}
