/* needs: server
 * A program around libevent, on the single-threaded library: one event for the socket, made anew when the descriptor or
 * the interest changes, with the time limit of zookeeper_interest. */
#include "../loop.h"

#include <event2/event.h>

static struct event_base *base;
static struct event *event;
static zhandle_t *zh;
static int wanted;

static void on_event(evutil_socket_t fd, short what, void *context);

/* Waits for the library's next interest. */
static void arm(void)
{
    int fd;
    int interest;
    struct timeval tv;
    short what = 0;
    int rc = zookeeper_interest(zh, &fd, &interest, &tv);
    if (rc != ZOK)
        die("interest: %s", code(rc));
    what |= interest & ZOOKEEPER_READ ? EV_READ : 0;
    what |= interest & ZOOKEEPER_WRITE ? EV_WRITE : 0;
    if (event != NULL)
        event_free(event);
    event = event_new(base, fd, what, on_event, NULL);
    event_add(event, &tv);
}

static void on_event(evutil_socket_t fd, short what, void *context)
{
    int rc;
    (void)fd, (void)context;
    rc = zookeeper_process(zh, (what & EV_READ ? ZOOKEEPER_READ : 0) | (what & EV_WRITE ? ZOOKEEPER_WRITE : 0));
    if (rc != ZOK && rc != ZNOTHING)
        die("process: %s", code(rc));
    if (records_left() >= wanted)
        event_base_loopbreak(base);
    arm();
}

static void print(int n)
{
    wanted = n;
    arm();
    event_base_dispatch(base);
    drain(n);
}

int main(void)
{
    int i;
    zhandle_t *first = loop_open(on_nothing, NULL);
    zookeeper_close(first);
    base = event_base_new();
    zh = begin(root(), on_watch, "session", SESSION_MS, 0);
    print(1);
    for (i = 0; i < 50; i++) {
        char path[32];
        snprintf(path, sizeof path, "/n%02d", i);
        zoo_acreate(zh, path, path, (int)strlen(path), &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create");
    }
    print(50);
    zoo_awget_children(zh, "/", on_watch, "children", on_strings, "list");
    print(1);
    zoo_adelete(zh, "/n07", -1, on_void, "delete");
    print(2);
    event_free(event);
    event_base_free(base);
    outcome("close", zookeeper_close(zh));
    fact("threads: %d", threads());
    return 0;
}
