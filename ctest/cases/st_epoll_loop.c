/* needs: server
 * A loop around epoll on the single-threaded library: every kind of asynchronous call, watches, and that there is no
 * thread. */
#include "../loop.h"

#include <sys/epoll.h>

static int epoll;
static int watched = -1;

/* One turn with epoll, as in programs that keep the descriptor registered. */
static void epoll_turn(zhandle_t *zh)
{
    struct step step = ask(zh);
    struct epoll_event event = {.events = 0};
    int rc;
    if (step.rc != ZOK)
        die("interest: %s", code(step.rc));
    event.events = (step.interest & ZOOKEEPER_READ ? EPOLLIN : 0) | (step.interest & ZOOKEEPER_WRITE ? EPOLLOUT : 0);
    if (step.fd != watched) {
        if (watched >= 0)
            epoll_ctl(epoll, EPOLL_CTL_DEL, watched, NULL);
        if (step.fd >= 0 && epoll_ctl(epoll, EPOLL_CTL_ADD, step.fd, &event) != 0)
            die("epoll_ctl: %s", strerror(errno));
        watched = step.fd;
    } else if (watched >= 0 && epoll_ctl(epoll, EPOLL_CTL_MOD, watched, &event) != 0) {
        die("epoll_ctl: %s", strerror(errno));
    }
    step.events = 0;
    if (epoll_wait(epoll, &event, 1, (int)step.wait_ms) > 0) {
        step.events |= event.events & (EPOLLIN | EPOLLHUP | EPOLLERR) ? ZOOKEEPER_READ : 0;
        step.events |= event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR) ? ZOOKEEPER_WRITE : 0;
    }
    rc = zookeeper_process(zh, step.events);
    if (rc != ZOK && rc != ZNOTHING)
        die("process: %s", code(rc));
}

static void print(zhandle_t *zh, int n)
{
    while (records_left() < n)
        epoll_turn(zh);
    drain(n);
}

int main(void)
{
    zoo_op_t ops[3];
    zoo_op_result_t results[3];
    char path[64];
    zhandle_t *zh = loop_open(on_watch, "session");
    forget();
    epoll = epoll_create1(EPOLL_CLOEXEC);
    outcome("create", zoo_acreate(zh, "/a", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create"));
    outcome("create2", zoo_acreate2(zh, "/b", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string_stat, "create2"));
    fact("nothing was called yet: %d", records_left() == 0);
    print(zh, 2);
    zoo_aexists(zh, "/none", 1, on_stat, "exists");
    zoo_awget(zh, "/a", on_watch, "get's watch", on_data, "get");
    zoo_awget_children2(zh, "/", on_watch, "children's watch", on_strings_stat, "children");
    zoo_aget_acl(zh, "/a", on_acl, "acl");
    print(zh, 4);
    zoo_aset(zh, "/a", "two", 3, -1, on_stat, "set");
    zoo_acreate(zh, "/none", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create");
    while (records_left() < 5)
        epoll_turn(zh);
    drain_sorted(5);
    zoo_create_op_init(&ops[0], "/multi", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    zoo_set_op_init(&ops[1], "/a", "three", 5, 1, NULL);
    zoo_delete_op_init(&ops[2], "/none", -1);
    zoo_amulti(zh, 3, ops, results, on_void, "multi");
    zoo_async(zh, "/", on_string, "sync");
    print(zh, 2);
    fact("results: %d %d %d %s", results[0].err, results[1].err, results[2].err, path);
    outcome("auth", zoo_add_auth(zh, "digest", "user:secret", 11, on_void, "auth"));
    print(zh, 1);
    zoo_aremove_all_watches(zh, "/", ZWATCHTYPE_CHILD, 0, (void_completion_t *)on_void, "remove");
    print(zh, 1);
    zoo_adelete(zh, "/a", 7, on_void, "delete");
    print(zh, 1);
    fact("threads: %d", threads());
    outcome("close", zookeeper_close(zh));
    return 0;
}
