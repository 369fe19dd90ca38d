/* needs: proxy
 * The connection is cut again and again, in order and with resets, while an application writes: every completion comes
 * once, the process survives its writes to dead sockets (SIGPIPE keeps its default action), and the session survives. */
#include "../case.h"

static _Atomic int completed;
static _Atomic int odd;

static void on_done(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    if (rc != ZOK && rc != ZCONNECTIONLOSS)
        odd++;
    completed++;
}

int main(void)
{
    zhandle_t *zh;
    int submitted = 0;
    int64_t id;
    int round;
    int i;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_nothing, NULL);
    id = zoo_client_id(zh)->client_id;
    make(zh, "/n", "");
    for (round = 0; round < 10; round++) {
        for (i = 0; i < 200; i++) {
            if (zoo_aset(zh, "/n", "x", 1, -1, on_done, NULL) == ZOK)
                submitted++;
            if (i == 100)
                order("cut 0%s", round % 2 == 0 ? "" : " reset");
        }
        await_state(zh, ZOO_CONNECTED_STATE);
    }
    for (i = 0; i < 1000 && completed < submitted; i++)
        nap(10);
    fact("submitted %d, completed %d, odd codes %d", submitted, completed, odd);
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);
    return zookeeper_close(zh);
}
