/* needs: server
 * The library's socket: no Nagle, not blocking, no keep-alive. */
#include "../case.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

static int option(int fd, int level, int name)
{
    int value = -1;
    socklen_t length = sizeof value;
    getsockopt(fd, level, name, &value, &length);
    return value;
}

int main(void)
{
    zhandle_t *zh = open_case();
    int sockets = 0;
    int fd;
    for (fd = 3; fd < 256; fd++) {
        struct sockaddr_in peer;
        socklen_t length = sizeof peer;
        if (getpeername(fd, (struct sockaddr *)&peer, &length) != 0 || peer.sin_family != AF_INET ||
            ntohs(peer.sin_port) != atoi(strrchr(hosts(), ':') + 1))
            continue;
        sockets++;
        fact("TCP_NODELAY %d, SO_KEEPALIVE %d, O_NONBLOCK %d", option(fd, IPPROTO_TCP, TCP_NODELAY) != 0,
             option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0, (fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    }
    fact("%d connections", sockets);
    return zookeeper_close(zh);
}
