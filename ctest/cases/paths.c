/* needs: server
 * The paths that are refused before anything is sent: without a chroot, with one, and for each kind of call. */
#include "../case.h"

static const char *const PATHS[] = {
    "", "/", "a", "a/b", "//", "//a", "/a//b", "/a/", "/a/b/", "/.", "/..", "/./a", "/../a", "/a/.", "/a/..",
    "/a/./b", "/a/../b", "/.a", "/..a", "/a.", "/a..", "/...", "/a/...", "/a b", " /a", "/a ", "/\x01", "/a\x0a",
    "/\x1e", "/\x1f", "/\x7f", "/\xc3\xa9", "/\xe2\x82\xac", "/zookeeper", "/zookeeper/quota", ".", "..", "/a/.b/c",
};

static void table(zhandle_t *zh, const char *prefix, const char *what)
{
    int i;
    for (i = 0; i < COUNT(PATHS); i++) {
        char path[256];
        const char *given = PATHS[i];
        int modes[3];
        int mode;
        int exists;
        int gone;
        if (prefix[0] != '\0') {
            snprintf(path, sizeof path, "%s%s", prefix, given);
            given = path;
        }
        for (mode = 0; mode < 3; mode++)
            modes[mode] = zoo_create(zh, given, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode == 2 ? 3 : mode == 1 ? 2 : 1, NULL, 0);
        exists = zoo_exists(zh, given, 0, NULL);
        gone = zoo_delete(zh, given, 99);
        fact("%s %s: create %d, sequential %d %d, exists %d, delete %d", what,
             bytes_text(PATHS[i], (int)strlen(PATHS[i])), modes[0], modes[1], modes[2], exists, gone);
    }
}

int main(void)
{
    zhandle_t *zh = open_plain();
    table(zh, root(), "plain");
    zookeeper_close(zh);
    zh = open_case();
    table(zh, "", "chroot");
    zookeeper_close(zh);
    return 0;
}
