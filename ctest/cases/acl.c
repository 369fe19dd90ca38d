/* needs: server
 * zoo_get_acl and zoo_set_acl, sync and async; digest and world ids, versions, the effect of missing permissions. */
#include "../case.h"

static zhandle_t *zh;

static void show(const char *path)
{
    struct ACL_vector acl = {-7, NULL};
    struct Stat stat;
    int rc = zoo_get_acl(zh, path, &acl, &stat);
    fact("acl of %s: %s %s %s", path, code(rc), rc == ZOK ? acl_text(&acl) : "",
         rc == ZOK ? stat_text(&stat) : "");
    if (rc == ZOK)
        deallocate_ACL_vector(&acl);
}

static void denied(zhandle_t *other)
{
    char data[8];
    int length = sizeof data;
    struct String_vector strings;
    struct ACL_vector acl = {0, NULL};
    int rc;
    outcome("get", zoo_get(other, "/locked", 0, data, &length, NULL));
    outcome("set", zoo_set(other, "/locked", "", 0, -1));
    outcome("children", zoo_get_children(other, "/locked", 0, &strings));
    outcome("create below", zoo_create(other, "/locked/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    outcome("delete below", zoo_delete(other, "/locked/child", -1));
    outcome("exists", zoo_exists(other, "/locked", 0, NULL));
    rc = zoo_get_acl(other, "/locked", &acl, NULL);
    fact("get_acl: %s %s", code(rc), rc == ZOK ? acl_text(&acl) : "");
    outcome("set_acl", zoo_set_acl(other, "/locked", -1, &ZOO_OPEN_ACL_UNSAFE));
    outcome("sync is allowed", zoo_async(other, "/locked", on_string, "sync"));
    drain(1);
    outcome("aget", zoo_aget(other, "/locked", 0, on_data, "aget"));
    outcome("achildren", zoo_aget_children(other, "/locked", 0, on_strings, "achildren"));
    outcome("acreate", zoo_acreate(other, "/locked/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "acreate"));
    drain(3);
}

int main(void)
{
    struct ACL entries[] = {{ZOO_PERM_READ, {"world", "anyone"}}, {ZOO_PERM_ALL, {"digest", "user:hash="}},
                            {ZOO_PERM_WRITE | ZOO_PERM_CREATE, {"ip", "127.0.0.1"}}};
    struct ACL_vector three = {3, entries};
    struct ACL bad_entry[] = {{ZOO_PERM_ALL, {"nonsense", "x"}}};
    struct ACL_vector bad = {1, bad_entry};
    struct ACL duplicate[] = {{ZOO_PERM_READ, {"world", "anyone"}}, {ZOO_PERM_READ, {"world", "anyone"}}};
    struct ACL_vector twice = {2, duplicate};
    struct ACL_vector none = {0, NULL};
    struct ACL nobody_entry[] = {{ZOO_PERM_ADMIN, {"digest", "nobody:x"}}};
    struct ACL_vector nobody = {1, nobody_entry};
    zhandle_t *other;
    zh = open_case();
    make(zh, "/node", "");
    show("/node");
    outcome("set", zoo_set_acl(zh, "/node", 0, &three));
    show("/node");
    outcome("admin is gone", zoo_set_acl(zh, "/node", -1, &ZOO_OPEN_ACL_UNSAFE));
    make(zh, "/more", "");
    outcome("set old version", zoo_set_acl(zh, "/more", 7, &three));
    outcome("set bad scheme", zoo_set_acl(zh, "/more", -1, &bad));
    outcome("set empty", zoo_set_acl(zh, "/more", -1, &none));
    outcome("set twice the same", zoo_set_acl(zh, "/more", -1, &twice));
    show("/more");
    outcome("set no node", zoo_set_acl(zh, "/none", -1, &three));
    outcome("set bad path", zoo_set_acl(zh, "none", -1, &three));
    show("/none");
    show("/");
    show("//");
    {
        struct ACL_vector acl;
        outcome("get without results", zoo_get_acl(zh, "/node", NULL, NULL));
        outcome("get without a stat", zoo_get_acl(zh, "/node", &acl, NULL));
        deallocate_ACL_vector(&acl);
    }

    make(zh, "/async", "");
    outcome("aget_acl", zoo_aget_acl(zh, "/async", on_acl, "get"));
    outcome("aset_acl", zoo_aset_acl(zh, "/async", 0, &three, on_void, "set"));
    outcome("aget_acl", zoo_aget_acl(zh, "/async", on_acl, "get"));
    outcome("aset_acl version", zoo_aset_acl(zh, "/more", 9, &three, on_void, "set version"));
    outcome("aset_acl bad", zoo_aset_acl(zh, "/more", -1, &bad, on_void, "set bad"));
    outcome("aget_acl none", zoo_aget_acl(zh, "/none", on_acl, "get none"));
    outcome("aget_acl bad path", zoo_aget_acl(zh, "/x/", on_acl, "bad"));
    outcome("aset_acl bad path", zoo_aset_acl(zh, "/x/", -1, &three, on_void, "bad"));
    drain(6);

    make(zh, "/locked", "");
    make(zh, "/locked/child", "");
    outcome("lock", zoo_set_acl(zh, "/locked", -1, &nobody));
    other = begin(root(), on_nothing, NULL, SESSION_MS, 0);
    await_state(other, ZOO_CONNECTED_STATE);
    denied(other);
    zookeeper_close(other);
    return zookeeper_close(zh);
}
