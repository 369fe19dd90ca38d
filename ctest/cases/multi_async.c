/* needs: server
 * zoo_amulti: the completion and its results. */
#include "../case.h"

static zhandle_t *zh;
static zoo_op_t ops[3];
static zoo_op_result_t results[3];
static char made[3][32];
static struct Stat stat;

static void run(const char *what, int count)
{
    int i;
    int rc;
    for (i = 0; i < 3; i++) {
        results[i].err = 12345;
        strcpy(made[i], "untouched");
    }
    rc = zoo_amulti(zh, count, ops, results, on_void, what);
    fact("%s: %s", what, code(rc));
    if (rc != ZOK)
        return;
    drain(1);
    for (i = 0; i < count; i++)
        fact("  %d: %s [%s]", i, code(results[i].err), made[i]);
}

static void create(int i, const char *path)
{
    zoo_create_op_init(&ops[i], path, "data", 4, &ZOO_OPEN_ACL_UNSAFE, 0, made[i], sizeof made[i]);
}

int main(void)
{
    zh = open_case();
    create(0, "/m");
    create(1, "/m/a");
    zoo_set_op_init(&ops[2], "/m", "abc", 3, -1, &stat);
    run("success", 3);
    fact("  %s", stat_text(&stat));
    create(0, "/x");
    create(1, "/m");
    zoo_delete_op_init(&ops[2], "/m/a", -1);
    run("failure", 3);
    ops[0].type = 15;
    run("create2", 1);
    ops[0].type = 0;
    run("type 0", 1);
    run("nothing", 0);
    zoo_check_op_init(&ops[0], "/m", 1);
    run("check", 1);
    settle(zh);
    return zookeeper_close(zh);
}
