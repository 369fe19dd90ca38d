/* needs: nothing
 * An IPv6 address in brackets, as in most other programs. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = zookeeper_init("[::1]:2181", NULL, SESSION_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
    if (!zh)
        die("[::1]:2181 is refused, errno %d", errno);
    return zookeeper_close(zh);
}
