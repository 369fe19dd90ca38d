/* needs: server
 * A program that the application executes must not inherit the library's descriptors. */
#include <fcntl.h>
#include "../case.h"

int main(void)
{
    int before[64], fd, flags;
    zhandle_t *zh;
    for (fd = 0; fd < 64; fd++)
        before[fd] = fcntl(fd, F_GETFD);
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, 3);
    for (fd = 0; fd < 64; fd++) {
        flags = fcntl(fd, F_GETFD);
        if (before[fd] < 0 && flags >= 0 && !(flags & FD_CLOEXEC))
            die("descriptor %d would be inherited", fd);
    }
    return zookeeper_close(zh);
}
