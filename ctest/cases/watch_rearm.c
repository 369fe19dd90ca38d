/* needs: proxy 2
 * Watches over a lost connection: the session events of their watchers, changes during the loss, and that watches that
 * did not fire are re-armed. */
#include "../case.h"

static void watch_all(zhandle_t *zh)
{
    static const char *const NAMES[] = {"/same", "/set", "/gone", "/child"};
    char data[8];
    struct String_vector strings;
    int i;
    for (i = 0; i < COUNT(NAMES); i++) {
        int length = sizeof data;
        zoo_wget(zh, NAMES[i], on_watch, (void *)(NAMES[i] + 1), data, &length, NULL);
        zoo_wexists(zh, NAMES[i], on_watch, "all exist", NULL);
    }
    zoo_wget_children(zh, "/child", on_watch, "children", &strings);
    deallocate_String_vector(&strings);
    zoo_wget_children(zh, "/gone", on_watch, "children", &strings);
    deallocate_String_vector(&strings);
    zoo_wexists(zh, "/new", on_watch, "new", NULL);
    zoo_wexists(zh, "/never", on_watch, "never", NULL);
}

int main(void)
{
    zhandle_t *other;
    zhandle_t *zh;
    zookeeper_close(open_case());
    other = open_at(host(1), on_nothing, NULL);
    make(other, "/same", "");
    make(other, "/set", "");
    make(other, "/gone", "");
    make(other, "/child", "");
    zh = open_at(host(0), on_watch, "default");
    drain(1);
    watch_all(zh);
    settle(zh);

    fact("-- lost");
    order("refuse 0");
    drain_sorted(9);
    quiet(100);
    zoo_set(other, "/set", "x", 1, -1);
    zoo_delete(other, "/gone", -1);
    make(other, "/child/c", "");
    make(other, "/new", "");
    fact("-- back");
    order("listen 0");
    drain_sorted(9);
    /* Changes during the loss are reported after the session event. */
    settle(zh);

    fact("-- what is still armed");
    zoo_set(other, "/same", "x", 1, -1);
    zoo_set(other, "/set", "x", 1, -1);
    make(other, "/gone", "");
    make(other, "/child/d", "");
    zoo_set(other, "/child", "x", 1, -1);
    zoo_set(other, "/new", "x", 1, -1);
    make(other, "/never", "");
    settle(zh);

    fact("-- what a watch asks of the wire");
    {
        char *requests = control("requests 0");
        fact("%s", requests);
        free(requests);
    }
    zookeeper_close(other);
    return zookeeper_close(zh);
}
