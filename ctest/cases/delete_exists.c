/* needs: server
 * zoo_delete and zoo_exists, sync: success and every documented error. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    struct Stat stat;
    make(zh, "/a", "1");
    make(zh, "/a/b", "22");
    memset(&stat, 0xee, sizeof stat);
    outcome("exists", zoo_exists(zh, "/a", 0, &stat));
    fact("  %s, created now: %d", stat_text(&stat), stat.ctime == stat.mtime && stat.pzxid > stat.czxid);
    memset(&stat, 0xee, sizeof stat);
    outcome("exists none", zoo_exists(zh, "/none", 0, &stat));
    fact("  stat untouched: %d", stat.version == (int32_t)0xeeeeeeee);
    outcome("exists root", zoo_exists(zh, "/", 0, &stat));
    outcome("delete not empty", zoo_delete(zh, "/a", -1));
    outcome("delete version", zoo_delete(zh, "/a/b", 5));
    outcome("delete negative version", zoo_delete(zh, "/a/b", -2));
    outcome("delete", zoo_delete(zh, "/a/b", 0));
    outcome("delete again", zoo_delete(zh, "/a/b", 0));
    outcome("delete a", zoo_delete(zh, "/a", -1));
    outcome("delete root of the chroot", zoo_delete(zh, "/", -1));
    zookeeper_close(zh);
    zh = open_plain();
    outcome("delete the root", zoo_delete(zh, "/", -1));
    outcome("delete /zookeeper", zoo_delete(zh, "/zookeeper", -1));
    return zookeeper_close(zh);
}
