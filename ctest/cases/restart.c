/* needs: ensemble
 * The member that a handle is connected to dies: the events, the session on another member, with watches and ephemerals
 * intact. */
#include "../case.h"

static int connected_to(zhandle_t *zh)
{
    const char *text = zoo_get_current_server(zh);
    int i;
    for (i = 0; i < 3; i++)
        if (strcmp(text, host(i)) == 0)
            return i + 1;
    return 0;
}

int main(void)
{
    zhandle_t *zh;
    int64_t id;
    int first;
    int rc;
    zookeeper_close(open_case());
    zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    drain(1);
    id = zoo_client_id(zh)->client_id;
    outcome("ephemeral", zoo_create(zh, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    outcome("watch", zoo_wexists(zh, "/e", on_watch, "e", NULL));
    first = connected_to(zh);
    fact("connected to a member: %d", first != 0);
    order("kill %d", first);
    drain_sorted(2);
    /* An election may cost further connections before a session is established again. */
    do {
        await_state(zh, ZOO_CONNECTED_STATE);
        rc = zoo_exists(zh, "/e", 0, NULL);
    } while (rc == ZCONNECTIONLOSS || rc == ZOPERATIONTIMEOUT);
    forget();
    outcome("the ephemeral lives", rc);
    fact("elsewhere: %d, the same session: %d", connected_to(zh) != first, zoo_client_id(zh)->client_id == id);
    outcome("set", zoo_set(zh, "/e", "x", 1, -1));
    nap(100);
    drain(1);
    order("start %d", first);
    outcome("exists", zoo_exists(zh, "/e", 0, NULL));
    return zookeeper_close(zh);
}
