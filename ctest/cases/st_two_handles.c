/* needs: server
 * Two handles in one loop, on the single-threaded library: one writes, the other gets the events; the order of each
 * handle's callbacks. */
#include "../loop.h"

static zhandle_t *writer;
static zhandle_t *reader;

static void both_turn(void)
{
    struct pollfd entries[2];
    struct step steps[2];
    zhandle_t *handles[2] = {writer, reader};
    long wait_ms = 1000;
    int i;
    for (i = 0; i < 2; i++) {
        steps[i] = ask(handles[i]);
        if (steps[i].rc != ZOK)
            die("interest of %d: %s", i, code(steps[i].rc));
        entries[i].fd = steps[i].fd;
        entries[i].events = (steps[i].interest & ZOOKEEPER_READ ? POLLIN : 0) |
                            (steps[i].interest & ZOOKEEPER_WRITE ? POLLOUT : 0);
        entries[i].revents = 0;
        if (steps[i].wait_ms < wait_ms)
            wait_ms = steps[i].wait_ms;
    }
    poll(entries, 2, (int)wait_ms);
    for (i = 0; i < 2; i++) {
        int events = (entries[i].revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                     (entries[i].revents & POLLOUT ? ZOOKEEPER_WRITE : 0);
        int rc = zookeeper_process(handles[i], events);
        if (rc != ZOK && rc != ZNOTHING)
            die("process of %d: %s", i, code(rc));
    }
}

static void print(int n)
{
    long end = now_ms() + PATIENCE_S * 1000;
    while (records_left() < n) {
        if (now_ms() > end)
            die("%d records, wanted %d", records_left(), n);
        both_turn();
    }
    drain_sorted(n);
}

int main(void)
{
    int i;
    writer = loop_open(on_watch, "writer");
    reader = loop_open_at(hosts(), on_watch, "reader");
    forget();
    fact("two sessions: %d", zoo_client_id(writer)->client_id != zoo_client_id(reader)->client_id);
    zoo_acreate(writer, "/node", "0", 1, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create");
    print(1);
    for (i = 1; i <= 5; i++) {
        char value[8];
        zoo_awget(reader, "/node", on_watch, "watch", on_data, "get");
        print(1);
        snprintf(value, sizeof value, "%d", i);
        zoo_aset(writer, "/node", value, 1, -1, on_stat, "set");
        print(2);
    }
    fact("-- one closes, and the other goes on");
    zoo_acreate(writer, "/gone", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string, "create");
    print(1);
    zoo_awexists(reader, "/gone", on_watch, "watch", on_stat, "exists");
    print(1);
    outcome("close", zookeeper_close(writer));
    turn_until_records(reader, 1);
    drain(1);
    outcome("close", zookeeper_close(reader));
    fact("threads: %d", threads());
    return 0;
}
