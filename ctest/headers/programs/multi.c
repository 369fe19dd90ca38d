/* Transactions, synchronous and asynchronous, and operations that are filled in by hand. */
#include <zookeeper.h>

#include <string.h>

static void finished(int rc, const void *data)
{
    const zoo_op_result_t *results = data;
    printf("%d, first %d\n", rc, results[0].err);
}

int transfer(zhandle_t *zh, const char *from, const char *to)
{
    static zoo_op_t ops[5];
    static zoo_op_result_t results[sizeof ops / sizeof ops[0]];
    static char path[64];
    static struct Stat stat;
    int i, rc;

    zoo_check_op_init(&ops[0], from, 3);
    zoo_create_op_init(&ops[1], to, "v", 1, &ZOO_OPEN_ACL_UNSAFE, ZOO_PERSISTENT, path, sizeof path);
    zoo_set_op_init(&ops[2], to, "w", 1, 0, &stat);
    zoo_delete_op_init(&ops[3], from, -1);
    memset(&ops[4], 0, sizeof ops[4]);
    ops[4].type = ZOO_CREATE_OP;
    ops[4].create_op.path = "/log-";
    ops[4].create_op.data = NULL;
    ops[4].create_op.datalen = -1;
    ops[4].create_op.acl = &ZOO_CREATOR_ALL_ACL;
    ops[4].create_op.flags = ZOO_PERSISTENT_SEQUENTIAL;
    ops[4].create_op.ttl = -1;

    rc = zoo_multi(zh, 5, ops, results);
    for (i = 0; i < 5; i++) {
        if (results[i].err == ZRUNTIMEINCONSISTENCY)
            continue;
        if (results[i].value != NULL)
            printf("%.*s\n", results[i].valuelen, results[i].value);
        if (results[i].stat != NULL)
            printf("%d\n", results[i].stat->version);
    }
    return rc == ZOK ? zoo_amulti(zh, 5, ops, results, finished, results) : rc;
}
