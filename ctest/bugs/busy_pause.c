/* needs: nothing
 * Dead servers and an application that makes calls all the time: on Debian's library each call shortens the pause. */
#include "../case.h"
#include "../dials.h"

static void ignore(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)rc, (void)value, (void)length, (void)stat, (void)data;
}

static int in_three_seconds(int busy)
{
    char list[128];
    zhandle_t *zh;
    int i, before, made;
    snprintf(list, sizeof list, "%s,127.0.0.2:1,127.0.0.3:1", hosts());
    zh = begin_at(list, "", on_nothing, NULL, SESSION_MS, 0);
    before = dials;
    for (i = 0; i < 3000; i++) {
        if (busy)
            zoo_aget(zh, "/", 0, ignore, NULL);
        nap(1);
    }
    made = dials - before;
    zookeeper_close(zh);
    return made;
}

int main(void)
{
    int idle = in_three_seconds(0), busy = in_three_seconds(1);
    fact("idle %d, busy %d attempts in 3 s", idle, busy);
    if (busy > 2 * idle + 10)
        die("%d attempts with calls, %d without", busy, idle);
    return 0;
}
