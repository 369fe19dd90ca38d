/* needs: proxy
 * A loop that keeps no time while it has no descriptor, like that of node's package zookeeper: between two attempts it
 * comes back only by its own slow clock. When the server is back, the loop must reconnect without that clock, from the
 * second pause on, because later pauses have a descriptor. */
#include "../loop.h"

#define CLOCK_MS 1500

/* One turn of such a loop. Returns how often it had to wait for its own clock. */
static int late_turn(zhandle_t *zh)
{
    struct step step = ask(zh);
    struct pollfd entry = {step.fd, POLLIN, 0};
    if (step.fd < 0) {
        nap(CLOCK_MS);
        return 1;
    }
    if (step.interest & ZOOKEEPER_WRITE)
        entry.events |= POLLOUT;
    if (poll(&entry, 1, (int)step.wait_ms) > 0) {
        int rc = zookeeper_process(zh, (entry.revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                                           (entry.revents & (POLLOUT | POLLHUP | POLLERR) ? ZOOKEEPER_WRITE : 0));
        if (rc == ZNOTHING)
            die("there was nothing to read");
    }
    return 0;
}

int main(void)
{
    int round;
    int waited = 0; /* in a round before: a pause of no time at all teaches nothing */
    zhandle_t *zh = begin("", on_nothing, NULL, 6000, 0);
    while (zoo_state(zh) != ZOO_CONNECTED_STATE)
        late_turn(zh);
    for (round = 0; round < 6; round++) {
        int late = 0;
        int64_t id = zoo_client_id(zh)->client_id;
        order("cut");
        while (zoo_state(zh) == ZOO_CONNECTED_STATE)
            late += late_turn(zh);
        while (zoo_state(zh) != ZOO_CONNECTED_STATE)
            late += late_turn(zh);
        fact("round %d: waited for its clock %d times", round, late);
        if (zoo_client_id(zh)->client_id != id)
            die("round %d: another session", round);
        if (waited && late > 0)
            die("round %d: connected only when its clock said so, %d times", round, late);
        waited |= late > 0;
    }
    return zookeeper_close(zh);
}
