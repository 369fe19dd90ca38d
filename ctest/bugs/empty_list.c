/* needs: nothing
 * A host list of nothing but commas: refused with errno EINVAL; Debian's library returns NULL and leaves errno alone. */
#include "../case.h"

int main(void)
{
    static const char *const LISTS[] = {",", ",,", " ,"};
    int i;
    for (i = 0; i < COUNT(LISTS); i++) {
        errno = 0;
        if (zookeeper_init(LISTS[i], NULL, 1000, NULL, NULL, 0) != NULL)
            die("[%s] is accepted", LISTS[i]);
        if (errno != EINVAL)
            die("[%s] leaves errno %d", LISTS[i], errno);
    }
    return 0;
}
