/* needs: nothing
 * A slow loop that waits longer than it was told to, on the single-threaded library: between two attempts it gets no
 * descriptor to watch. */
#include "../loop.h"

int main(void)
{
    int pauses = 0;
    long end;
    zhandle_t *zh = begin("", on_nothing, NULL, 3000, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    for (end = now_ms() + 4000; now_ms() < end;) {
        struct step step = ask(zh);
        if (step.rc == ZOK && step.wait_ms > 0 && step.interest == 0) {
            pauses++;
            if (step.fd != -1)
                die("pause %d has a descriptor", pauses);
            nap(700);
        }
        answer(zh, &step, 50);
    }
    fact("some pauses: %d", pauses > 1);
    outcome("close", zookeeper_close(zh));
    return 0;
}
