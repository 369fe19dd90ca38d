/* needs: nothing
 * zerror of every code near the used ones, and of some far away; without -15, -122 and -125, for which only ours has a
 * text. */
#include "../case.h"

int main(void)
{
    static const int FAR[] = {-2147483647 - 1, -100000, 256, 1000, 2147483647};
    int c;
    for (c = -140; c <= 135; c++)
        if (c != ZSSLCONNECTIONERROR && c != ZREQUESTTIMEOUT && c != ZQUOTAEXCEEDED)
            fact("%d %s", c, zerror(c) == NULL ? "NULL" : zerror(c));
    for (c = 0; c < COUNT(FAR); c++)
        fact("%d %s", FAR[c], zerror(FAR[c]) == NULL ? "NULL" : zerror(FAR[c]));
    return 0;
}
