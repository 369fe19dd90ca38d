/* needs: nothing
 * The chroot part of the host string: which paths are refused, and errno. */
#include "../case.h"

static const char *const CHROOTS[] = {
    "", "/", "/a", "/a/b", "/a/", "/a/b/", "//", "//a", "/a//b", "/.", "/..", "/a/.", "/a/..", "/./a", "/../a",
    "/a/./b", "/a/../b", "/.a", "/a.", "/...", "/a b", "/a,b", "/a:b", "/\x01", "/\x1e", "/\x1f", "/\x7f", "/\xc3\xa9",
    "/zookeeper", " /a", "a",
};

int main(void)
{
    int i;
    zoo_set_debug_level(0);
    for (i = 0; i < COUNT(CHROOTS); i++) {
        char where[256];
        zhandle_t *zh;
        snprintf(where, sizeof where, "127.0.0.1:1%s", CHROOTS[i]);
        errno = 0;
        zh = zookeeper_init(where, NULL, 10000, NULL, NULL, 0);
        fact("chroot %s: %s, errno %d", bytes_text(CHROOTS[i], (int)strlen(CHROOTS[i])), zh == NULL ? "NULL" : "a handle",
             zh == NULL ? errno : 0);
        if (zh != NULL)
            zookeeper_close(zh);
    }
    return 0;
}
