/* needs: nothing
 * Every entry point with a NULL handle, where Apache's library returns instead of crashing (see bugs/null_handle.c). */
#include "../case.h"

int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
int zookeeper_process(zhandle_t *zh, int events);

#define TRY(call) outcome(#call, call)

int main(void)
{
    char buffer[16];
    int length = sizeof buffer;
    int fd;
    int interest;
    struct timeval tv;
    struct Stat stat;
    struct String_vector strings;
    struct ACL_vector acl;
    const struct ACL_vector *open = &ZOO_OPEN_ACL_UNSAFE;
    zoo_op_t op;
    zoo_op_result_t result;
    memset(&stat, 0, sizeof stat);
    memset(&strings, 0, sizeof strings);
    memset(&acl, 0, sizeof acl);
    memset(&result, 0, sizeof result);
    zoo_delete_op_init(&op, "/a", -1);

    TRY(zookeeper_close(NULL));
    TRY(zookeeper_interest(NULL, &fd, &interest, &tv));
    TRY(zookeeper_process(NULL, 0));
    TRY(zoo_state(NULL));
    fact("zoo_get_log_callback: %d", zoo_get_log_callback(NULL) == NULL);
    TRY(zoo_add_auth(NULL, "digest", "a:b", 3, on_void, "x"));
    TRY(zoo_create(NULL, "/a", "", 0, open, 0, buffer, sizeof buffer));
    TRY(zoo_create_ttl(NULL, "/a", "", 0, open, 0, -1, buffer, sizeof buffer));
    TRY(zoo_create2(NULL, "/a", "", 0, open, 0, buffer, sizeof buffer, &stat));
    TRY(zoo_create2_ttl(NULL, "/a", "", 0, open, 0, -1, buffer, sizeof buffer, &stat));
    TRY(zoo_delete(NULL, "/a", -1));
    TRY(zoo_wexists(NULL, "/a", on_watch, NULL, &stat));
    TRY(zoo_wget(NULL, "/a", on_watch, NULL, buffer, &length, &stat));
    TRY(zoo_wgetconfig(NULL, on_watch, NULL, buffer, &length, &stat));
    TRY(zoo_reconfig(NULL, NULL, NULL, NULL, -1, buffer, &length, &stat));
    TRY(zoo_set(NULL, "/a", "", 0, -1));
    TRY(zoo_set2(NULL, "/a", "", 0, -1, &stat));
    TRY(zoo_wget_children(NULL, "/a", on_watch, NULL, &strings));
    TRY(zoo_wget_children2(NULL, "/a", on_watch, NULL, &strings, &stat));
    TRY(zoo_get_acl(NULL, "/a", &acl, &stat));
    TRY(zoo_set_acl(NULL, "/a", -1, open));
    TRY(zoo_acreate(NULL, "/a", "", 0, open, 0, on_string, "x"));
    TRY(zoo_acreate_ttl(NULL, "/a", "", 0, open, 0, -1, on_string, "x"));
    TRY(zoo_acreate2(NULL, "/a", "", 0, open, 0, on_string_stat, "x"));
    TRY(zoo_acreate2_ttl(NULL, "/a", "", 0, open, 0, -1, on_string_stat, "x"));
    TRY(zoo_adelete(NULL, "/a", -1, on_void, "x"));
    TRY(zoo_awexists(NULL, "/a", on_watch, NULL, on_stat, "x"));
    TRY(zoo_awget(NULL, "/a", on_watch, NULL, on_data, "x"));
    TRY(zoo_awgetconfig(NULL, on_watch, NULL, on_data, "x"));
    TRY(zoo_areconfig(NULL, NULL, NULL, NULL, -1, on_data, "x"));
    TRY(zoo_aset(NULL, "/a", "", 0, -1, on_stat, "x"));
    TRY(zoo_awget_children(NULL, "/a", on_watch, NULL, on_strings, "x"));
    TRY(zoo_awget_children2(NULL, "/a", on_watch, NULL, on_strings_stat, "x"));
    TRY(zoo_async(NULL, "/a", on_string, "x"));
    TRY(zoo_aget_acl(NULL, "/a", on_acl, "x"));
    TRY(zoo_aset_acl(NULL, "/a", -1, &ZOO_OPEN_ACL_UNSAFE, on_void, "x"));
    TRY(zoo_remove_watches(NULL, "/a", ZWATCHTYPE_ANY, on_watch, NULL, 0));
    TRY(zoo_aremove_watches(NULL, "/a", ZWATCHTYPE_ANY, on_watch, NULL, 0, (void_completion_t *)on_void, "x"));
    TRY(zoo_remove_all_watches(NULL, "/a", ZWATCHTYPE_ANY, 0));
    TRY(zoo_aremove_all_watches(NULL, "/a", ZWATCHTYPE_ANY, 0, (void_completion_t *)on_void, "x"));
    zoo_set_context(NULL, NULL);
    zoo_set_log_callback(NULL, NULL);
    quiet(50);
    return 0;
}
