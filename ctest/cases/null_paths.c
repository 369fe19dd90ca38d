/* needs: server
 * A NULL path in every call of a connected handle without a chroot (with one: bugs/null_arguments.c). */
#include "../case.h"

#define TRY(call) outcome(#call, call)

int main(void)
{
    zhandle_t *zh = open_plain();
    char buffer[16];
    int length = sizeof buffer;
    struct Stat stat;
    struct String_vector strings;
    struct ACL_vector acl;
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;

    TRY(zoo_create(zh, NULL, "", 0, open, 0, buffer, sizeof buffer));
    TRY(zoo_create(zh, NULL, "", 0, open, ZOO_SEQUENCE, buffer, sizeof buffer));
    TRY(zoo_create_ttl(zh, NULL, "", 0, open, 0, -1, buffer, sizeof buffer));
    TRY(zoo_create2(zh, NULL, "", 0, open, 0, buffer, sizeof buffer, &stat));
    TRY(zoo_create2_ttl(zh, NULL, "", 0, open, 0, -1, buffer, sizeof buffer, &stat));
    TRY(zoo_delete(zh, NULL, -1));
    TRY(zoo_exists(zh, NULL, 0, &stat));
    TRY(zoo_wexists(zh, NULL, on_watch, NULL, &stat));
    TRY(zoo_get(zh, NULL, 0, buffer, &length, &stat));
    TRY(zoo_wget(zh, NULL, on_watch, NULL, buffer, &length, &stat));
    TRY(zoo_set(zh, NULL, "", 0, -1));
    TRY(zoo_set2(zh, NULL, "", 0, -1, &stat));
    TRY(zoo_get_children(zh, NULL, 0, &strings));
    TRY(zoo_wget_children(zh, NULL, on_watch, NULL, &strings));
    TRY(zoo_get_children2(zh, NULL, 0, &strings, &stat));
    TRY(zoo_wget_children2(zh, NULL, on_watch, NULL, &strings, &stat));
    TRY(zoo_get_acl(zh, NULL, &acl, &stat));
    TRY(zoo_set_acl(zh, NULL, -1, open));
    TRY(zoo_acreate(zh, NULL, "", 0, open, 0, on_string, "x"));
    TRY(zoo_acreate_ttl(zh, NULL, "", 0, open, 0, -1, on_string, "x"));
    TRY(zoo_acreate2(zh, NULL, "", 0, open, 0, on_string_stat, "x"));
    TRY(zoo_acreate2_ttl(zh, NULL, "", 0, open, 0, -1, on_string_stat, "x"));
    TRY(zoo_adelete(zh, NULL, -1, on_void, "x"));
    TRY(zoo_aexists(zh, NULL, 0, on_stat, "x"));
    TRY(zoo_awexists(zh, NULL, on_watch, NULL, on_stat, "x"));
    TRY(zoo_aget(zh, NULL, 0, on_data, "x"));
    TRY(zoo_awget(zh, NULL, on_watch, NULL, on_data, "x"));
    TRY(zoo_aset(zh, NULL, "", 0, -1, on_stat, "x"));
    TRY(zoo_aget_children(zh, NULL, 0, on_strings, "x"));
    TRY(zoo_awget_children(zh, NULL, on_watch, NULL, on_strings, "x"));
    TRY(zoo_aget_children2(zh, NULL, 0, on_strings_stat, "x"));
    TRY(zoo_awget_children2(zh, NULL, on_watch, NULL, on_strings_stat, "x"));
    TRY(zoo_async(zh, NULL, on_string, "x"));
    TRY(zoo_aget_acl(zh, NULL, on_acl, "x"));
    TRY(zoo_aset_acl(zh, NULL, -1, &ZOO_OPEN_ACL_UNSAFE, on_void, "x"));
    TRY(zoo_remove_watches(zh, NULL, ZWATCHTYPE_ANY, on_watch, NULL, 0));
    TRY(zoo_aremove_watches(zh, NULL, ZWATCHTYPE_ANY, on_watch, NULL, 0, (void_completion_t *)on_void, "x"));
    TRY(zoo_remove_all_watches(zh, NULL, ZWATCHTYPE_ANY, 0));
    TRY(zoo_aremove_all_watches(zh, NULL, ZWATCHTYPE_ANY, 0, (void_completion_t *)on_void, "x"));
    TRY(zoo_set_servers(zh, NULL));
    TRY(zoo_exists(zh, "/", 0, NULL));
    settle(zh);
    return zookeeper_close(zh);
}
