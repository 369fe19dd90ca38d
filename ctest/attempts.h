/*
 * Counts what the library asks of the system, by standing in for libc's functions: a definition in the executable comes
 * before libc's for the library too. For programs of bugs/ only, each of one file.
 */
#ifndef CTEST_ATTEMPTS_H
#define CTEST_ATTEMPTS_H

#include "case.h"

#include <dlfcn.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/syscall.h>

static volatile int attempts;           /* connect() to an address of the internet families */
static volatile int attempts_at[65536]; /* the same by port */
static volatile int lookups;            /* getaddrinfo() */
static volatile int lookup_error;       /* what getaddrinfo() returns instead of working, if not 0 */
static volatile int lookup_delay_ms;    /* how long it takes then */

int connect(int fd, const struct sockaddr *address, socklen_t length)
{
    int port = 0;
    if (address->sa_family == AF_INET)
        port = ntohs(((const struct sockaddr_in *)(const void *)address)->sin_port);
    else if (address->sa_family == AF_INET6)
        port = ntohs(((const struct sockaddr_in6 *)(const void *)address)->sin6_port);
    /* A connect() with the address it has been given before asks whether a pending one is done. */
    if (port != 0) {
        __sync_fetch_and_add(&attempts, 1);
        __sync_fetch_and_add(&attempts_at[port], 1);
    }
    return (int)syscall(SYS_connect, fd, address, length);
}

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    static int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    __sync_fetch_and_add(&lookups, 1);
    if (lookup_error != 0) {
        nap(lookup_delay_ms);
        return lookup_error;
    }
    if (real == NULL)
        *(void **)(&real) = dlsym(RTLD_NEXT, "getaddrinfo");
    return real(node, service, hints, result);
}

/* Ports where nobody listens, as a host list. */
static inline const char *dead_hosts(int count, int *ports)
{
    static char list[1024];
    int at = 0;
    int i;
    for (i = 0; i < count; i++) {
        char *port = control("port");
        ports[i] = atoi(port);
        at += snprintf(list + at, sizeof list - (size_t)at, "%s127.0.0.1:%s", i == 0 ? "" : ",", port);
        free(port);
    }
    return list;
}

#endif
