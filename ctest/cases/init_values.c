/* needs: nothing
 * The properties of a handle that never connects: context, watcher, client id, timeout, state, addresses. */
#include "../case.h"

static void id_fact(const char *what, zhandle_t *zh)
{
    const clientid_t *id = zoo_client_id(zh);
    int zero = 1;
    int i;
    for (i = 0; i < 16; i++)
        zero = zero && id->passwd[i] == 0;
    fact("%s: id %llx, password %s", what, (unsigned long long)id->client_id, zero ? "zero" : "set");
}

int main(void)
{
    clientid_t mine;
    int number = 7;
    int other = 8;
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    zhandle_t *zh;
    int flags;
    zoo_set_debug_level(0);
    zh = zookeeper_init("127.0.0.1:1", NULL, 0, NULL, &number, 0);
    fact("context is mine: %d", zoo_get_context(zh) == &number);
    zoo_set_context(zh, &other);
    fact("context is the other: %d", zoo_get_context(zh) == &other);
    zoo_set_context(zh, NULL);
    fact("context is NULL: %d", zoo_get_context(zh) == NULL);
    fact("timeout %d", zoo_recv_timeout(zh));
    id_fact("no id given", zh);
    outcome("is_unrecoverable", is_unrecoverable(zh));
    fact("connected host: %s", zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &length) == NULL ? "NULL" : "some");
    fact("first zoo_set_watcher returns a watcher: %d", zoo_set_watcher(zh, on_nothing) != NULL);
    fact("second returns the first's: %d", zoo_set_watcher(zh, NULL) == on_nothing);
    fact("third returns NULL: %d", zoo_set_watcher(zh, on_nothing) == NULL);
    outcome("close", zookeeper_close(zh));

    memset(&mine, 0, sizeof mine);
    mine.client_id = 0x123456789abcdefLL;
    memcpy(mine.passwd, "0123456789abcdef", 16);
    zh = zookeeper_init("127.0.0.1:1", on_watch, 12345, &mine, NULL, 0);
    id_fact("id given", zh);
    fact("password is echoed: %d", memcmp(zoo_client_id(zh)->passwd, mine.passwd, 16) == 0);
    fact("timeout %d", zoo_recv_timeout(zh));
    fact("watcher is mine: %d", zoo_set_watcher(zh, on_watch) == on_watch);
    outcome("close", zookeeper_close(zh));

    for (flags = 0; flags <= 0x103; flags = flags * 2 + 1) {
        zh = zookeeper_init("127.0.0.1:1", NULL, 10000, NULL, NULL, flags);
        fact("flags %#x: %s", (unsigned)flags, zh == NULL ? "NULL" : "a handle");
        zookeeper_close(zh);
    }
    zh = zookeeper_init("127.0.0.1:1", NULL, -1, NULL, NULL, 0);
    fact("negative timeout: %s", zh == NULL ? "NULL" : "a handle");
    if (zh != NULL)
        zookeeper_close(zh);
    quiet(100);
    return 0;
}
