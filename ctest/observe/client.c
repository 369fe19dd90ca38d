/* A program to be observed: opens a handle, prints "ready" when it is connected, reads a node from time to time, closes the
 * handle when there is input, prints "closed", and ends when its standard input ends. */
#ifndef THREADED
#define THREADED
#endif
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

int main(int count, char **words)
{
    struct pollfd input = {0, POLLIN, 0};
    int ready = 0;
    zhandle_t *zh = count == 2 ? zookeeper_init(words[1], NULL, 4000, NULL, NULL, 0) : NULL;
    if (zh == NULL)
        return 1;
    while (poll(&input, 1, 20) == 0) {
        struct Stat stat;
        if (zoo_state(zh) != ZOO_CONNECTED_STATE)
            continue;
        if (zoo_exists(zh, "/", 0, &stat) == ZOK && !ready) {
            ready = 1;
            puts("ready");
            fflush(stdout);
        }
    }
    if (zookeeper_close(zh) != ZOK)
        return 1;
    puts("closed");
    fflush(stdout);
    while (getchar() != EOF)
        ;
    return 0;
}
