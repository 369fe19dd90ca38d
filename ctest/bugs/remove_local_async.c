/* needs: server
 * zoo_aremove_watches and zoo_aremove_all_watches with local=1: the watch is removed and the completion is called;
 * Debian's library crashes. (The header's type of the completion is a pointer too many; both libraries take the
 * function.) */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    char data[8];
    int length = sizeof data;
    make(zh, "/n", "");
    zoo_wget(zh, "/n", on_watch, "one", data, &length, NULL);
    outcome("one", zoo_aremove_watches(zh, "/n", ZWATCHTYPE_DATA, on_watch, "one", 1, (void_completion_t *)on_void, "done"));
    drain(1);
    zoo_wget(zh, "/n", on_watch, "all", data, &length, NULL);
    outcome("all", zoo_aremove_all_watches(zh, "/n", ZWATCHTYPE_DATA, 1, (void_completion_t *)on_void, "done"));
    drain(1);
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);
    return zookeeper_close(zh);
}
