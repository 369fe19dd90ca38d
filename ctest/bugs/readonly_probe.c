/* needs: driver
 * The search for a server that takes writes leaves no socket open. Debian's library leaks one for each server that
 * refuses. */
#include "../case.h"
#include "../dials.h"
#include "../proc.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, ZOO_READONLY);
    int before;
    int dead;
    int least;
    int i;
    await_state(zh, ZOO_READONLY_STATE);
    before = descriptors();
    dead = atoi(strrchr(hosts(), ':') + 1);
    dials_of[dead] = 0;
    for (i = 0; i < 200 && dials_of[dead] < 2; i++)
        nap(100);
    if (dials_of[dead] < 2)
        die("no two questions in 20 s");
    /* A probe may be under way. */
    for (i = 0, least = descriptors(); i < 10; i++) {
        int now = descriptors();
        least = now < least ? now : least;
        nap(50);
    }
    if (least > before)
        die("%d files were open, and %d after two questions", before, least);
    return zookeeper_close(zh);
}
