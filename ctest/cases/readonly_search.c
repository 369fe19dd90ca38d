/* needs: readonly
 * The read-only handle looks for a server that can write: when a quorum comes up, it gets a session there, with the
 * events connecting and connected, and its writes work. */
#include "../case.h"

int main(void)
{
    char where[512];
    char *second = control("member 2");
    zhandle_t *zh;
    snprintf(where, sizeof where, "%s,%s", hosts(), second);
    zh = begin_at(where, "", on_watch, "default", SESSION_MS, ZOO_READONLY);
    drain(1);
    fact("state %s", state_name(zoo_state(zh)));
    order("start 2");
    await_state(zh, ZOO_CONNECTED_STATE);
    nap(200);
    outcome("create", zoo_create(zh, "/node", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    fact("has an id: %d", zoo_client_id(zh)->client_id != 0);
    forget();
    free(second);
    return zookeeper_close(zh);
}
