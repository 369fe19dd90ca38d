/* needs: script
 * A thousand calls without an answer, then close: each completion is called once. Debian's library sometimes drops a
 * few, so this is repeated many times. */
#include <stdatomic.h>
#include "../case.h"

#define CALLS 1000
static atomic_int called[CALLS];

static void done(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)rc, (void)value, (void)length, (void)stat;
    called[(intptr_t)data]++;
}

int main(void)
{
    int round, i;
    for (round = 0; round < 60; round++) {
        zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
        await_state(zh, 3);
        memset((void *)called, 0, sizeof called);
        for (i = 0; i < CALLS; i++)
            if (zoo_aget(zh, "/a", 0, done, (void *)(intptr_t)i) != ZOK)
                die("zoo_aget failed");
        zookeeper_close(zh);
        for (i = 0; i < CALLS; i++)
            if (called[i] != 1)
                die("round %d: completion %d was called %d times", round, i, called[i]);
    }
    return 0;
}
