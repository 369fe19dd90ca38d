/* needs: server
 * zoo_acreate and its variants: the completion's arguments on success and on each error; calls that are refused at
 * once. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    struct ACL_vector none = {0, NULL};
    make(zh, "/there", "");

    outcome("acreate", zoo_acreate(zh, "/a", "x", 1, open, 0, on_string, "a"));
    outcome("acreate sequential", zoo_acreate(zh, "/s-", "x", 1, open, ZOO_SEQUENCE, on_string, "s"));
    outcome("acreate exists", zoo_acreate(zh, "/there", "x", 1, open, 0, on_string, "exists"));
    outcome("acreate no parent", zoo_acreate(zh, "/no/parent", "x", 1, open, 0, on_string, "no parent"));
    outcome("acreate empty acl", zoo_acreate(zh, "/acl", "x", 1, &none, 0, on_string, "empty acl"));
    outcome("acreate NULL acl", zoo_acreate(zh, "/acl", "x", 1, NULL, 0, on_string, "NULL acl"));
    outcome("acreate null value", zoo_acreate(zh, "/null", NULL, -1, open, 0, on_string, "null value"));
    outcome("acreate container", zoo_acreate(zh, "/c", "", 0, open, ZOO_CONTAINER, on_string, "container"));
    outcome("acreate bad mode", zoo_acreate(zh, "/m", "", 0, open, 77, on_string, "bad mode"));
    outcome("acreate bad path", zoo_acreate(zh, "/m/", "", 0, open, 0, on_string, "bad path"));
    drain(9);
    outcome("acreate2", zoo_acreate2(zh, "/a2", "xyz", 3, open, 0, on_string_stat, "a2"));
    outcome("acreate2 ephemeral", zoo_acreate2(zh, "/e2", "", 0, open, ZOO_EPHEMERAL, on_string_stat, "e2"));
    outcome("acreate2 exists", zoo_acreate2(zh, "/there", "", 0, open, 0, on_string_stat, "exists"));
    outcome("acreate2 bad path", zoo_acreate2(zh, "/m/", "", 0, open, 0, on_string_stat, "bad path"));
    drain(3);
    outcome("acreate_ttl", zoo_acreate_ttl(zh, "/t", "", 0, open, ZOO_PERSISTENT_WITH_TTL, 60000, on_string, "ttl"));
    outcome("acreate_ttl no ttl", zoo_acreate_ttl(zh, "/t", "", 0, open, ZOO_PERSISTENT_WITH_TTL, -1, on_string, "no ttl"));
    outcome("acreate_ttl ttl without mode", zoo_acreate_ttl(zh, "/t", "", 0, open, 0, 5, on_string, "no mode"));
    outcome("acreate2_ttl", zoo_acreate2_ttl(zh, "/t2-", "", 0, open, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, 60000,
                                             on_string_stat, "ttl2"));
    outcome("acreate2_ttl too long", zoo_acreate2_ttl(zh, "/t2-", "", 0, open, ZOO_PERSISTENT_WITH_TTL,
                                                      0x10000000000LL, on_string_stat, "too long"));
    drain(2);
    settle(zh);
    return zookeeper_close(zh);
}
