/* For programs that call what Debian's library does not have, by name. */
#ifndef CTEST_ADDITIONS_H
#define CTEST_ADDITIONS_H
#include <dlfcn.h>

#include "case.h"

/* A function; dies where there is none. */
static inline void *symbol(const char *name)
{
    void *found = dlsym(RTLD_DEFAULT, name);
    if (found == NULL)
        die("no %s", name);
    return found;
}

/* Dies unless a call returned what it has to. */
static inline void check(const char *what, int rc, int wanted)
{
    if (rc != wanted)
        die("%s: %s and not %s", what, code(rc), code(wanted));
}
#endif
