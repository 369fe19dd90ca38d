/* needs: server
 * The asynchronous w-calls: the watch is armed before the completion runs, so that an event never comes before the
 * completion. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    int i;
    make(zh, "/n", "");
    outcome("awexists", zoo_awexists(zh, "/n", on_watch, "w", on_stat, "awexists"));
    outcome("aset", zoo_aset(zh, "/n", "1", 1, -1, on_stat, "set"));
    drain(3);
    outcome("awget", zoo_awget(zh, "/n", on_watch, "w", on_data, "awget"));
    outcome("aset", zoo_aset(zh, "/n", "2", 1, -1, on_stat, "set"));
    drain(3);
    outcome("awget_children", zoo_awget_children(zh, "/n", on_watch, "w", on_strings, "awget_children"));
    outcome("acreate", zoo_acreate(zh, "/n/a", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create"));
    drain(3);
    outcome("awget_children2", zoo_awget_children2(zh, "/n", on_watch, "w", on_strings_stat, "awget_children2"));
    outcome("adelete", zoo_adelete(zh, "/n/a", -1, on_void, "delete"));
    drain(3);
    outcome("awexists of nothing", zoo_awexists(zh, "/none", on_watch, "w", on_stat, "awexists"));
    outcome("awget of nothing", zoo_awget(zh, "/none", on_watch, "not me", on_data, "awget"));
    outcome("awget_children of nothing", zoo_awget_children(zh, "/none", on_watch, "not me", on_strings, "children"));
    outcome("acreate", zoo_acreate(zh, "/none", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, on_string, "create"));
    drain(5);
    settle(zh);
    for (i = 0; i < 50; i++) {
        zoo_awget(zh, "/n", on_watch, "w", on_data, "awget");
        zoo_aset(zh, "/n", "2", 1, -1, on_stat, "set");
    }
    settle(zh);
    return zookeeper_close(zh);
}
