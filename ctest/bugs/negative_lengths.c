/* needs: driver
 * A value with a length below -1 (-1 means no value): Debian's library takes the length for unsigned and copies that
 * many bytes, or sends it. Each entry runs in a separate process; the node must keep its value. */
#include "../case.h"

enum { BAD = -4 };
#define OPEN (&ZOO_OPEN_ACL_UNSAFE)

static zhandle_t *zh;
static char made[64];
static struct Stat stat;

static int set(void) { return zoo_set(zh, "/n", "bytes", BAD, -1); }
static int set2(void) { return zoo_set2(zh, "/n", "bytes", BAD, -1, &stat); }
static int create(void) { return zoo_create(zh, "/x", "bytes", BAD, OPEN, 0, made, sizeof made); }
static int create2(void) { return zoo_create2(zh, "/x", "bytes", BAD, OPEN, 0, made, sizeof made, &stat); }
static int create_ttl(void)
{
    return zoo_create_ttl(zh, "/x", "bytes", BAD, OPEN, ZOO_PERSISTENT_WITH_TTL, 60000, made, sizeof made);
}
static int create2_ttl(void)
{
    return zoo_create2_ttl(zh, "/x", "bytes", BAD, OPEN, ZOO_PERSISTENT_WITH_TTL, 60000, made, sizeof made, &stat);
}
static int aset(void) { return zoo_aset(zh, "/n", "bytes", BAD, -1, on_stat, "never"); }
static int acreate(void) { return zoo_acreate(zh, "/x", "bytes", BAD, OPEN, 0, on_string, "never"); }
static int acreate2(void) { return zoo_acreate2(zh, "/x", "bytes", BAD, OPEN, 0, on_string_stat, "never"); }
static int acreate_ttl(void)
{
    return zoo_acreate_ttl(zh, "/x", "bytes", BAD, OPEN, ZOO_PERSISTENT_WITH_TTL, 60000, on_string, "never");
}
static int acreate2_ttl(void)
{
    return zoo_acreate2_ttl(zh, "/x", "bytes", BAD, OPEN, ZOO_PERSISTENT_WITH_TTL, 60000, on_string_stat, "never");
}

static int multi_of(zoo_op_t op)
{
    zoo_op_result_t result = {0};
    return zoo_multi(zh, 1, &op, &result);
}
static int multi_set(void)
{
    zoo_op_t op;
    zoo_set_op_init(&op, "/n", "bytes", BAD, -1, &stat);
    return multi_of(op);
}
static int multi_create(void)
{
    zoo_op_t op;
    zoo_create_op_init(&op, "/x", "bytes", BAD, OPEN, 0, made, sizeof made);
    return multi_of(op);
}
static int multi_second(void)
{
    zoo_op_t ops[2];
    zoo_op_result_t results[2] = {{0}, {0}};
    zoo_create_op_init(&ops[0], "/x", "bytes", 5, OPEN, 0, made, sizeof made);
    zoo_set_op_init(&ops[1], "/n", "bytes", BAD, -1, &stat);
    return zoo_multi(zh, 2, ops, results);
}
static int amulti(void)
{
    static zoo_op_t op;
    static zoo_op_result_t result;
    zoo_set_op_init(&op, "/n", "bytes", BAD, -1, &stat);
    return zoo_amulti(zh, 1, &op, &result, on_void, "never");
}
static int add_auth(void) { return zoo_add_auth(zh, "digest", "user:password", BAD, on_void, "never"); }

static const struct {
    const char *name;
    int (*call)(void);
} ENTRIES[] = {
    {"zoo_set", set}, {"zoo_set2", set2}, {"zoo_create", create}, {"zoo_create2", create2}, {"zoo_create_ttl", create_ttl},
    {"zoo_create2_ttl", create2_ttl}, {"zoo_aset", aset}, {"zoo_acreate", acreate}, {"zoo_acreate2", acreate2},
    {"zoo_acreate_ttl", acreate_ttl}, {"zoo_acreate2_ttl", acreate2_ttl}, {"set in zoo_multi", multi_set},
    {"create in zoo_multi", multi_create}, {"second of zoo_multi", multi_second},
    {"zoo_amulti", amulti}, {"zoo_add_auth", add_auth},
};

int main(int argc, char **argv)
{
    char value[16];
    int length = sizeof value;
    int i;
    int rc;
    if (argc < 2) {
        for (i = 0; i < COUNT(ENTRIES); i++)
            fact("%d", i); /* names with blanks would be taken apart */
        return 0;
    }
    zh = open_case();
    zoo_create(zh, "/n", "kept", 4, OPEN, 0, NULL, 0);
    zoo_set(zh, "/n", "kept", 4, -1);
    i = atoi(argv[1]);
    rc = ENTRIES[i].call();
    if (rc != ZBADARGUMENTS)
        die("%s returned %s", ENTRIES[i].name, code(rc));
    rc = zoo_get(zh, "/n", 0, value, &length, NULL);
    if (rc != ZOK || length != 4 || memcmp(value, "kept", 4) != 0)
        die("%s: the node holds %s, %d bytes", ENTRIES[i].name, code(rc), length);
    if (zoo_exists(zh, "/x", 0, NULL) != ZNONODE)
        die("%s: a part of it happened", ENTRIES[i].name);
    quiet(0);
    return zookeeper_close(zh);
}
