/* needs: nothing
 * A host list without a server is refused with errno EINVAL. Debian's library returns NULL without setting errno if
 * there are only commas; if the list begins with a slash, it makes a handle that never connects and never sleeps. */
#include "../case.h"

int main(void)
{
    static const char *const LISTS[] = {",", ",,", " ,", ",/a", "/a", "/", "/a,127.0.0.1:2181"};
    int i;
    int wrong = -1;
    for (i = 0; i < COUNT(LISTS); i++) {
        errno = 0;
        if (zookeeper_init(LISTS[i], NULL, 1000, NULL, NULL, 0) != NULL)
            die("[%s] is accepted", LISTS[i]);
        if (errno != EINVAL)
            wrong = i;
    }
    if (wrong >= 0)
        die("[%s] leaves errno", LISTS[wrong]);
    return 0;
}
