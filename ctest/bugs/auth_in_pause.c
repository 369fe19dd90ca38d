/* needs: proxy
 * zoo_add_auth between two attempts is accepted and sent once there is a session, as before the first attempt and
 * during an attempt. Debian's library returns ZINVALIDSTATE, but only between two attempts. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    int rc;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_nothing, NULL);
    order("refuse");
    await_state(zh, 0);
    rc = zoo_add_auth(zh, "digest", "user:word", 9, on_void, "auth");
    if (rc != ZOK)
        die("zoo_add_auth returned %d", rc);
    order("listen");
    await_state(zh, ZOO_CONNECTED_STATE);
    rc = zoo_create(zh, "/mine", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0);
    if (rc != ZOK)
        die("create with the id returned %d", rc);
    return zookeeper_close(zh);
}
