/*
 * Waits until its standard input ends, using the ZooKeeper library as its arguments say:
 *   hold [open N] [dlopen FILE] [shell COMMAND]
 * Prints "ready" when all of that is done.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#ifdef LINKED
#include <zookeeper/zookeeper.h>
#endif

int main(int count, char **words)
{
    char input[64];
    int i;

    for (i = 1; i + 1 < count; i += 2) {
        if (strcmp(words[i], "dlopen") == 0 && dlopen(words[i + 1], RTLD_NOW) == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return 1;
        }
        if (strcmp(words[i], "shell") == 0 && system(words[i + 1]) != 0)
            return 2;
#ifdef LINKED
        if (strcmp(words[i], "open") == 0) {
            int handles = atoi(words[i + 1]);
            zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
            /* Nothing listens on port 1. The handles count as open although they never connect. */
            while (handles-- > 0)
                if (zookeeper_init("127.0.0.1:1", NULL, 10000, NULL, NULL, 0) == NULL)
                    return 3;
        }
#endif
    }
#ifdef READS_STATS
    {
        /* Only our header declares it. */
        struct zoo_reconnect_stats stats;
        if (zoo_get_reconnect_stats(NULL, &stats, sizeof stats) == ZOK)
            return 4;
    }
#endif
    puts("ready");
    fflush(stdout);
    while (read(0, input, sizeof input) > 0) {}
    _exit(0);
}
