/* needs: reconfig
 * The configuration of the ensemble is never below a chroot: zoo_getconfig reads it whatever the chroot is. Debian's
 * library looks for it below the chroot in the synchronous calls (and not in the asynchronous ones). */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    char data[4096];
    int length = sizeof data;
    struct Stat stat;
    int rc = zoo_getconfig(zh, 0, data, &length, &stat);
    if (rc != ZOK || length <= 0 || stat.dataLength != length)
        die("zoo_getconfig returned %d", rc);
    rc = zoo_wgetconfig(zh, on_watch, "config", data, &length, &stat);
    if (rc != ZOK)
        die("zoo_wgetconfig returned %d", rc);
    return zookeeper_close(zh);
}
