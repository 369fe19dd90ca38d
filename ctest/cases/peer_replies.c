/* needs: script
 * Unusual replies, chosen by the path of the request: unknown codes, surplus bytes, null fields, an unknown kind of
 * event, packets in pieces and several packets at once. Session events show which of them cost the connection. */
#include "../case.h"

static zhandle_t *zh;

static void get(const char *path)
{
    char data[32] = "untouched";
    int length = sizeof data;
    struct Stat stat;
    int rc = zoo_get(zh, path, 0, data, &length, &stat);
    fact("get %s: %s %d %s", path, code(rc), length, rc == ZOK ? bytes_text(data, length < 0 ? 0 : length) : "");
}

int main(void)
{
    static const char *const PATHS[] = {"/fine", "/null", "/code-9999", "/code-1", "/code1", "/code-112", "/code-116",
                                        "/code-118", "/code-124", "/code-127", "/longer", "/pieces", "/fine"};
    struct String_vector strings;
    struct ACL_vector acl;
    struct Stat stat;
    int i;
    int rc;
    zh = begin("", on_watch, "default", SESSION_MS, 0);
    drain(1);
    for (i = 0; i < COUNT(PATHS); i++)
        get(PATHS[i]);
    rc = zoo_get_children(zh, "/null", 0, &strings);
    fact("null children: %s, some: %d", code(rc), rc == ZOK && strings.count > 0);
    if (rc == ZOK)
        deallocate_String_vector(&strings);
    rc = zoo_get_acl(zh, "/null", &acl, &stat);
    fact("null acl: %s, some: %d", code(rc), rc == ZOK && acl.count > 0);
    if (rc == ZOK)
        deallocate_ACL_vector(&acl);
    outcome("glued", zoo_aget(zh, "/glue", 0, on_data, "1"));
    outcome("glued", zoo_aexists(zh, "/glue", 0, on_stat, "2"));
    outcome("glued", zoo_aget(zh, "/glued", 0, on_data, "3"));
    drain(3);
    outcome("events", zoo_wexists(zh, "/events", on_watch, "watch", NULL));
    settle(zh);
    get("/fine");
    settle(zh);
    return zookeeper_close(zh);
}
