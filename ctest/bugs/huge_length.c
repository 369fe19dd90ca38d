/* needs: script
 * A frame of 2^31-1 bytes is announced: no memory may be allocated for bytes that have not come. */
#include <sys/resource.h>
#include "../case.h"

static long peak_kb(void)
{
    char line[256];
    long found = 0;
    FILE *status = fopen("/proc/self/status", "r");
    while (status && fgets(line, sizeof line, status))
        sscanf(line, "VmPeak: %ld", &found);
    fclose(status);
    return found;
}

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, 4000, 0);
    long before, grown;
    await_state(zh, 3);
    before = peak_kb();
    order("tell go");
    nap(500);
    grown = peak_kb() - before;
    if (grown > 512 * 1024)
        die("%ld MiB are allocated for a frame that has not come", grown / 1024);
    await_state(zh, 3);
    return zookeeper_close(zh);
}
