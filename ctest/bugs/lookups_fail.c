/* needs: proxy
 * The name service fails slowly: a healthy session is not affected, and after a loss the client reconnects to an
 * address that it knew before. Debian's library waits for each lookup on its network thread, and makes no attempt
 * without a successful lookup. */
#include "../case.h"
#include "../dials.h"

int main(void)
{
    char name[128];
    zhandle_t *zh;
    int i;
    alarm(25); /* it ends Debian's library, which waits for ever */
    snprintf(name, sizeof name, "localhost:%s", strrchr(hosts(), ':') + 1);
    zh = begin_at(name, "", on_watch, "default", 3000, 0);
    drain(1);
    lookup_delay_ms = 300;
    lookup_error = EAI_AGAIN;
    for (i = 0; i < 10; i++) {
        int rc = zoo_exists(zh, "/", 0, NULL);
        if (rc != ZOK)
            die("request %d: %d", i, rc);
        nap(100);
    }
    order("cut");
    drain(1);
    for (i = 0; i < 500 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++)
        nap(20);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE)
        die("not connected again after 10 s");
    lookup_error = 0;
    return zookeeper_close(zh);
}
