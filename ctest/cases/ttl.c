/* needs: server
 * TTL and container nodes: the argument checks, the stat of such nodes, and that an empty container is deleted. */
#include "../case.h"

static zhandle_t *zh;

static void check(int mode, int64_t ttl)
{
    char path[64];
    char made[64] = "";
    struct Stat stat;
    int rc;
    static int number;
    snprintf(path, sizeof path, "/n%d-", number++);
    rc = zoo_create_ttl(zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, ttl, made, sizeof made);
    fact("mode %d ttl %lld: %s %s", mode, (long long)ttl, code(rc), made);
    if (rc == ZOK && zoo_exists(zh, made, 0, &stat) == ZOK)
        fact("  %s", stat_text(&stat));
    rc = zoo_create2_ttl(zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, ttl, made, sizeof made, &stat);
    fact("  create2: %s", code(rc));
}

static int await_gone(const char *path)
{
    int i;
    for (i = 0; i < 1000; i++, nap(20))
        if (zoo_exists(zh, path, 0, NULL) == ZNONODE)
            return 1;
    return 0;
}

int main(void)
{
    static const int64_t TTLS[] = {-1, -2, 0, 1, 100000, 0xFFFFFFFFFFLL, 0x10000000000LL, INT64_MAX, INT64_MIN};
    static const int MODES[] = {0, 1, 2, 3, 4, 5, 6, 7, -1};
    int m;
    int t;
    zh = open_case();
    for (m = 0; m < COUNT(MODES); m++)
        for (t = 0; t < COUNT(TTLS); t++)
            check(MODES[m], TTLS[t] == 1 ? 99999 : TTLS[t]);
    outcome("zoo_create with mode 5", zoo_create(zh, "/five", "", 0, &ZOO_OPEN_ACL_UNSAFE, 5, NULL, 0));

    outcome("short ttl", zoo_create_ttl(zh, "/short", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 1, NULL, 0));
    fact("gone: %d", await_gone("/short"));
    outcome("container", zoo_create(zh, "/box", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, NULL, 0));
    make(zh, "/box/item", "");
    outcome("empty it", zoo_delete(zh, "/box/item", -1));
    fact("gone: %d", await_gone("/box"));
    return zookeeper_close(zh);
}
