/* needs: server
 * A healthy session and a busy application: Debian's library resolves the names again on every pass of its loop. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    char named[64];
    zhandle_t *zh;
    int i, made;
    snprintf(named, sizeof named, "localhost%s", strrchr(hosts(), ':'));
    zh = begin_at(named, "", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, 3);
    lookups = 0;
    for (i = 0; i < 100; i++) {
        zoo_exists(zh, "/", 0, NULL);
        nap(10);
    }
    made = lookups;
    fact("%d lookups in 100 calls", made);
    if (made > 2)
        die("%d lookups in 100 calls", made);
    return zookeeper_close(zh);
}
