/* A session with synchronous and asynchronous calls, for portable.py: exits with 0 if all calls were answered.
 *
 * usage: portable HOSTS */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <zookeeper/zookeeper.h>

static volatile int answered;

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)data;
    answered = rc == ZOK && length == 5 && memcmp(value, "value", 5) == 0 && stat->version == 0 ? 1 : -1;
}

static void on_nothing(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path, (void)context;
}

int main(int argc, char **argv)
{
    char path[64];
    const struct timespec pause = {0, 10000000};
    int tries;
    zhandle_t *zh = argc == 2 ? zookeeper_init(argv[1], on_nothing, 30000, NULL, NULL, 0) : NULL;
    if (zh == NULL)
        return 2;
    if (zoo_create(zh, "/portable-", "value", 5, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE | ZOO_EPHEMERAL, path,
                   sizeof path) != ZOK)
        return 3;
    if (zoo_aget(zh, path, 0, on_data, NULL) != ZOK)
        return 4;
    for (tries = 0; tries < 6000 && answered == 0; tries++)
        nanosleep(&pause, NULL);
    if (answered != 1 || zoo_delete(zh, path, -1) != ZOK || zookeeper_close(zh) != ZOK)
        return 5;
    puts(calmkeeper_version_str());
    return 0;
}
