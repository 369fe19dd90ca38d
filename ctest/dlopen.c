/* Loads the library, uses it, unloads it, over and over: dlopen LIBRARY HOSTS COUNT. One of the times a handle is still
 * open and its threads run. Prints its steps; exit status 1 means a failure. */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef THREADED
#define THREADED
#endif
#include <zookeeper/zookeeper.h>

#include "proc.h"

static void nap(int ms)
{
    struct timespec span = {ms / 1000, (ms % 1000) * 1000000L};
    nanosleep(&span, NULL);
}

static void *symbol(void *library, const char *name)
{
    void *found = dlsym(library, name);
    if (found == NULL) {
        fprintf(stderr, "lifetimes: %s\n", dlerror());
        exit(1);
    }
    return found;
}

int main(int argc, char **argv)
{
    int i;
    int count = argc == 4 ? atoi(argv[3]) : 0;
    for (i = 0; i < count; i++) {
        zhandle_t *(*init)(const char *, watcher_fn, int, const clientid_t *, void *, int);
        int (*close_handle)(zhandle_t *);
        int (*exists)(zhandle_t *, const char *, int, struct Stat *);
        struct Stat stat;
        zhandle_t *zh;
        int rc;
        void *library = dlopen(argv[1], RTLD_NOW | RTLD_LOCAL);
        if (library == NULL) {
            fprintf(stderr, "lifetimes: %s\n", dlerror());
            return 1;
        }
        *(void **)&init = symbol(library, "zookeeper_init");
        *(void **)&close_handle = symbol(library, "zookeeper_close");
        *(void **)&exists = symbol(library, "zoo_exists");
        zh = init(argv[2], NULL, 6000, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
        rc = zh == NULL ? -1 : exists(zh, "/", 0, &stat);
        if (rc != ZOK) {
            fprintf(stderr, "lifetimes: exists in cycle %d: %d\n", i, rc);
            return 1;
        }
        if (i + 1 < count)
            close_handle(zh);
        dlclose(library);
    }
    nap(3000); /* the threads of the last handle go on: nothing may have been unmapped under them */
    printf("%d times loaded and unloaded, the last time with an open handle, whose %d threads go on\n", count,
           threads() - 1);
    return 0;
}
