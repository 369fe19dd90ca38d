/* needs: server
 * zoo_multi: success, failure of each operation, results, buffers and stats, calls that are refused before sending. */
#include "../case.h"

static zhandle_t *zh;
static char made[8][32];
static struct Stat stats[8];
static zoo_op_t ops[8];
static zoo_op_result_t results[8];

static void reset(void)
{
    int i;
    for (i = 0; i < 8; i++) {
        strcpy(made[i], "untouched");
        memset(&stats[i], 0xee, sizeof stats[i]);
        memset(&ops[i], 0, sizeof ops[i]);
        results[i].err = 12345;
        results[i].value = (char *)&results[i];
        results[i].valuelen = 12345;
        results[i].stat = (struct Stat *)&results[i];
    }
}

static void show(int i)
{
    zoo_op_result_t *r = &results[i];
    const char *value = r->value == NULL ? "NULL" : r->value == (char *)r ? "unset" : r->value == made[i] ? "my buffer" : "?";
    const char *stat = r->stat == NULL ? "NULL" : r->stat == (struct Stat *)r ? "unset" : r->stat == &stats[i] ? "my stat" : "?";
    fact("  %d: %s value %s length %d stat %s [%s] %s", i, code(r->err), value, r->valuelen, stat, made[i],
         stats[i].version == (int32_t)0xeeeeeeee ? "stat untouched" : stat_text(&stats[i]));
}

static void run(const char *what, int count)
{
    int i;
    int rc = zoo_multi(zh, count, ops, results);
    fact("%s: %s", what, code(rc));
    for (i = 0; i < count; i++)
        show(i);
    reset();
}

static void create(int i, const char *path, int mode)
{
    zoo_create_op_init(&ops[i], path, "data", 4, &ZOO_OPEN_ACL_UNSAFE, mode, made[i], sizeof made[i]);
}

static void successes(void)
{
    create(0, "/m", 0);
    create(1, "/m/a", 0);
    create(2, "/m/s-", ZOO_SEQUENCE);
    zoo_set_op_init(&ops[3], "/m", "new data", 8, 0, &stats[3]);
    zoo_check_op_init(&ops[4], "/m", 1);
    zoo_delete_op_init(&ops[5], "/m/a", 0);
    run("all kinds", 6);
    create(0, "/m/e", ZOO_EPHEMERAL);
    run("one create", 1);
    zoo_create_op_init(&ops[0], "/m/nobuf", NULL, -1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    run("no buffer", 1);
    zoo_create_op_init(&ops[0], "/m/short", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made[0], 5);
    run("short buffer", 1);
    zoo_set_op_init(&ops[0], "/m", "x", 1, -1, NULL);
    run("set without a stat", 1);
    zoo_set_op_init(&ops[0], "/m", NULL, -1, -1, &stats[0]);
    run("set null data", 1);
    zoo_check_op_init(&ops[0], "/m", 3);
    run("check", 1);
    run("nothing", 0);
}

static void failures(void)
{
    zoo_check_op_init(&ops[0], "/m", 3);
    zoo_check_op_init(&ops[1], "/m", 99);
    create(2, "/m/never", 0);
    run("bad version in the middle", 3);
    zoo_check_op_init(&ops[0], "/none", 0);
    run("check of nothing", 1);
    zoo_delete_op_init(&ops[0], "/none", -1);
    create(1, "/m/never", 0);
    run("delete of nothing", 2);
    create(0, "/m/never", 0);
    create(1, "/m", 0);
    zoo_set_op_init(&ops[2], "/m", "y", 1, -1, &stats[2]);
    zoo_delete_op_init(&ops[3], "/m/never", -1);
    run("create of what exists", 4);
    zoo_delete_op_init(&ops[0], "/m", -1);
    run("delete of a parent", 1);
    zoo_set_op_init(&ops[0], "/none", "y", 1, -1, &stats[0]);
    run("set of nothing", 1);
    create(0, "/none/x", 0);
    run("create without a parent", 1);
    create(0, "/m/e/x", 0);
    run("create below an ephemeral", 1);
    zoo_create_op_init(&ops[0], "/m/acl", "", 0, NULL, 0, made[0], sizeof made[0]);
    run("no acl", 1);
    outcome("what failed left nothing", zoo_exists(zh, "/m/never", 0, NULL));
    create(0, "/m/last", 0);
    zoo_delete_op_init(&ops[1], "/none", -1);
    run("the last fails", 2);
}

static void refusals(void)
{
    create(0, "/m/ok2", 77);
    run("bad mode", 1);
    create(0, "/m/ok", 0);
    ops[0].type = 999;
    run("unknown type", 1);
    create(0, "/m/ok", ZOO_PERSISTENT_WITH_TTL);
    ops[0].type = 21;
    ops[0].create_op.ttl = 1000;
    run("ttl type", 1);
    create(0, "/m/ok", ZOO_PERSISTENT_WITH_TTL);
    run("ttl mode", 1);
    create(0, "/m/ok", 0);
    create(1, "/m/ok2", 77);
    run("bad mode of the second", 2);
    outcome("none of them happened", zoo_exists(zh, "/m/ok", 0, NULL));
    outcome("a negative count", zoo_multi(zh, -1, ops, results));
    outcome("nothing happened", zoo_exists(zh, "/m/ok", 0, NULL));
}

int main(void)
{
    zh = open_case();
    reset();
    successes();
    failures();
    refusals();
    return zookeeper_close(zh);
}
