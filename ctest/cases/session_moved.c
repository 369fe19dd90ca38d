/* needs: ensemble
 * A handshake for the session arrives late at the leader, like that of an attempt that the client gave up long ago, and
 * moves the session away from the follower in use. The leader accepts no more writes from this follower. So the
 * follower closes the connection; or it answers the sync that was sent after the writes, but never the writes. Requests
 * in flight then end with ZCONNECTIONLOSS or ZRUNTIMEINCONSISTENCY, and the session continues. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "../case.h"

static int connect_to(const char *where)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_port = htons((uint16_t)atoi(strrchr(where, ':') + 1));
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        die("cannot connect to %s", where);
    return fd;
}

static int leads(const char *where)
{
    char answer[1024];
    size_t length = 0;
    ssize_t n;
    int fd = connect_to(where);
    if (send(fd, "srvr", 4, 0) != 4)
        die("srvr");
    while (length < sizeof answer - 1 && (n = recv(fd, answer + length, sizeof answer - 1 - length, 0)) > 0)
        length += (size_t)n;
    answer[length] = 0;
    close(fd);
    return strstr(answer, "Mode: leader") != NULL;
}

static void put(unsigned char *at, uint64_t value, int bytes)
{
    for (int i = 0; i < bytes; i++)
        at[i] = (unsigned char)(value >> (8 * (bytes - 1 - i)));
}

/* A connect request: protocol version, last transaction seen, timeout, session, password, read-only. */
static void move_to(const char *where, const clientid_t *id)
{
    unsigned char request[4 + 45] = {0};
    int fd = connect_to(where);
    put(request, 45, 4);
    put(request + 16, SESSION_MS, 4);
    put(request + 20, (uint64_t)id->client_id, 8);
    put(request + 28, sizeof id->passwd, 4);
    memcpy(request + 32, id->passwd, sizeof id->passwd);
    if (send(fd, request, sizeof request, 0) != sizeof request || recv(fd, request, 41, MSG_WAITALL) != 41)
        die("the handshake was not answered");
    close(fd);
}

/* Which of the two codes it is, depends on the servers. */
static void on_loss(int rc, const char *value, const void *data)
{
    (void)value;
    int lost = rc == ZCONNECTIONLOSS || rc == ZRUNTIMEINCONSISTENCY;
    record("%s: %s", (const char *)data, lost ? "lost" : code(rc));
}

int main(void)
{
    zhandle_t *zh;
    int64_t id;
    int leader;
    zookeeper_close(open_case());
    for (leader = 0; leader < 3 && !leads(host(leader)); leader++)
        ;
    if (leader == 3)
        die("nobody leads");
    zh = begin_at(host((leader + 1) % 3), root(), on_watch, "default", SESSION_MS, 0);
    drain(1);
    id = zoo_client_id(zh)->client_id;
    move_to(host(leader), zoo_client_id(zh));
    outcome("first create", zoo_acreate(zh, "/a", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_loss, "first create"));
    outcome("second create", zoo_acreate(zh, "/b", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_loss, "second create"));
    outcome("sync", zoo_async(zh, "/", on_loss, "sync"));
    drain(5);
    outcome("create", zoo_create(zh, "/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    fact("the same session: %d", zoo_client_id(zh)->client_id == id);
    return zookeeper_close(zh);
}
