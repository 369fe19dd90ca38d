/* needs: proxy
 * More than a megabyte of watched paths: Debian's library re-arms them in one packet, which the server refuses. */
#include <stdatomic.h>
#include "../case.h"

#define WATCHES 12000
static atomic_int armed;

static void done(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    if (rc != ZNONODE && rc != ZOK)
        die("zoo_awexists: %s", code(rc));
    armed++;
}

int main(void)
{
    zhandle_t *zh = open_case();
    char path[160];
    int i;
    for (i = 0; i < WATCHES; i++) {
        snprintf(path, sizeof path, "/%0100d", i);
        if (zoo_awexists(zh, path, on_watch, "watch", done, NULL) != ZOK)
            die("zoo_awexists is refused");
    }
    while (armed < WATCHES)
        nap(10);
    order("cut 0");
    nap(200);
    forget();
    await_state(zh, 3);
    for (i = 0; i < 100 && zoo_exists(zh, "/", 0, NULL) != ZOK; i++)
        nap(50);
    if (i == 100)
        die("no session after the reconnect");
    snprintf(path, sizeof path, "/%0100d", WATCHES - 1);
    make(zh, path, "");
    settle(zh);
    return zookeeper_close(zh);
}
