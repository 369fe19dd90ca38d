/* What this process has, by /proc. */
#ifndef CTEST_PROC_H
#define CTEST_PROC_H
#include <dirent.h>
#include <stddef.h>

/* How many entries a directory has; -2 without one. */
static inline int entries(const char *path)
{
    int n = -2; /* "." and ".." */
    DIR *directory = opendir(path);
    while (directory != NULL && readdir(directory) != NULL)
        n++;
    if (directory != NULL)
        closedir(directory);
    return n;
}

/* Open descriptors, with the one that looks. */
static inline int descriptors(void)
{
    return entries("/proc/self/fd");
}

static inline int threads(void)
{
    return entries("/proc/self/task");
}
#endif
