/* needs: nothing
 * A loop that follows zookeeper_interest, with two dead servers: it must not spin, nor connect without a pause. */
#include "../loop.h"
#include "../dials.h"

int main(void)
{
    char where[256];
    long end = now_ms() + 3000;
    int turns = 0;
    int made;
    zhandle_t *zh;
    snprintf(where, sizeof where, "%s,127.0.0.1:1", hosts());
    zh = begin_at(where, "", on_nothing, NULL, SESSION_MS, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    while (now_ms() < end && turns < 100000) {
        turn(zh, 10000);
        turns++;
    }
    made = dials;
    fact("%d turns and %d attempts in 3 s", turns, made);
    if (made > 40 || turns > 200)
        die("%d turns and %d attempts in 3 s", turns, made);
    return zookeeper_close(zh);
}
