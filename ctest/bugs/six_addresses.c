/* needs: nothing
 * Six dead addresses, as from three names with two addresses each: all of them are tried. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    zhandle_t *zh;
    int port, least = 1 << 30, most = 0;
    zoo_deterministic_conn_order(1);
    zh = begin_at("127.0.0.2:2,127.0.0.2:3,127.0.0.2:4,127.0.0.2:5,127.0.0.2:6,127.0.0.2:7", "", on_nothing, NULL, 2000, 0);
    nap(5000);
    for (port = 2; port <= 7; port++) {
        int made = dials_of[port];
        least = made < least ? made : least;
        most = made > most ? made : most;
    }
    fact("between %d and %d attempts an address in 5 s", least, most);
    if (least == 0 || most > 3 * least + 3)
        die("between %d and %d attempts an address in 5 s", least, most);
    return zookeeper_close(zh);
}
