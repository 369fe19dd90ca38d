/* needs: server
 * A forked child that closes every descriptor it has inherited and opens its own, and then closes the inherited handle or
 * goes on with it: on Debian's library it loses one of its own. On ours it keeps them, and the handle that goes on
 * connects again. */
#include "../afresh.h"
#include "../loop.h"

static void in_child(zhandle_t *zh, int kind, int goes_on)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        start_afresh(kind);
        if (goes_on) {
            /* Until the handle has noticed that the socket is not its own, and then until it is connected again. */
            turn(zh, 100);
            turn_until_state(zh, ZOO_CONNECTED_STATE);
        } else {
            zookeeper_close(zh);
        }
        _exit(spoilt());
    }
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    if (status != 0)
        die("kind %d, %s: the child ended with %#x", kind, goes_on ? "goes on" : "closes", status);
}

int main(void)
{
    int kind, goes_on;
    for (goes_on = 0; goes_on < 2; goes_on++)
        for (kind = 0; kind < KINDS; kind++) {
            zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
            turn_until_state(zh, ZOO_CONNECTED_STATE);
            in_child(zh, kind, goes_on);
            if (!goes_on) {
                zoo_aexists(zh, "/zookeeper", 0, on_stat, "parent");
                turn_until_records(zh, 1);
                drain(1);
            }
            zookeeper_close(zh);
        }
    return 0;
}
