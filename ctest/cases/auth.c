/* needs: proxy
 * zoo_add_auth: completions, the effect of digest ids, refusals, the effect of a bad scheme on the session, and that
 * the ids are sent again after a reconnect. */
#include "../case.h"

static void hidden(zhandle_t *zh, zhandle_t *stranger)
{
    struct ACL_vector acl;
    char data[8];
    int length = sizeof data;
    outcome("create for the creator", zoo_create(zh, "/mine", "x", 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    outcome("get_acl", zoo_get_acl(zh, "/mine", &acl, NULL));
    fact("  %s", acl_text(&acl));
    deallocate_ACL_vector(&acl);
    outcome("mine to me", zoo_get(zh, "/mine", 0, data, &length, NULL));
    outcome("mine to a stranger", zoo_get(stranger, "/mine", 0, data, &length, NULL));
}

static void bad_scheme(void)
{
    zhandle_t *zh = begin(root(), on_watch, "default", SESSION_MS, 0);
    char data[8];
    int length = sizeof data;
    drain(1);
    fact("-- a scheme that the server does not know");
    outcome("add_auth", zoo_add_auth(zh, "nonsense", "x", 1, on_void, "auth"));
    /* The completion and the session event come from two threads in Debian's library. */
    drain_sorted(2);
    fact("state %s", state_name(zoo_state(zh)));
    outcome("unrecoverable", is_unrecoverable(zh));
    outcome("get", zoo_get(zh, "/", 0, data, &length, NULL));
    outcome("aget", zoo_aget(zh, "/", 0, on_data, "aget"));
    outcome("add_auth again", zoo_add_auth(zh, "digest", "a:b", 3, on_void, "auth"));
    outcome("set_servers", zoo_set_servers(zh, "127.0.0.1:1"));
    quiet(100);
    outcome("close", zookeeper_close(zh));
}

int main(void)
{
    zhandle_t *zh = open_case();
    zhandle_t *stranger;
    char data[8];
    int length = sizeof data;
    char *requests;
    stranger = open_at(hosts(), on_nothing, NULL);
    outcome("add_auth", zoo_add_auth(zh, "digest", "user:password", 13, on_void, "first"));
    drain(1);
    outcome("add_auth", zoo_add_auth(zh, "digest", "other:password", 14, on_void, "second"));
    drain(1);
    outcome("ip is given by the server", zoo_add_auth(zh, "ip", "", 0, on_void, "ip"));
    drain(1);
    hidden(zh, stranger);
    outcome("the stranger logs in", zoo_add_auth(stranger, "digest", "user:password", 13, on_void, "stranger"));
    drain(1);
    outcome("mine to the stranger", zoo_get(stranger, "/mine", 0, data, &length, NULL));
    fact("-- refused");
    outcome("NULL scheme", zoo_add_auth(zh, NULL, "x", 1, on_void, "no"));
    outcome("NULL cert", zoo_add_auth(zh, "digest", NULL, 0, on_void, "null cert"));
    drain(1);
    outcome("NULL cert with a length", zoo_add_auth(zh, "digest", NULL, 3, on_void, "null cert with a length"));
    drain(1);
    outcome("NULL cert without a value", zoo_add_auth(zh, "digest", NULL, -1, on_void, "null cert without a value"));
    drain(1);
    fact("-- after a reconnect");
    zookeeper_close(stranger);
    zoo_set_watcher(zh, on_watch);
    order("cut");
    drain(2);
    outcome("mine to me", zoo_get(zh, "/mine", 0, data, &length, NULL));
    requests = control("requests");
    fact("%s", requests);
    free(requests);
    zookeeper_close(zh);
    bad_scheme();
    return 0;
}
