/* needs: nothing
 * A server that refuses, on the single-threaded library: when the connection fails, which requests fail with it, and
 * the effect of a close. */
#include "../loop.h"

#define TIMEOUT_MS 6000

int main(void)
{
    struct step step;
    int passes = 0;
    zhandle_t *zh = begin("", on_watch, "session", TIMEOUT_MS, 0);
    outcome("exists", zoo_aexists(zh, "/", 0, on_stat, "queued"));
    outcome("auth", zoo_add_auth(zh, "digest", "user:secret", 11, on_void, "auth"));
    step = turn_until_ready(zh);
    fact("connect: %s, interest %d, events %d, process %s, %s", code(step.rc), step.interest, step.events,
         code(step.processed), state_name(zoo_state(zh)));
    drain(records_left());
    /* How often it connects differs, but between two attempts there is nothing to watch. */
    do
        step = turn(zh, 20);
    while (step.fd >= 0 && passes++ < 10);
    fact("a pause: %s, descriptor %d, interest %d, process %s, %s", code(step.rc), step.fd, step.interest,
         code(step.processed), state_name(zoo_state(zh)));
    fact("its time is more than nothing, and at most a third of the timeout: %d",
         step.wait_ms > 0 && step.wait_ms <= TIMEOUT_MS / 3);
    zoo_aget(zh, "/", 0, on_data, "get");
    zoo_aget_children(zh, "/", 0, on_strings, "children");
    outcome("close", zookeeper_close(zh));
    drain(records_left());
    return 0;
}
