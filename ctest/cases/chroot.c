/* needs: server
 * A handle with a chroot: every path that it returns is the client's, also in watch events. */
#include "../case.h"

static zhandle_t *plain;
static zhandle_t *zh; /* with a chroot */
static char made[64];

static void open_with(const char *chroot)
{
    zh = begin(chroot, on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
}

static void missing_chroot(void)
{
    struct String_vector strings;
    fact("-- a chroot that does not exist");
    open_with(under("a/b"));
    outcome("exists /", zoo_exists(zh, "/", 0, NULL));
    outcome("create /x", zoo_create(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    outcome("children", zoo_get_children(zh, "/", 0, &strings));
    outcome("create /", zoo_create(zh, "/", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    make(plain, under("a"), "");
    strcpy(made, "untouched");
    outcome("create /", zoo_create(zh, "/", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
}

static void returned_paths(void)
{
    char two[2][64];
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    struct String_vector strings;
    struct Stat stat;
    fact("-- what comes back");
    outcome("create", zoo_create(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
    outcome("create2", zoo_create2(zh, "/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, made, sizeof made, &stat));
    fact("  %s", made);
    outcome("acreate", zoo_acreate(zh, "/a", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "acreate"));
    drain(1);
    outcome("acreate2", zoo_acreate2(zh, "/a2", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string_stat, "acreate2"));
    drain(1);
    outcome("async", zoo_async(zh, "/n", on_string, "sync"));
    drain(1);
    outcome("async /", zoo_async(zh, "/", on_string, "sync /"));
    drain(1);
    zoo_create_op_init(&ops[0], "/m", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, two[0], sizeof two[0]);
    zoo_create_op_init(&ops[1], "/m/s-", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_SEQUENCE, two[1], sizeof two[1]);
    outcome("multi", zoo_multi(zh, 2, ops, results));
    fact("  %s %s", two[0], two[1]);
    outcome("children", zoo_get_children(zh, "/", 0, &strings));
    fact("  %s", strings_text(&strings));
    deallocate_String_vector(&strings);
}

static void watches(void)
{
    struct String_vector strings;
    fact("-- watches");
    outcome("exists", zoo_wexists(zh, "/n", on_watch, "n", NULL));
    outcome("exists /", zoo_wexists(zh, "/", on_watch, "root", NULL));
    outcome("exists none", zoo_wexists(zh, "/none", on_watch, "none", NULL));
    outcome("children", zoo_wget_children(zh, "/", on_watch, "children", &strings));
    deallocate_String_vector(&strings);
    make(zh, "/none", "");
    settle(zh);
    zoo_set(zh, "/n", "x", 1, -1);
    zoo_set(plain, under("a/b"), "x", 1, -1);
    zoo_exists(zh, "/", 0, NULL);
    settle(zh);
}

static void same_nodes(void)
{
    fact("-- the two see the same nodes");
    outcome("plain sees n", zoo_exists(plain, under("a/b/n"), 0, NULL));
    outcome("plain does not see it at the top", zoo_exists(plain, "/n", 0, NULL));
    outcome("chroot does not see /zookeeper", zoo_exists(zh, "/zookeeper", 0, NULL));
    outcome("delete the chroot", zoo_delete(zh, "/", -1));
    zookeeper_close(zh);
}

static void chroot_of_slash(void)
{
    fact("-- a chroot of /");
    open_with("/");
    outcome("sees /zookeeper", zoo_exists(zh, "/zookeeper", 0, NULL));
    outcome("create", zoo_create(zh, under("slash"), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
    zookeeper_close(zh);
}

int main(void)
{
    plain = open_plain();
    missing_chroot();
    returned_paths();
    watches();
    same_nodes();
    chroot_of_slash();
    return zookeeper_close(plain);
}
