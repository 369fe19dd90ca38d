/* needs: script
 * Paths from a server that ignores the chroot: they are returned unchanged, with a log line. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    char made[64];
    zoo_set_debug_level(0);
    zh = begin("/chroot", on_watch, "default", SESSION_MS, 0);
    drain(1);
    outcome("inside", zoo_create(zh, "/inside", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
    outcome("outside", zoo_create(zh, "/outside", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
    outcome("the chroot itself", zoo_create(zh, "/itself", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made));
    fact("  %s", made);
    outcome("async", zoo_acreate(zh, "/outside", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "outside"));
    drain(1);
    outcome("sync", zoo_async(zh, "/outside", on_string, "sync outside"));
    drain(1);
    outcome("exists", zoo_wexists(zh, "/itself", on_watch, "watch", NULL));
    settle(zh);
    return zookeeper_close(zh);
}
