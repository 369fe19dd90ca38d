/* needs: server
 * The process's random number generator belongs to the application: Debian's library seeds it again and again. */
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
