/* needs: server
 * The process's random numbers are the application's: Debian's library seeds them anew all the time. */
#include "../case.h"

int main(void)
{
    long wanted[4], found[4];
    zhandle_t *zh;
    int i;
    srandom(7);
    for (i = 0; i < 4; i++)
        wanted[i] = random();
    srandom(7);
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, 3);
    for (i = 0; i < 4; i++) {
        zoo_exists(zh, "/", 0, NULL);
        found[i] = random();
    }
    for (i = 0; i < 4; i++)
        if (found[i] != wanted[i])
            die("random() gives another sequence");
    return zookeeper_close(zh);
}
