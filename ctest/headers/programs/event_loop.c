/* A program of the single-threaded kind: its own loop around zookeeper_interest and zookeeper_process, asynchronous calls. */
#undef THREADED
#include "zookeeper.h"

#include <errno.h>
#include <string.h>
#include <sys/select.h>

static int pending;

static void created(int rc, const char *name, const void *data)
{
    printf("%s: %d %s\n", (const char *)data, rc, name ? name : "-");
    pending--;
}

static void created2(int rc, const char *name, const struct Stat *stat, const void *data)
{
    if (rc == ZOK && stat)
        printf("%s %lld\n", name, (long long)stat->czxid);
    (void)data;
    pending--;
}

static void read_node(int rc, const char *value, int value_len, const struct Stat *stat, const void *data)
{
    if (rc == ZOK)
        fwrite(value, 1, value_len > 0 ? (size_t)value_len : 0, stdout);
    (void)stat;
    (void)data;
    pending--;
}

static void listed(int rc, const struct String_vector *strings, const void *data)
{
    int i;
    for (i = 0; rc == ZOK && i < strings->count; i++)
        puts(strings->data[i]);
    (void)data;
    pending--;
}

static void listed2(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    (void)stat;
    listed(rc, strings, data);
}

static void described(int rc, const struct Stat *stat, const void *data)
{
    if (rc == ZOK)
        printf("%d children\n", stat->numChildren);
    (void)data;
    pending--;
}

static void permitted(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    (void)stat;
    (void)data;
    if (rc == ZOK && acl->count > 0)
        puts(acl->data[0].id.id);
    pending--;
}

static void done(int rc, const void *data)
{
    (void)data;
    if (rc != ZOK)
        fprintf(stderr, "%s\n", zerror(rc));
    pending--;
}

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *watcherCtx)
{
    (void)watcherCtx;
    if (type == ZOO_SESSION_EVENT && state == ZOO_EXPIRED_SESSION_STATE)
        exit(1);
    zoo_awget_children(zh, *path ? path : "/", watcher, zh, listed, path);
}

int main(void)
{
    zhandle_t *zh = zookeeper_init("localhost:2181/chroot", watcher, 30000, 0, 0, ZOO_READONLY | ZOO_NO_LOG_CLIENTENV);
    if (!zh)
        return errno;
    zoo_add_auth(zh, "digest", "user:password", 13, done, 0);
    pending += zoo_acreate(zh, "/a", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, created, "a") == ZOK;
    pending += zoo_acreate_ttl(zh, "/t", "x", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, -1, created, "t") == ZOK;
    pending += zoo_acreate2(zh, "/b", 0, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL_SEQUENTIAL, created2, 0) == ZOK;
    pending += zoo_acreate2_ttl(zh, "/b", 0, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT_SEQUENTIAL, -1, created2, 0) == ZOK;
    pending += zoo_aexists(zh, "/a", 1, described, 0) == ZOK;
    pending += zoo_awexists(zh, "/a", watcher, zh, described, 0) == ZOK;
    pending += zoo_aget(zh, "/a", 0, read_node, 0) == ZOK;
    pending += zoo_awget(zh, "/a", watcher, zh, read_node, 0) == ZOK;
    pending += zoo_agetconfig(zh, 0, read_node, 0) == ZOK;
    pending += zoo_awgetconfig(zh, watcher, zh, read_node, 0) == ZOK;
    pending += zoo_areconfig(zh, 0, "4", 0, -1, read_node, 0) == ZOK;
    pending += zoo_aset(zh, "/a", "y", 1, -1, described, 0) == ZOK;
    pending += zoo_aget_children(zh, "/", 0, listed, 0) == ZOK;
    pending += zoo_aget_children2(zh, "/", 0, listed2, 0) == ZOK;
    pending += zoo_awget_children2(zh, "/", watcher, zh, listed2, 0) == ZOK;
    pending += zoo_async(zh, "/", created, "sync") == ZOK;
    pending += zoo_aget_acl(zh, "/a", permitted, 0) == ZOK;
    pending += zoo_aset_acl(zh, "/a", -1, &ZOO_OPEN_ACL_UNSAFE, done, 0) == ZOK;
    pending += zoo_adelete(zh, "/a", -1, done, 0) == ZOK;
    pending += zoo_aremove_watches(zh, "/a", ZWATCHTYPE_CHILD, watcher, zh, 0, (void_completion_t *)done, 0) == ZOK;
    pending += zoo_aremove_all_watches(zh, "/a", ZWATCHTYPE_ANY, 0, (void_completion_t *)done, 0) == ZOK;

    while (pending > 0) {
        int fd, interest, events = 0, rc;
        struct timeval tv;
        fd_set readable, writable;

        FD_ZERO(&readable);
        FD_ZERO(&writable);
        rc = zookeeper_interest(zh, &fd, &interest, &tv);
        if (fd != -1) {
            if (interest & ZOOKEEPER_READ)
                FD_SET(fd, &readable);
            if (interest & ZOOKEEPER_WRITE)
                FD_SET(fd, &writable);
        }
        rc = select(fd + 1, &readable, &writable, NULL, &tv);
        if (rc > 0) {
            events |= FD_ISSET(fd, &readable) ? ZOOKEEPER_READ : 0;
            events |= FD_ISSET(fd, &writable) ? ZOOKEEPER_WRITE : 0;
        }
        rc = zookeeper_process(zh, events);
        if (rc != ZOK && rc != ZNOTHING)
            fprintf(stderr, "%s\n", zerror(rc));
    }
    return zookeeper_close(zh);
}
