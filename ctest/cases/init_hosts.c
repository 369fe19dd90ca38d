/* needs: nothing
 * The host string of zookeeper_init: which strings are accepted, and errno for the others. */
#include "../case.h"

static const char *const STRINGS[] = {
    NULL, "", " ", "  ", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:abc", "127.0.0.1:21x",
    "127.0.0.1:0x10", "127.0.0.1:010", "127.0.0.1:70000", "127.0.0.1:65535", "127.0.0.1:65536", "127.0.0.1:-1",
    "127.0.0.1:+1", "127.0.0.1: 1", "127.0.0.1:1 ", "127.0.0.1:1,", ",127.0.0.1:1", "127.0.0.1:1,,127.0.0.1:2",
    "127.0.0.1:1 ,127.0.0.1:2", "127.0.0.1:1, 127.0.0.1:2", " 127.0.0.1:1", "\t127.0.0.1:1", "127.0.0.1 :1",
    "127.0.0.1:1,127.0.0.1", "127.0.0.1:1,127.0.0.1:x", "127.0.0.1:1;127.0.0.1:2", "::1:1", "127.0.0.1:1,::1:2",
    "localhost:1", ":1", "127.0.0.1:1:2", "name.invalid:1", "name.invalid:1,other.invalid:2",
    "name.invalid:1,127.0.0.1:1", "127.0.0.1:1,name.invalid:1", "127.0.0.1:1/", "127.0.0.1:1/a", "host", "host:",
    "127.0.0.1:99999999999999999999",
};

int main(void)
{
    int i;
    zoo_set_debug_level(0);
    for (i = 0; i < COUNT(STRINGS); i++) {
        zhandle_t *zh;
        errno = 0;
        zh = zookeeper_init(STRINGS[i], NULL, 10000, NULL, NULL, 0);
        if (zh == NULL) {
            fact("[%s]: NULL, errno %d", STRINGS[i] == NULL ? "NULL" : STRINGS[i], errno);
        } else {
            fact("[%s]: a handle", STRINGS[i]);
            outcome("  close", zookeeper_close(zh));
        }
    }
    return 0;
}
