/*
 * Counts the library's connection attempts, by port, and its name resolutions. A program's own definitions of these
 * functions take precedence over the C library's, for both libraries alike.
 */
#ifndef CTEST_DIALS_H
#define CTEST_DIALS_H

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdatomic.h>
#include <sys/socket.h>

static atomic_int dials;
static atomic_int dials_of[65536];
static atomic_int lookups;
static atomic_int lookup_error;    /* what getaddrinfo() returns instead of working, if not 0 */
static atomic_int lookup_delay_ms; /* how long it takes then */

int connect(int fd, const struct sockaddr *to, socklen_t length)
{
    static int (*next)(int, const struct sockaddr *, socklen_t);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "connect");
    if (to->sa_family == AF_INET) {
        dials++;
        dials_of[ntohs(((const struct sockaddr_in *)to)->sin_port)]++;
    }
    return next(fd, to, length);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (!next)
        *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    lookups++;
    if (lookup_error != 0) {
        poll(NULL, 0, lookup_delay_ms);
        return lookup_error;
    }
    return next(node, service, hints, found);
}

#endif
