/* needs: script
 * Answers to the connect request: with and without the read-only byte, with a different timeout, with a different
 * session. Also the connect request itself, on the first and on later connections. The script's answer depends on the
 * number of the connection. */
#include "../case.h"

static void report(zhandle_t *zh)
{
    const clientid_t *id = zoo_client_id(zh);
    fact("state %s, id %llx, password %.4s, timeout %d", state_name(zoo_state(zh)), (unsigned long long)id->client_id,
         id->passwd, zoo_recv_timeout(zh));
}

int main(void)
{
    zhandle_t *zh;
    clientid_t id;
    char *said;
    int i;
    memset(&id, 0, sizeof id);
    id.client_id = 0xabcdef;
    memcpy(id.passwd, "secret", 6);
    zh = begin("", on_watch, "default", 10000, 0);
    drain(1);
    report(zh);
    for (i = 0; i < 3; i++) {
        order("tell next");
        drain(2);
        report(zh);
    }
    order("tell next");
    drain(2);
    report(zh);
    outcome("unrecoverable", is_unrecoverable(zh));
    zookeeper_close(zh);
    fact("-- a handle with an id, read-only");
    zh = zookeeper_init(hosts(), on_watch, 12345, &id, "given", ZOO_READONLY);
    drain(1);
    report(zh);
    zookeeper_close(zh);
    forget();
    said = control("tell said");
    fact("%s", said);
    free(said);
    return 0;
}
