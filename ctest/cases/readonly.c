/* needs: readonly
 * Read-only mode: a handle with the flag is served by a member without a quorum and moves on when there is one; a handle
 * without the flag waits. (A synchronous zoo_multi aborts Debian's library: bugs/readonly_multi.c.) */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    zhandle_t *plain;
    char data[8];
    int length = sizeof data;
    struct String_vector strings;
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    zh = begin("", on_watch, "default", SESSION_MS, ZOO_READONLY);
    drain(1);
    fact("state %s", state_name(zoo_state(zh)));
    outcome("unrecoverable", is_unrecoverable(zh));
    fact("connected host: %s", zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &size) == NULL ? "NULL" : "some");
    outcome("get", zoo_get(zh, "/zookeeper", 0, data, &length, NULL));
    outcome("exists, watched", zoo_wexists(zh, "/node", on_watch, "node", NULL));
    outcome("children", zoo_get_children(zh, "/zookeeper", 0, &strings));
    deallocate_String_vector(&strings);
    outcome("create", zoo_create(zh, "/node", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    outcome("set", zoo_set(zh, "/zookeeper", "", 0, -1));
    outcome("delete", zoo_delete(zh, "/zookeeper/quota", -1));
    outcome("set_acl", zoo_set_acl(zh, "/zookeeper", -1, &ZOO_OPEN_ACL_UNSAFE));
    outcome("acreate", zoo_acreate(zh, "/node", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "acreate"));
    drain(1);
    outcome("async", zoo_async(zh, "/zookeeper", on_string, "async"));
    drain(1);
    zoo_create_op_init(&ops[0], "/node", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_delete_op_init(&ops[1], "/zookeeper", -1);
    outcome("amulti", zoo_amulti(zh, 2, ops, results, on_void, "amulti"));
    drain(1);
    fact("  results %s %s", code(results[0].err), code(results[1].err));
    fact("-- a handle without the flag");
    plain = begin("", on_watch, "plain", SESSION_MS, 0);
    quiet(500);
    fact("connected: %d", zoo_state(plain) == ZOO_CONNECTED_STATE || zoo_state(plain) == ZOO_READONLY_STATE);
    zookeeper_close(plain);
    outcome("close", zookeeper_close(zh));
    return 0;
}
