/* needs: driver
 * NULL arguments that Debian's library dereferences and crashes on; ours returns the same code as in similar functions.
 * Each entry runs in a separate process: without an argument the program prints how many there are. */
#include "../case.h"

static zhandle_t *zh;
static char buffer[64];
static int length = sizeof buffer;
static struct Stat stat;
static struct String_vector strings;
static struct ACL_vector acl;

#define OPEN (&ZOO_OPEN_ACL_UNSAFE)

/* With a handle that is NULL. */
static int exists_no_handle(void) { return zoo_exists(NULL, "/a", 0, &stat); }
static int get_no_handle(void) { return zoo_get(NULL, "/a", 0, buffer, &length, &stat); }
static int children_no_handle(void) { return zoo_get_children(NULL, "/a", 0, &strings); }
static int children2_no_handle(void) { return zoo_get_children2(NULL, "/a", 0, &strings, &stat); }
static int getconfig_no_handle(void) { return zoo_getconfig(NULL, 0, buffer, &length, &stat); }
static int aexists_no_handle(void) { return zoo_aexists(NULL, "/a", 0, on_stat, "x"); }
static int aget_no_handle(void) { return zoo_aget(NULL, "/a", 0, on_data, "x"); }
static int achildren_no_handle(void) { return zoo_aget_children(NULL, "/a", 0, on_strings, "x"); }
static int achildren2_no_handle(void) { return zoo_aget_children2(NULL, "/a", 0, on_strings_stat, "x"); }
static int agetconfig_no_handle(void) { return zoo_agetconfig(NULL, 0, on_data, "x"); }
static int set_servers_no_handle(void) { return zoo_set_servers(NULL, "127.0.0.1:1"); }
static int delay_no_handle(void) { return zoo_set_servers_resolution_delay(NULL, 0); }
static int multi_no_handle(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    zoo_delete_op_init(&op, "/a", -1);
    return zoo_multi(NULL, 1, &op, &result);
}
static int amulti_no_handle(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    zoo_delete_op_init(&op, "/a", -1);
    return zoo_amulti(NULL, 1, &op, &result, on_void, "x");
}
static int unrecoverable_no_handle(void) { return is_unrecoverable(NULL); }
static int timeout_no_handle(void) { return zoo_recv_timeout(NULL); }
static int context_no_handle(void) { return zoo_get_context(NULL) != NULL; }
static int watcher_no_handle(void) { return zoo_set_watcher(NULL, NULL) != NULL; }
static int cycle_no_handle(void) { zoo_cycle_next_server(NULL); return 0; }
static int current_no_handle(void) { return zoo_get_current_server(NULL) != NULL; }
static int host_no_handle(void)
{
    struct sockaddr_storage address;
    socklen_t size = sizeof address;
    return zookeeper_get_connected_host(NULL, (struct sockaddr *)&address, &size) != NULL;
}

/* With a path that is NULL and a handle that has a chroot. */
static int create_no_path(void) { return zoo_create(zh, NULL, "", 0, OPEN, 0, buffer, sizeof buffer); }
static int delete_no_path(void) { return zoo_delete(zh, NULL, -1); }
static int exists_no_path(void) { return zoo_exists(zh, NULL, 0, &stat); }
static int get_no_path(void) { return zoo_get(zh, NULL, 0, buffer, &length, &stat); }
static int set_no_path(void) { return zoo_set(zh, NULL, "", 0, -1); }
static int children_no_path(void) { return zoo_get_children(zh, NULL, 0, &strings); }
static int children2_no_path(void) { return zoo_get_children2(zh, NULL, 0, &strings, &stat); }
static int get_acl_no_path(void) { return zoo_get_acl(zh, NULL, &acl, &stat); }
static int set_acl_no_path(void) { return zoo_set_acl(zh, NULL, -1, OPEN); }
static int async_no_path(void) { return zoo_async(zh, NULL, on_string, "x"); }

/* With a result that is NULL. */
static int create_no_buffer(void) { return zoo_create(zh, "/buffer", "", 0, OPEN, 0, NULL, 64); }
static int create2_no_buffer(void) { return zoo_create2(zh, "/buffer2", "", 0, OPEN, 0, NULL, 64, &stat); }
static int children2_no_stat(void) { return zoo_get_children2(zh, "/", 0, &strings, NULL); }
static int get_no_buffer(void) { return zoo_get(zh, "/full", 0, NULL, &length, &stat); }
static int set_acl_no_acl(void) { return zoo_set_acl(zh, "/", -1, NULL); }
static int aset_acl_no_acl(void) { return zoo_aset_acl(zh, "/", -1, NULL, on_void, "x"); }
static int multi_no_ops(void) { zoo_op_result_t result; return zoo_multi(zh, 1, NULL, &result); }
static int multi_no_results(void)
{
    zoo_op_t op;
    zoo_check_op_init(&op, "/", -1);
    return zoo_multi(zh, 1, &op, NULL);
}

/* With a completion that is NULL: the call is made, and no completion is called. */
static int acreate_silent(void) { return zoo_acreate(zh, "/silent", "", 0, OPEN, 0, NULL, NULL); }
static int acreate2_silent(void) { return zoo_acreate2(zh, "/silent2", "", 0, OPEN, 0, NULL, NULL); }
static int adelete_silent(void) { return zoo_adelete(zh, "/none", -1, NULL, NULL); }
static int aexists_silent(void) { return zoo_aexists(zh, "/", 0, NULL, NULL); }
static int aget_silent(void) { return zoo_aget(zh, "/", 0, NULL, NULL); }
static int aset_silent(void) { return zoo_aset(zh, "/", "", 0, -1, NULL, NULL); }
static int achildren_silent(void) { return zoo_aget_children(zh, "/", 0, NULL, NULL); }
static int achildren2_silent(void) { return zoo_aget_children2(zh, "/", 0, NULL, NULL); }
static int async_silent(void) { return zoo_async(zh, "/", NULL, NULL); }
static int aget_acl_silent(void) { return zoo_aget_acl(zh, "/", NULL, NULL); }
static int aset_acl_silent(void) { return zoo_aset_acl(zh, "/", -1, OPEN, NULL, NULL); }
static int agetconfig_silent(void) { return zoo_agetconfig(zh, 0, NULL, NULL); }
static int aremove_silent(void)
{
    zoo_wexists(zh, "/", on_watch, "x", NULL);
    return zoo_aremove_watches(zh, "/", ZWATCHTYPE_ANY, on_watch, "x", 0, NULL, NULL);
}
static int aremove_all_silent(void)
{
    zoo_wexists(zh, "/", on_watch, "x", NULL);
    return zoo_aremove_all_watches(zh, "/", ZWATCHTYPE_ANY, 0, NULL, NULL);
}
static int amulti_silent(void)
{
    static zoo_op_t op;
    static zoo_op_result_t result;
    zoo_check_op_init(&op, "/", -1);
    return zoo_amulti(zh, 1, &op, &result, NULL, NULL);
}

#define ENTRY(name, rc) {#name, name, rc}
static const struct {
    const char *name;
    int (*call)(void);
    int wanted;
} ENTRIES[] = {
    ENTRY(exists_no_handle, ZBADARGUMENTS),
    ENTRY(get_no_handle, ZBADARGUMENTS),
    ENTRY(children_no_handle, ZBADARGUMENTS),
    ENTRY(children2_no_handle, ZBADARGUMENTS),
    ENTRY(getconfig_no_handle, ZBADARGUMENTS),
    ENTRY(aexists_no_handle, ZBADARGUMENTS),
    ENTRY(aget_no_handle, ZBADARGUMENTS),
    ENTRY(achildren_no_handle, ZBADARGUMENTS),
    ENTRY(achildren2_no_handle, ZBADARGUMENTS),
    ENTRY(agetconfig_no_handle, ZBADARGUMENTS),
    ENTRY(set_servers_no_handle, ZBADARGUMENTS),
    ENTRY(delay_no_handle, ZBADARGUMENTS),
    ENTRY(multi_no_handle, ZBADARGUMENTS),
    ENTRY(amulti_no_handle, ZBADARGUMENTS),
    ENTRY(unrecoverable_no_handle, ZBADARGUMENTS),
    ENTRY(timeout_no_handle, 0),
    ENTRY(context_no_handle, 0),
    ENTRY(watcher_no_handle, 0),
    ENTRY(cycle_no_handle, 0),
    ENTRY(current_no_handle, 0),
    ENTRY(host_no_handle, 0),
    ENTRY(create_no_path, ZBADARGUMENTS),
    ENTRY(delete_no_path, ZBADARGUMENTS),
    ENTRY(exists_no_path, ZBADARGUMENTS),
    ENTRY(get_no_path, ZBADARGUMENTS),
    ENTRY(set_no_path, ZBADARGUMENTS),
    ENTRY(children_no_path, ZBADARGUMENTS),
    ENTRY(children2_no_path, ZBADARGUMENTS),
    ENTRY(get_acl_no_path, ZBADARGUMENTS),
    ENTRY(set_acl_no_path, ZBADARGUMENTS),
    ENTRY(async_no_path, ZBADARGUMENTS),
    ENTRY(create_no_buffer, ZOK),
    ENTRY(create2_no_buffer, ZOK),
    ENTRY(children2_no_stat, ZOK),
    ENTRY(get_no_buffer, ZOK),
    ENTRY(set_acl_no_acl, ZINVALIDACL),
    ENTRY(aset_acl_no_acl, ZOK),
    ENTRY(multi_no_ops, ZBADARGUMENTS),
    ENTRY(multi_no_results, ZBADARGUMENTS),
    ENTRY(acreate_silent, ZOK),
    ENTRY(acreate2_silent, ZOK),
    ENTRY(adelete_silent, ZOK),
    ENTRY(aexists_silent, ZOK),
    ENTRY(aget_silent, ZOK),
    ENTRY(aset_silent, ZOK),
    ENTRY(achildren_silent, ZOK),
    ENTRY(achildren2_silent, ZOK),
    ENTRY(async_silent, ZOK),
    ENTRY(aget_acl_silent, ZOK),
    ENTRY(aset_acl_silent, ZOK),
    ENTRY(agetconfig_silent, ZOK),
    ENTRY(amulti_silent, ZOK),
    ENTRY(aremove_silent, ZOK),
    ENTRY(aremove_all_silent, ZOK),
};

static const char *const MADE[] = {"/silent", "/silent2", "/buffer", "/buffer2", "/full"};

int main(int argc, char **argv)
{
    int i;
    int rc;
    if (argc < 2) {
        for (i = 0; i < COUNT(ENTRIES); i++)
            fact("%s", ENTRIES[i].name);
        return 0;
    }
    i = atoi(argv[1]);
    zh = open_case();
    for (rc = 0; rc < COUNT(MADE); rc++)
        zoo_delete(zh, MADE[rc], -1);
    make(zh, "/full", "data");
    rc = ENTRIES[i].call();
    /* The answer to the entry's request has been handled before that to this later one. */
    if (zoo_exists(zh, "/", 0, NULL) != ZOK)
        die("%s: the handle is dead", ENTRIES[i].name);
    fact("rc %d", rc);
    zookeeper_close(zh);
    if (rc != ENTRIES[i].wanted)
        die("%s returned %d, not %d", ENTRIES[i].name, rc, ENTRIES[i].wanted);
    return 0;
}
