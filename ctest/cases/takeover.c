/* needs: proxy 2
 * Client ids: a second handle takes a session over; an id that is unknown or has the wrong password; a session that
 * expires while its handle is disconnected; the results of calls on an expired handle. */
#include "../case.h"

static zhandle_t *with_id(const char *where, const clientid_t *id, const char *name)
{
    char text[512];
    zhandle_t *zh;
    snprintf(text, sizeof text, "%s%s", where, root());
    zh = zookeeper_init(text, on_watch, SESSION_MS, id, (void *)name, 0);
    if (zh == NULL)
        die("zookeeper_init");
    return zh;
}

static void dead(zhandle_t *zh)
{
    char data[8];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector strings;
    fact("state %s", state_name(zoo_state(zh)));
    outcome("unrecoverable", is_unrecoverable(zh));
    outcome("get", zoo_get(zh, "/n", 0, data, &length, NULL));
    outcome("set", zoo_set(zh, "/n", "x", 1, -1));
    outcome("create", zoo_create(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    outcome("delete", zoo_delete(zh, "/x", -1));
    outcome("exists", zoo_exists(zh, "/n", 0, &stat));
    outcome("children", zoo_get_children(zh, "/n", 0, &strings));
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "never"));
    outcome("async", zoo_async(zh, "/n", on_string, "never"));
    outcome("add_auth", zoo_add_auth(zh, "digest", "a:b", 3, on_void, "never"));
    outcome("set_servers", zoo_set_servers(zh, "127.0.0.1:1"));
    outcome("remove", zoo_remove_all_watches(zh, "/n", ZWATCHTYPE_ANY, 0));
    quiet(100);
    outcome("close", zookeeper_close(zh));
}

int main(void)
{
    clientid_t id;
    clientid_t wrong;
    zhandle_t *first;
    zhandle_t *second;
    int rc;
    zookeeper_close(open_case());
    first = open_at(host(0), on_watch, "first");
    drain(1);
    make(first, "/n", "");
    outcome("ephemeral", zoo_create(first, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0));
    id = *zoo_client_id(first);

    fact("-- taken over while the first is away");
    order("refuse 0");
    drain(1);
    second = with_id(host(1), &id, "second");
    drain(1);
    fact("the same id: %d", zoo_client_id(second)->client_id == id.client_id);
    outcome("the ephemeral is there", zoo_exists(second, "/e", 0, NULL));
    outcome("close ends the session", zookeeper_close(second));
    fact("-- the first comes back to a session that is gone");
    order("listen 0");
    drain(1);
    dead(first);

    fact("-- an id that is gone");
    second = with_id(host(1), &id, "second");
    drain(1);
    dead(second);

    fact("-- the wrong password");
    first = open_at(host(0), on_watch, "first");
    drain(1);
    wrong = *zoo_client_id(first);
    wrong.passwd[3] ^= 1;
    second = with_id(host(1), &wrong, "second");
    await_state(second, ZOO_EXPIRED_SESSION_STATE);
    zookeeper_close(second);
    /* The server moves the session before it checks the password, so the first handle loses its connection, perhaps
     * twice. */
    do {
        await_state(first, ZOO_CONNECTED_STATE);
        rc = zoo_exists(first, "/n", 0, NULL);
    } while (rc == ZCONNECTIONLOSS);
    outcome("the first lives", rc);
    forget();
    zookeeper_close(first);

    fact("-- the ephemeral went with its session");
    first = open_at(host(1), on_nothing, NULL);
    outcome("exists", zoo_exists(first, "/e", 0, NULL));
    return zookeeper_close(first);
}
