/* needs: server
 * zoo_aget, zoo_aset, zoo_aexists, zoo_adelete, zoo_async: completions on success and on each error. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = open_case();
    make(zh, "/node", "hello");
    make(zh, "/null", NULL);
    make(zh, "/full", "");
    make(zh, "/full/child", "");

    outcome("aget", zoo_aget(zh, "/node", 0, on_data, "get"));
    outcome("aget null data", zoo_aget(zh, "/null", 0, on_data, "get null"));
    outcome("aget no node", zoo_aget(zh, "/none", 0, on_data, "get none"));
    outcome("aget bad path", zoo_aget(zh, "/node/", 0, on_data, "bad"));
    drain(3);
    outcome("aexists", zoo_aexists(zh, "/node", 0, on_stat, "exists"));
    outcome("aexists no node", zoo_aexists(zh, "/none", 0, on_stat, "exists none"));
    outcome("aexists bad path", zoo_aexists(zh, "//", 0, on_stat, "bad"));
    drain(2);
    outcome("aset", zoo_aset(zh, "/node", "12345678", 8, 0, on_stat, "set"));
    outcome("aset version", zoo_aset(zh, "/node", "x", 1, 0, on_stat, "set version"));
    outcome("aset no node", zoo_aset(zh, "/none", "x", 1, -1, on_stat, "set none"));
    outcome("aset null data", zoo_aset(zh, "/node", NULL, -1, -1, on_stat, "set null"));
    outcome("aset bad path", zoo_aset(zh, "/x/../y", "x", 1, -1, on_stat, "bad"));
    drain(4);
    outcome("adelete version", zoo_adelete(zh, "/node", 77, on_void, "delete version"));
    outcome("adelete", zoo_adelete(zh, "/node", 2, on_void, "delete"));
    outcome("adelete again", zoo_adelete(zh, "/node", -1, on_void, "delete again"));
    outcome("adelete not empty", zoo_adelete(zh, "/full", -1, on_void, "delete full"));
    outcome("adelete bad path", zoo_adelete(zh, "x/", -1, on_void, "bad"));
    drain(4);
    outcome("async", zoo_async(zh, "/full/child", on_string, "sync"));
    outcome("async no node", zoo_async(zh, "/none", on_string, "sync none"));
    outcome("async root", zoo_async(zh, "/", on_string, "sync root"));
    outcome("async bad path", zoo_async(zh, "/.", on_string, "bad"));
    drain(3);
    settle(zh);
    return zookeeper_close(zh);
}
