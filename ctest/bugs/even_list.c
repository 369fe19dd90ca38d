/* needs: nothing
 * Two dead servers: Debian's library tries only every second address, and never pauses. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    char list[128];
    zhandle_t *zh;
    int first, second;
    snprintf(list, sizeof list, "127.0.0.2:2,127.0.0.3:3");
    zoo_deterministic_conn_order(1);
    zh = begin_at(list, "", on_nothing, NULL, SESSION_MS, 0);
    nap(3000);
    first = dials_of[2];
    second = dials_of[3];
    fact("attempts: %d and %d", first, second);
    if (first == 0 || second == 0)
        die("an address is never tried: %d and %d attempts", first, second);
    if (first + second > 100)
        die("no pause: %d attempts in 3 s", first + second);
    return zookeeper_close(zh);
}
