/* needs: server
 * zoo_get, zoo_set, zoo_set2: buffers, truncation, versions, NULL arguments, every documented error. */
#include "../case.h"

static zhandle_t *zh;

static void read_into(const char *path, int capacity)
{
    char data[32];
    int length = capacity;
    struct Stat stat;
    int rc;
    memset(data, '#', sizeof data);
    memset(&stat, 0xee, sizeof stat);
    rc = zoo_get(zh, path, 0, data, &length, &stat);
    fact("get %s into %d: %s length %d %s", path, capacity, code(rc), length, bytes_text(data, 16));
    fact("  %s", rc == ZOK ? stat_text(&stat) : stat.version == (int32_t)0xeeeeeeee ? "stat untouched" : "stat written");
}

static void sets(void)
{
    struct Stat stat;
    memset(&stat, 0xee, sizeof stat);
    outcome("set", zoo_set(zh, "/node", "two", 3, 0));
    outcome("set any version", zoo_set(zh, "/node", "three", 5, -1));
    outcome("set old version", zoo_set(zh, "/node", "x", 1, 0));
    outcome("set no node", zoo_set(zh, "/none", "x", 1, -1));
    outcome("set2 old version", zoo_set2(zh, "/node", "x", 1, 0, &stat));
    fact("  stat untouched: %d", stat.version == (int32_t)0xeeeeeeee);
    outcome("set2", zoo_set2(zh, "/node", "four", 4, 2, &stat));
    fact("  %s", stat_text(&stat));
    outcome("set2 without a stat", zoo_set2(zh, "/node", "five", 4, -1, NULL));
    outcome("set null data", zoo_set(zh, "/node", NULL, -1, -1));
    read_into("/node", 16);
    outcome("set empty data", zoo_set(zh, "/node", "", 0, -1));
    read_into("/node", 16);
    outcome("set NULL with 0", zoo_set(zh, "/node", NULL, 0, -1));
    read_into("/node", 16);
}

static void nulls(void)
{
    char data[8];
    int length = sizeof data;
    struct Stat stat;
    outcome("get NULL length", zoo_get(zh, "/node", 0, data, NULL, &stat));
    outcome("get NULL buffer", zoo_get(zh, "/node", 0, NULL, &length, &stat));
    outcome("get NULL stat", zoo_get(zh, "/node", 0, data, &length, NULL));
    length = 0;
    outcome("get NULL buffer of 0", zoo_get(zh, "/node", 0, NULL, &length, &stat));
    fact("  length %d", length);
    outcome("exists NULL stat", zoo_exists(zh, "/node", 0, NULL));
}

static void big(void)
{
    int size = 1000 * 1000;
    char *data = malloc((size_t)size);
    char *back = malloc((size_t)size);
    int length = size;
    int i;
    for (i = 0; i < size; i++)
        data[i] = (char)(i * 31 + i / 1000);
    outcome("set a megabyte", zoo_set(zh, "/node", data, size, -1));
    outcome("get it", zoo_get(zh, "/node", 0, back, &length, NULL));
    fact("  length %d, same: %d", length, memcmp(data, back, (size_t)size) == 0);
    free(data);
    free(back);
}

int main(void)
{
    static const int CAPACITIES[] = {32, 10, 9, 4, 1, 0, -1};
    int i;
    zh = open_case();
    make(zh, "/node", "012345678");
    make(zh, "/null", NULL);
    for (i = 0; i < COUNT(CAPACITIES); i++)
        if (CAPACITIES[i] >= 0)
            read_into("/node", CAPACITIES[i]);
    read_into("/null", 16);
    read_into("/null", 0);
    read_into("/none", 16);
    sets();
    nulls();
    big();
    return zookeeper_close(zh);
}
