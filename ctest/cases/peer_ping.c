/* needs: script
 * Pings: one when nothing has been sent for a third of the timeout, none while there is traffic, and they keep the
 * session alive. The script reports the order of the packets, not their times. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_watch, "default", 1500, 0);
    char *said;
    int i;
    drain(1);
    for (i = 0; i < 20; i++) {
        zoo_exists(zh, "/busy", 0, NULL);
        nap(50);
    }
    order("tell quiet");
    zoo_exists(zh, "/again", 0, NULL);
    zookeeper_close(zh);
    quiet(50);
    said = control("tell said");
    fact("%s", said);
    free(said);
    return 0;
}
