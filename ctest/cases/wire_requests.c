/* needs: proxy
 * The message of each call on the wire, field by field, and the order of packets, in a first session. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    char data[64];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector strings;
    struct ACL_vector acl;
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    char *requests;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_nothing, NULL);
    zoo_create(zh, "/n", "data", 4, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_create(zh, "/null", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_create(zh, "/noacl", "", 0, NULL, 0, NULL, 0);
    zoo_create(zh, "/e-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, data, sizeof data);
    zoo_create(zh, "/box", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, NULL, 0);
    zoo_create2(zh, "/n2", "", 0, &ZOO_READ_ACL_UNSAFE, 0, data, sizeof data, &stat);
    zoo_create2(zh, "/box2", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, data, sizeof data, &stat);
    zoo_create_ttl(zh, "/ttl", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 0x1234567890LL, NULL, 0);
    zoo_create2_ttl(zh, "/ttl2", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 5000, data, sizeof data, &stat);
    zoo_set(zh, "/n", "new", 3, 0);
    zoo_set2(zh, "/n", NULL, -1, -1, &stat);
    zoo_get(zh, "/n", 0, data, &length, &stat);
    zoo_wget(zh, "/n", on_watch, "n", data, &length, &stat);
    zoo_exists(zh, "/n", 1, &stat);
    zoo_get_children(zh, "/", 0, &strings);
    deallocate_String_vector(&strings);
    zoo_wget_children2(zh, "/", on_watch, "c", &strings, &stat);
    deallocate_String_vector(&strings);
    zoo_get_acl(zh, "/n", &acl, &stat);
    deallocate_ACL_vector(&acl);
    zoo_set_acl(zh, "/n", 0, &ZOO_OPEN_ACL_UNSAFE);
    zoo_async(zh, "/n", on_string, "sync");
    drain(1);
    zoo_create_op_init(&ops[0], "/m", "abc", 3, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_set_op_init(&ops[1], "/m", "defg", 4, 0, NULL);
    zoo_check_op_init(&ops[2], "/m", 1);
    zoo_delete_op_init(&ops[3], "/m", 1);
    outcome("multi", zoo_multi(zh, 4, ops, results));
    drain(1); /* the event for "c" */
    zoo_agetconfig(zh, 0, on_data, "config");
    drain(1);
    zoo_reconfig(zh, "joining", "leaving", NULL, 77, data, &length, &stat);
    zoo_add_auth(zh, "digest", "user:word", 9, on_void, "auth");
    drain(1);
    zoo_remove_watches(zh, "/n", ZWATCHTYPE_DATA, on_watch, "n", 0);
    zoo_remove_all_watches(zh, "/", ZWATCHTYPE_ANY, 0);
    zoo_delete(zh, "/n", 2);
    zoo_delete(zh, "/n", -1);
    zookeeper_close(zh);
    forget();
    requests = control("requests");
    fact("%s", requests);
    free(requests);
    return 0;
}
