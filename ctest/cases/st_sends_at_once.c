/* needs: proxy
 * A program that makes requests and then only waits for the socket, without a new zookeeper_interest, on the
 * single-threaded library: each request is sent by the call that makes it, credentials too. */
#include "../loop.h"

int main(void)
{
    struct pollfd entry;
    struct step step;
    zhandle_t *zh;
    int round;
    int i;
    /* With this, ours has a time limit for each request, so it has to wake up before the next ping. */
    setenv("ZOO_REQUEST_TIMEOUT_MS", "10000", 1);
    zookeeper_close(loop_open(on_nothing, NULL));
    zh = begin(root(), on_nothing, NULL, 40000, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    for (round = 0; round < 3; round++) {
        step = ask(zh);
        for (i = 0; i < 10; i++)
            outcome("exists", zoo_aexists(zh, "/", 0, on_stat, "exists"));
        outcome("auth", zoo_add_auth(zh, "digest", "user:secret", 11, on_void, "auth"));
        outcome("sync", zoo_async(zh, "/", on_string, "sync"));
        order("await_requests sync %d", round + 1);
        while (records_left() < 12) {
            entry.fd = step.fd;
            entry.events = POLLIN;
            if (poll(&entry, 1, PATIENCE_S * 1000) != 1)
                die("%d answers came", records_left());
            zookeeper_process(zh, ZOOKEEPER_READ);
        }
        drain_sorted(12);
    }
    outcome("close", zookeeper_close(zh));
    return 0;
}
