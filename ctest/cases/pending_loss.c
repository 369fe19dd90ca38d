/* needs: proxy
 * Requests in flight when the connection is lost: their codes and their order among the session events; requests made
 * while there is no connection; synchronous requests in both situations. */
#include "../case.h"

static zhandle_t *zh;

static void *sync_get(void *unused)
{
    char data[8];
    int length = sizeof data;
    (void)unused;
    record("sync get: %s", code(zoo_get(zh, "/n", 0, data, &length, NULL)));
    return NULL;
}

static void burst(const char *what)
{
    fact("%s", what);
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "1 aget"));
    outcome("aset", zoo_aset(zh, "/n", "x", 1, -1, on_stat, "2 aset"));
    outcome("acreate", zoo_acreate(zh, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_string, "3 acreate"));
    outcome("acreate2", zoo_acreate2(zh, "/e", "", 0, &ZOO_OPEN_ACL_UNSAFE, 1, on_string_stat, "4 acreate2"));
    outcome("adelete", zoo_adelete(zh, "/none", -1, on_void, "5 adelete"));
    outcome("aexists", zoo_awexists(zh, "/n", on_watch, "never", on_stat, "6 aexists"));
    outcome("achildren", zoo_awget_children(zh, "/n", on_watch, "never", on_strings, "7 achildren"));
    outcome("achildren2", zoo_aget_children2(zh, "/n", 0, on_strings_stat, "8 achildren2"));
    outcome("async", zoo_async(zh, "/n", on_string, "9 async"));
    outcome("aget_acl", zoo_aget_acl(zh, "/n", on_acl, "10 aget_acl"));
    outcome("aset_acl", zoo_aset_acl(zh, "/n", -1, &ZOO_OPEN_ACL_UNSAFE, on_void, "11 aset_acl"));
    outcome("aconfig", zoo_agetconfig(zh, 0, on_data, "12 aconfig"));
}

int main(void)
{
    static zoo_op_t op;
    static zoo_op_result_t result;
    pthread_t thread;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, "default");
    drain(1);
    make(zh, "/n", "");

    order("hold");
    burst("-- in flight");
    zoo_check_op_init(&op, "/n", 0);
    result.err = 12345;
    outcome("amulti", zoo_amulti(zh, 1, &op, &result, on_void, "13 amulti"));
    order("refuse");
    drain(14);
    fact("the result of the transaction: %s", code(result.err));
    quiet(100);
    order("listen");
    order("release");
    drain(1);
    fact("the watches of lost requests are not armed");
    zoo_set(zh, "/n", "y", 1, -1);
    settle(zh);

    order("hold");
    fact("-- a synchronous call in flight");
    pthread_create(&thread, NULL, sync_get, NULL);
    nap(100);
    order("cut");
    drain_sorted(2);
    pthread_join(thread, NULL);
    order("release");
    drain(1);

    fact("-- made while there is no connection");
    order("refuse");
    drain(1);
    outcome("exists", zoo_exists(zh, "/n", 0, NULL));
    outcome("create", zoo_create(zh, "/never", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    outcome("aget", zoo_aget(zh, "/n", 0, on_data, "aget"));
    drain(1);
    outcome("multi", zoo_multi(zh, 1, &op, &result));
    order("listen");
    drain(1);
    outcome("nothing happened", zoo_exists(zh, "/never", 0, NULL));
    return zookeeper_close(zh);
}
