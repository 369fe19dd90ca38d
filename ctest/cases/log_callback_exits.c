/* needs: server
 * A log callback that ends its thread: close still returns, and no thread of the handle remains. */
#include "../case.h"
#include "../proc.h"

#include <stdatomic.h>

static _Thread_local int is_main;
static atomic_int wanted, ended;

static void on_log(const char *line)
{
    (void)line;
    if (is_main || !wanted)
        return;
    wanted = 0;
    ended = 1;
    pthread_exit(NULL);
}

int main(void)
{
    zhandle_t *zh;
    int ms;
    int before = threads();
    is_main = 1;
    zookeeper_close(open_plain());
    wanted = 1; /* the first line of a thread of the handle's own */
    zh = zookeeper_init2(hosts(), on_nothing, SESSION_MS, NULL, NULL, 0, on_log);
    for (ms = 0; !ended && ms < 20000; ms++)
        nap(1);
    fact("a thread of the handle has logged, and ended: %d", (int)ended);
    outcome("close", zookeeper_close(zh));
    for (ms = 0; threads() > before && ms < 20000; ms++)
        nap(1);
    fact("threads as before: %d", threads() <= before);
    return 0;
}
