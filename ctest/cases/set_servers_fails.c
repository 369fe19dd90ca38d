/* needs: nothing
 * zoo_set_servers that fails: the code and errno distinguish a name that cannot be resolved, which may be temporary,
 * from an invalid list. Each call uses its own handle, because Debian's library has lost the old list afterwards. */
#include "../case.h"

int main(void)
{
    static const char *const LISTS[] = {"no.such.host.invalid:2181", "no.such.host.invalid:2181,also.none.invalid:2181",
                                        "127.0.0.1", "127.0.0.1:", "127.0.0.1:port", "127.0.0.1:2181/chroot",
                                        "no.such.host.invalid:2181,127.0.0.1:2181", "127.0.0.1:2181"};
    int i;
    int rc;
    for (i = 0; i < COUNT(LISTS); i++) {
        zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
        errno = 0;
        rc = zoo_set_servers(zh, LISTS[i]);
        if (rc == ZOK)
            fact("\"%s\": %s", LISTS[i], code(rc));
        else
            fact("\"%s\": %s errno %d", LISTS[i], code(rc), errno);
        zookeeper_close(zh);
    }
    return 0;
}
