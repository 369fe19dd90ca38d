/* needs: nothing
 * CPU time while the ensemble is down: below half a percent of a core. */
#include <sys/resource.h>
#include "../case.h"

static long micros(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1000000L + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

int main(void)
{
    zhandle_t *zh = zookeeper_init("127.0.0.2:2,127.0.0.3:3", NULL, SESSION_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
    long before, used;
    nap(1000);
    before = micros();
    nap(4000);
    used = micros() - before;
    fact("%ld us of CPU in 4 s", used);
    if (used > 20000)
        die("%ld us of CPU in 4 s", used);
    return zookeeper_close(zh);
}
