/* needs: reconfig
 * zoo_getconfig, zoo_reconfig and their variants against a server that allows reconfiguration. */
#include "../case.h"

static char member[256];

/* The configuration without its ports and version. */
static const char *plain(const char *text, int length)
{
    static char kept[4096];
    int i;
    int k = 0;
    /* After "version=" comes a hexadecimal number. */
    for (i = 0; i < length && k < 4000 && (k < 8 || strncmp(kept + k - 8, "version=", 8) != 0); i++)
        if (text[i] < '0' || text[i] > '9')
            kept[k++] = text[i] == '\n' ? ' ' : text[i];
    kept[k] = '\0';
    return kept;
}

static void on_config(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    record("%s: %s %s, stat: %d", (const char *)data, code(rc), value == NULL ? "NULL" : plain(value, length), stat != NULL);
}

int main(void)
{
    zhandle_t *zh = open_plain();
    char data[4096] = "";
    int length = sizeof data;
    struct Stat stat;
    int rc = zoo_getconfig(zh, 0, data, &length, &stat);
    fact("getconfig: %s %s", code(rc), plain(data, length));
    fact("  a stat: %d", stat.dataLength == length);
    sscanf(data, "server.1=%200[^\n]", member);
    length = 4;
    rc = zoo_getconfig(zh, 0, data, &length, NULL);
    fact("short buffer: %s %d", code(rc), length);
    length = sizeof data;
    outcome("wgetconfig", zoo_wgetconfig(zh, on_watch, "config", data, &length, &stat));
    outcome("agetconfig", zoo_agetconfig(zh, 0, on_config, "agetconfig"));
    drain(1);
    outcome("awgetconfig", zoo_awgetconfig(zh, on_watch, "aconfig", on_config, "awgetconfig"));
    drain(1);

    fact("-- without rights");
    length = sizeof data;
    outcome("reconfig", zoo_reconfig(zh, NULL, NULL, member, -1, data, &length, &stat));
    outcome("add_auth", zoo_add_auth(zh, "digest", "admin:ctest", 11, on_void, "auth"));
    drain(1);
    fact("-- bad ones");
    outcome("nothing", zoo_reconfig(zh, NULL, NULL, NULL, -1, data, &length, &stat));
    outcome("members and leaving", zoo_reconfig(zh, NULL, "1", "server.1=x", -1, data, &length, &stat));
    outcome("old version", zoo_reconfig(zh, NULL, "7", NULL, 99, data, &length, &stat));
    outcome("the last one leaves", zoo_reconfig(zh, NULL, "1", NULL, -1, data, &length, &stat));
    outcome("unreadable", zoo_reconfig(zh, "rubbish", NULL, NULL, -1, data, &length, &stat));
    outcome("async old version", zoo_areconfig(zh, NULL, "7", NULL, 99, on_config, "areconfig"));
    drain(1);
    fact("-- one that changes nothing but the version");
    length = sizeof data;
    snprintf(data, sizeof data, "server.1=%s", member);
    rc = zoo_reconfig(zh, data, NULL, NULL, -1, data, &length, &stat);
    fact("reconfig: %s %s", code(rc), rc == ZOK ? plain(data, length) : "");
    drain_sorted(2);
    settle(zh);
    return zookeeper_close(zh);
}
