/* needs: proxy
 * The order of the callbacks for a session event: node watchers before the default watcher, each function with each
 * context once however often it is registered, and all of them before the completions of the requests that the loss
 * fails. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    char data[8];
    int length = sizeof data;
    struct String_vector strings;
    char name[] = "default";
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, name);
    drain(1);
    make(zh, "/n", "");
    fact("-- one node watcher and the default one");
    zoo_wexists(zh, "/n", on_watch, "node", NULL);
    order("cut");
    drain(4);
    fact("-- registered four times");
    zoo_wget(zh, "/n", on_watch, "node", data, &length, NULL);
    zoo_wget_children(zh, "/n", on_watch, "node", &strings);
    deallocate_String_vector(&strings);
    zoo_wexists(zh, "/none", on_watch, "node", NULL);
    order("cut");
    drain(4);
    fact("-- the default watcher as a node watcher");
    zoo_exists(zh, "/n", 1, NULL);
    zoo_exists(zh, "/none", 1, NULL);
    order("cut");
    drain(4);
    fact("-- with a request in flight");
    order("hold");
    zoo_aget(zh, "/n", 0, on_data, "aget");
    nap(100);
    order("cut");
    drain(3);
    order("release");
    drain(2);
    fact("-- what fired is gone from the list");
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);
    zoo_remove_all_watches(zh, "/none", ZWATCHTYPE_ANY, 1);
    zoo_remove_all_watches(zh, "/n", ZWATCHTYPE_ANY, 1);
    order("cut");
    drain(2);
    fact("-- while nobody listens");
    order("refuse");
    drain(1);
    await_state(zh, 0);
    fact("state 0 is seen");
    zookeeper_close(zh);
    zh = begin("", on_watch, "never connected", SESSION_MS, 0);
    await_state(zh, 0);
    fact("state 0 is seen");
    quiet(50);
    return zookeeper_close(zh);
}
