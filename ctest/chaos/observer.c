/*
 * A client that is outside the chaos, connected directly to the servers: creates the nodes before it, sets every
 * register once more after it (so that every armed watch must fire), and lists all nodes at the end.
 *
 *   observer HOSTS JOURNAL setup | bump NUMBER | dump
 *
 * dump prints "N path version mzxid ephemeralOwner value" for every node, and "end" last.
 */
#include <zookeeper/zookeeper.h>

#include "journal.h"

enum { SESSION_MS = 20000, PATIENCE_MS = 60000, DEEPEST = 4 };

static zhandle_t *zh;
static atomic_int synced;

static void must(int rc, const char *what)
{
    if (rc == ZOK)
        return;
    fprintf(stderr, "observer: %s: %s\n", what, zerror(rc));
    exit(1);
}

static void ignore(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)type, (void)state, (void)path, (void)context;
}

static void on_synced(int rc, const char *value, const void *data)
{
    (void)value, (void)data;
    synced = rc == ZOK ? 1 : -1;
}

static void connect_to(const char *hosts)
{
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zh = zookeeper_init(hosts, ignore, SESSION_MS, NULL, NULL, 0);
    for (int waited = 0; zh && zoo_state(zh) != ZOO_CONNECTED_STATE && waited < PATIENCE_MS; waited += 10)
        usleep(10000);
    must(zh && zoo_state(zh) == ZOO_CONNECTED_STATE ? ZOK : ZCONNECTIONLOSS, "connect");
}

/* Creates a node, even if the connection is lost several times: this runs before the chaos. */
static void lay(const char *path)
{
    int rc = ZCONNECTIONLOSS;
    for (int attempt = 0; attempt < 10 && (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT); attempt++) {
        rc = zoo_create(zh, path, "first", 5, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
        if (attempt > 0 && rc == ZNODEEXISTS)
            rc = ZOK;
    }
    must(rc, path);
}

static void lay_out(void)
{
    static const char *const paths[] = {"/chaos",    "/chaos/w",  "/chaos/e", "/chaos/a",
                                        "/chaos/mh", "/chaos/r0", "/chaos/r1", "/chaos/m"};
    char path[32];
    for (size_t n = 0; n < sizeof paths / sizeof *paths; n++)
        lay(paths[n]);
    for (int n = 0; n < CREATED_IN; n++) {
        snprintf(path, sizeof path, "/chaos/w/%02x", n);
        lay(path);
    }
}

static int bump(const char *path, const char *value)
{
    struct Stat stat;
    int version, length = 0;
    char history[64], nothing[1];
    int rc = zoo_get(zh, path, 0, nothing, &length, &stat);
    if (rc != ZOK)
        return rc;
    version = stat.version;
    int transaction = !strcmp(path, "/chaos/m");
    long id = begin(0, 's', transaction ? "multi" : "set", path, value, version);
    zoo_op_t operations[2];
    zoo_op_result_t results[2];
    snprintf(history, sizeof history, "/chaos/mh/%d", version + 1);
    zoo_set_op_init(&operations[0], path, value, (int)strlen(value), version, &stat);
    zoo_create_op_init(&operations[1], history, value, (int)strlen(value), &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, NULL, 0);
    rc = zoo_multi(zh, transaction ? 2 : 1, operations, results);
    end(id, rc, rc == ZOK ? stat.version : -1, rc == ZOK ? stat.mzxid : -1, "");
    return rc;
}

static void bump_all(const char *number)
{
    static const char *const paths[] = {"/chaos/r0", "/chaos/r1", "/chaos/m"};
    journal("H 0 %lld\n", microseconds());
    for (int n = 0; n < 3; n++) {
        int rc = ZCONNECTIONLOSS;
        for (int attempt = 0; attempt < 20 && rc != ZOK; attempt++) {
            char value[64];
            snprintf(value, sizeof value, "bump.%s.%d.%d", number, n, attempt);
            rc = bump(paths[n], value);
        }
        must(rc, paths[n]);
    }
    journal("X 0 %lld\n", microseconds());
    journal("C 0 %lld 0\n", microseconds());
}

static void dump(const char *path, int depth)
{
    char value[64] = "";
    int length = sizeof value - 1;
    struct Stat stat;
    int rc = zoo_get(zh, path, 0, value, &length, &stat);
    if (rc == ZNONODE)
        return; /* an ephemeral node of a session that expires just now */
    must(rc, path);
    value[length > 0 ? length : 0] = 0;
    printf("N %s %d %lld %llx %s\n", path, stat.version, (long long)stat.mzxid,
           (unsigned long long)stat.ephemeralOwner, *value ? value : NOTHING);
    if (stat.numChildren == 0 || depth == DEEPEST)
        return;
    struct String_vector children;
    must(zoo_get_children(zh, path, 0, &children), path);
    for (int n = 0; n < children.count; n++) {
        char below[256];
        snprintf(below, sizeof below, "%s/%s", path, children.data[n]);
        dump(below, depth + 1);
    }
    deallocate_String_vector(&children);
}

int main(int count, char **arguments)
{
    if (count < 4)
        return 2;
    journal_open(arguments[2]);
    connect_to(arguments[1]);
    if (!strcmp(arguments[3], "setup")) {
        lay_out();
    } else if (!strcmp(arguments[3], "bump") && count == 5) {
        bump_all(arguments[4]);
    } else {
        must(zoo_async(zh, "/chaos", on_synced, NULL), "sync");
        for (int waited = 0; !synced && waited < PATIENCE_MS; waited += 10)
            usleep(10000);
        must(synced == 1 ? ZOK : ZCONNECTIONLOSS, "sync");
        dump("/chaos", 0);
        puts("end");
    }
    zookeeper_close(zh);
    return 0;
}
