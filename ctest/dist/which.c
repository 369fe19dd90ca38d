/* Prints which ZooKeeper library it runs on. */
#include <stdio.h>
#include <string.h>
#include <zookeeper/zookeeper.h>

int main(void)
{
    char line[4096];
    FILE *maps = fopen("/proc/self/maps", "r");

    if (zerror(ZNONODE) == NULL || maps == NULL)
        return 1;
#ifdef WITH_PKG_CONFIG
    /* Only our header declares it. */
    if (zoo_version_str() == NULL)
        return 3;
#endif
    while (fgets(line, sizeof line, maps) != NULL) {
        char *path = strchr(line, '/');
        if (path != NULL && strstr(path, "libzookeeper_") != NULL) {
            fputs(path, stdout);
            return 0;
        }
    }
    return 2;
}
