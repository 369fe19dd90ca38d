/* A setuid program that is linked to the library: it opens and closes a handle. Prints whether it runs with more rights
 * than its caller. */
#ifndef THREADED
#define THREADED
#endif
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/auxv.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

int main(int count, char **words)
{
    zhandle_t *zh = count == 2 ? zookeeper_init(words[1], NULL, 4000, NULL, NULL, 0) : NULL;
    printf("privileged %lu\n", getauxval(AT_SECURE));
    return zh == NULL || zookeeper_close(zh) != ZOK;
}
