/* needs: script
 * A reply with the wrong number: everything in flight gets ZRUNTIMEINCONSISTENCY, the connection is dropped, and the
 * session continues on the next one. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_watch, "default", SESSION_MS, 0);
    drain(1);
    outcome("aget", zoo_aget(zh, "/fine", 0, on_data, "before"));
    drain(1);
    outcome("aget", zoo_aget(zh, "/hold", 0, on_data, "1"));
    outcome("aexists", zoo_aexists(zh, "/hold", 0, on_stat, "2"));
    outcome("adelete", zoo_adelete(zh, "/wrong", -1, on_void, "3"));
    drain(5);
    outcome("exists", zoo_exists(zh, "/fine", 0, NULL));
    return zookeeper_close(zh);
}
