/* needs: server
 * Paths without a leading slash under a chroot: they are appended to it without a slash, and the chroot is removed from
 * returned paths, so that a program with bare names gets its bare names back. */
#include "../case.h"

static zhandle_t *zh;

static void create(const char *path, int flags)
{
    char made[256] = "untouched";
    struct Stat stat;
    int rc = zoo_create(zh, path, "v", 1, &ZOO_OPEN_ACL_UNSAFE, flags, made, sizeof made);
    fact("create \"%s\" flags %d: %s \"%s\"", path, flags, code(rc), made);
    if (rc == ZOK && flags == 0)
        outcome("  delete", zoo_delete(zh, path, -1));
    snprintf(made, sizeof made, "untouched");
    rc = zoo_create2(zh, path, "v", 1, &ZOO_OPEN_ACL_UNSAFE, flags, made, sizeof made, &stat);
    fact("create2 \"%s\" flags %d: %s \"%s\"", path, flags, code(rc), made);
    outcome("acreate", zoo_acreate(zh, path, "v", 1, &ZOO_OPEN_ACL_UNSAFE, flags, on_string, "acreate"));
    settle(zh);
}

int main(void)
{
    static const char *const NAMES[] = {"name", "name/below", "", "."};
    char buffer[64];
    zoo_op_t op;
    zoo_op_result_t result;
    char inner[64];
    int i;
    /* One level further down, so that the names are created under the case's own node, whose sequence numbers no other
     * case changes. */
    zh = open_case();
    make(zh, "/inner", "");
    zookeeper_close(zh);
    snprintf(inner, sizeof inner, "%s/inner", root());
    zh = begin(inner, on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    for (i = 0; i < COUNT(NAMES); i++) {
        create(NAMES[i], 0);
        create(NAMES[i], ZOO_SEQUENCE);
    }
    create("/", ZOO_SEQUENCE);
    outcome("exists", zoo_exists(zh, "name", 0, NULL));
    outcome("watch", zoo_wexists(zh, "name", on_watch, "w", NULL));
    outcome("set", zoo_set(zh, "name", "w", 1, -1));
    settle(zh);
    outcome("async", zoo_async(zh, "name", on_string, "async"));
    settle(zh);
    zoo_create_op_init(&op, "inmulti", "v", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    snprintf(buffer, sizeof buffer, "untouched");
    outcome("multi", zoo_multi(zh, 1, &op, &result));
    fact("  %s \"%s\"", code(result.err), buffer);
    return zookeeper_close(zh);
}
