/* needs: nothing
 * zoo_htonll, which the library exports beside its API. */
#include "../case.h"

int64_t zoo_htonll(int64_t v);

int main(void)
{
    static const int64_t VALUES[] = {0, 1, -1, 0x0102030405060708LL, -2, INT64_MAX, INT64_MIN, 0xff};
    int i;
    for (i = 0; i < COUNT(VALUES); i++)
        fact("%016llx -> %016llx", (unsigned long long)VALUES[i], (unsigned long long)zoo_htonll(VALUES[i]));
    return 0;
}
