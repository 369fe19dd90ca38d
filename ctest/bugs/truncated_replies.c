/* needs: script
 * Replies that report success but lack the result: ZMARSHALLINGERROR, and the process survives. Debian's library reads
 * uninitialised memory. */
#include "../case.h"

static void is(const char *what, int rc)
{
    if (rc != ZMARSHALLINGERROR)
        die("%s returned %d", what, rc);
}

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    char data[64];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector strings;
    struct ACL_vector acl;
    await_state(zh, ZOO_CONNECTED_STATE);
#define UP await_state(zh, ZOO_CONNECTED_STATE)
    is("get", zoo_get(zh, "/", 0, data, &length, &stat));
    UP;
    is("exists", zoo_exists(zh, "/", 0, &stat));
    UP;
    is("set", zoo_set2(zh, "/", "", 0, -1, &stat));
    UP;
    is("children", zoo_get_children(zh, "/", 0, &strings));
    UP;
    is("children2", zoo_get_children2(zh, "/", 0, &strings, &stat));
    UP;
    is("get_acl", zoo_get_acl(zh, "/", &acl, &stat));
    UP;
    is("create", zoo_create(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, data, sizeof data));
    UP;
    is("create2", zoo_create2(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, data, sizeof data, &stat));
    UP;
    if (zoo_delete(zh, "/", -1) != ZOK)
        die("delete, which has nothing to say, failed");
    return zookeeper_close(zh);
}
