/* A forked child that closes every descriptor it has inherited and opens its own, which it must keep. */
#ifndef CTEST_AFRESH_H
#define CTEST_AFRESH_H

#include "case.h"

#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

enum { OWN = 24, KINDS = 7, FIRST_FD = 3, LAST_FD = 255 };

static int own[OWN];

static inline int open_one(int kind)
{
    int pair[2], fd;
    switch (kind) {
    case 0:
        return socket(AF_INET, SOCK_STREAM, 0);
    case 1: /* The peer gets a number that the library had, too. */
        return socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0 ? pair[0] : -1;
    case 2:
        return eventfd(1, 0);
    case 3:
        return epoll_create1(0);
    case 4: /* In use: registers numbers that the library had. */
        fd = epoll_create1(0);
        if (own[0] > 0 && epoll_ctl(fd, EPOLL_CTL_ADD, own[0], &(struct epoll_event){.events = EPOLLIN}) != 0)
            _exit(100);
        return fd;
    case 5:
        return pipe(pair) == 0 ? pair[0] : -1;
    default:
        return open("/dev/null", O_RDWR);
    }
}

static inline void start_afresh(int kind)
{
    int fd, i;
    alarm(90);
    for (fd = FIRST_FD; fd <= LAST_FD; fd++)
        close(fd);
    for (i = 0; i < OWN; i++)
        if ((own[i] = open_one(kind)) < 0)
            _exit(101);
}

/* How many of the child's own descriptors are closed, or have got data that it has not written. */
static inline int spoilt(void)
{
    char byte;
    int i, n = 0;
    for (i = 0; i < OWN; i++)
        n += fcntl(own[i], F_GETFD) < 0 || recv(own[i], &byte, 1, MSG_DONTWAIT) > 0;
    return n;
}
#endif
