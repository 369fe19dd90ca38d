/* needs: driver
 * Transactions that make Debian's library abort: a bad or NULL path inside (it frees its list of operations twice), and
 * a container (it does not know the answer). Each entry runs in a process of its own. */
#include "../case.h"

static zhandle_t *zh;
static char made[2][32];

static void create(zoo_op_t *op, int i, const char *path, int mode)
{
    zoo_create_op_init(op, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, mode, made[i], sizeof made[i]);
}

static int bad_path(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    create(&op, 0, "/x/", 0);
    return zoo_multi(zh, 1, &op, &result);
}

static int bad_path_second(void)
{
    zoo_op_t ops[2];
    zoo_op_result_t results[2];
    create(&ops[0], 0, "/x", 0);
    create(&ops[1], 1, "/x//y", 0);
    return zoo_multi(zh, 2, ops, results);
}

static int bad_path_async(void)
{
    static zoo_op_t op;
    static zoo_op_result_t result;
    zoo_delete_op_init(&op, "/x/", -1);
    return zoo_amulti(zh, 1, &op, &result, on_void, "never");
}

static int null_path(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    create(&op, 0, NULL, 0);
    return zoo_multi(zh, 1, &op, &result);
}

static int container(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    int rc;
    create(&op, 0, "/box", ZOO_CONTAINER);
    rc = zoo_multi(zh, 1, &op, &result);
    if (rc == ZOK && (result.err != ZOK || strcmp(made[0], "/box") != 0))
        die("the result of the container is %d [%s]", result.err, made[0]);
    return rc;
}

static const struct {
    const char *name;
    int (*call)(void);
    int wanted;
} ENTRIES[] = {
    {"bad_path", bad_path, ZMARSHALLINGERROR},
    {"bad_path_second", bad_path_second, ZMARSHALLINGERROR},
    {"bad_path_async", bad_path_async, ZMARSHALLINGERROR},
    {"null_path", null_path, ZMARSHALLINGERROR},
    {"container", container, ZOK},
};

int main(int argc, char **argv)
{
    int i;
    int rc;
    if (argc < 2) {
        for (i = 0; i < COUNT(ENTRIES); i++)
            fact("%s", ENTRIES[i].name);
        return 0;
    }
    zh = open_case();
    zoo_delete(zh, "/box", -1);
    i = atoi(argv[1]);
    rc = ENTRIES[i].call();
    if (rc != ENTRIES[i].wanted)
        die("%s returned %d, not %d", ENTRIES[i].name, rc, ENTRIES[i].wanted);
    if (zoo_exists(zh, "/", 0, NULL) != ZOK)
        die("%s: the handle is dead", ENTRIES[i].name);
    if (zoo_exists(zh, "/x", 0, NULL) != ZNONODE)
        die("%s: a part of it happened", ENTRIES[i].name);
    return zookeeper_close(zh);
}
