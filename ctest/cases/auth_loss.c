/* needs: proxy
 * zoo_add_auth in flight when the connection is lost: what the completion gets, how often, and that the id is
 * nevertheless sent afterwards. (Without a connection: bugs/auth_in_pause.c.) */
#include "../case.h"

int main(void)
{
    zhandle_t *zh;
    struct ACL_vector acl;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, "default");
    drain(1);
    fact("-- lost in flight");
    order("hold");
    outcome("add_auth", zoo_add_auth(zh, "digest", "user:word", 9, on_void, "auth"));
    nap(100);
    order("refuse");
    drain_sorted(2);
    order("listen");
    order("release");
    drain(1);
    settle(zh);
    outcome("create", zoo_create(zh, "/mine", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    outcome("get_acl", zoo_get_acl(zh, "/mine", &acl, NULL));
    fact("  %s", acl_text(&acl));
    deallocate_ACL_vector(&acl);
    return zookeeper_close(zh);
}
