/* needs: nothing
 * A host list without a server: refused with errno EINVAL. Debian's library returns NULL and leaves errno alone when there are
 * only commas, and makes a handle of a list that begins with a slash, which dials nothing and never rests. */
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
