/* needs: proxy 2
 * Ephemeral nodes: they outlive a lost connection, are deleted by zookeeper_close, and are independent of other
 * sessions. */
#include "../case.h"

int main(void)
{
    zhandle_t *owner;
    zhandle_t *other;
    struct Stat stat;
    zookeeper_close(open_case());
    owner = open_at(host(0), on_watch, "owner");
    other = open_at(host(1), on_nothing, NULL);
    drain(1);
    outcome("create", zoo_create(owner, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    outcome("seen by the other", zoo_wexists(other, "/e", on_watch, "other", &stat));
    fact("owned by the owner: %d", stat.ephemeralOwner == zoo_client_id(owner)->client_id);
    order("cut 0");
    drain(2);
    outcome("still there", zoo_exists(other, "/e", 0, NULL));
    outcome("the other may delete it", zoo_delete(other, "/e", -1));
    drain(1);
    outcome("create again", zoo_create(owner, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    outcome("seen by the other", zoo_wexists(other, "/e", on_watch, "other", NULL));
    outcome("close", zookeeper_close(owner));
    drain(1);
    outcome("gone", zoo_exists(other, "/e", 0, NULL));
    return zookeeper_close(other);
}
