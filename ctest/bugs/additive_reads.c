/* needs: server
 * The reads that servers offer since 3.6 and 3.7: identities, ephemeral nodes, numbers of descendants, several reads
 * with one request. Debian's library has no such calls, so the program looks them up by name. */
#include "../additions.h"

static void on_int(int rc, int value, const void *data)
{
    record("%s: %s %d", (const char *)data, code(rc), value);
}

static void on_infos(int rc, const struct ClientInfo_vector *infos, const void *data)
{
    record("%s: %s %s", (const char *)data, code(rc), infos != NULL && infos->count == 2 ? "two" : "other");
}

static void whoami(zhandle_t *zh)
{
    int (*call)(zhandle_t *, struct ClientInfo_vector *) = symbol("zoo_whoami");
    int (*acall)(zhandle_t *, void (*)(int, const struct ClientInfo_vector *, const void *), const void *) =
        symbol("zoo_awhoami");
    struct ClientInfo_vector infos;
    int i;
    check("add_auth", zoo_add_auth(zh, "digest", "user:word", 9, on_void, "auth"), ZOK);
    drain(1);
    check("whoami", call(zh, &infos), ZOK);
    if (infos.count != 2)
        die("%d identities", infos.count);
    for (i = 0; i < infos.count; i++)
        record("%s %s", infos.data[i].authScheme, infos.data[i].user);
    deallocate_ClientInfo_vector(&infos);
    drain_sorted(2);
    check("awhoami", acall(zh, on_infos, "identities"), ZOK);
    drain(1);
    check("nowhere", call(zh, NULL), ZBADARGUMENTS);
    check("no handle", call(NULL, &infos), ZBADARGUMENTS);
}

static void ephemerals(zhandle_t *zh)
{
    int (*call)(zhandle_t *, const char *, struct String_vector *) = symbol("zoo_get_ephemerals");
    int (*acall)(zhandle_t *, const char *, strings_completion_t, const void *) = symbol("zoo_aget_ephemerals");
    static const char *const PREFIXES[] = {"", "/", "/e", "/e1", "/d/", "/none"};
    struct String_vector found;
    int i;
    make(zh, "/d", "");
    check("e1", zoo_create(zh, "/e1", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0), ZOK);
    check("e2", zoo_create(zh, "/d/e2", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0), ZOK);
    for (i = 0; i < COUNT(PREFIXES); i++) {
        check(PREFIXES[i], call(zh, PREFIXES[i], &found), ZOK);
        fact("ephemerals \"%s\": %s", PREFIXES[i], strings_text(&found));
        deallocate_String_vector(&found);
    }
    check("no slash", call(zh, "e", &found), ZBADARGUMENTS);
    check("no prefix", call(zh, NULL, &found), ZBADARGUMENTS);
    check("nowhere", call(zh, "/", NULL), ZBADARGUMENTS);
    check("aget_ephemerals", acall(zh, "/e", on_strings, "ephemerals"), ZOK);
    drain(1);
}

static void numbers(zhandle_t *zh)
{
    int (*call)(zhandle_t *, const char *, int *) = symbol("zoo_get_all_children_number");
    int (*acall)(zhandle_t *, const char *, void (*)(int, int, const void *), const void *) =
        symbol("zoo_aget_all_children_number");
    int number = -7;
    check("number", call(zh, "/d", &number), ZOK);
    if (number != 1)
        die("%d descendants of /d", number);
    check("of the root", call(zh, "/", &number), ZOK);
    if (number != 3)
        die("%d descendants of /", number);
    check("of nothing", call(zh, "/none", &number), ZNONODE);
    check("nowhere", call(zh, "/d", NULL), ZBADARGUMENTS);
    check("aget_all_children_number", acall(zh, "/", on_int, "number"), ZOK);
    check("of nothing", acall(zh, "/none", on_int, "none"), ZOK);
    drain(2);
}

static void reads(zhandle_t *zh)
{
    int (*call)(zhandle_t *, int, const zoo_op_t *, zoo_op_result_t *) = symbol("zoo_multi_read");
    int (*acall)(zhandle_t *, int, const zoo_op_t *, zoo_op_result_t *, void_completion_t, const void *) =
        symbol("zoo_amulti_read");
    void (*get)(zoo_op_t *, const char *, char *, int, struct Stat *) = symbol("zoo_get_op_init");
    void (*children)(zoo_op_t *, const char *, struct String_vector *) = symbol("zoo_get_children_op_init");
    char first[16];
    char cut[3];
    struct Stat stat;
    struct String_vector names;
    zoo_op_t ops[5];
    zoo_op_result_t results[5];
    int round;
    make(zh, "/data", "hello");
    get(&ops[0], "/data", first, sizeof first, &stat);
    children(&ops[1], "/d", &names);
    get(&ops[2], "/none", first, sizeof first, NULL);
    get(&ops[3], "/data", cut, sizeof cut, NULL);
    children(&ops[4], "/none", NULL);
    for (round = 0; round < 2; round++) {
        memset(results, 0x55, sizeof results);
        if (round == 0) {
            check("multi_read", call(zh, COUNT(ops), ops, results), ZOK);
        } else {
            check("amulti_read", acall(zh, COUNT(ops), ops, results, on_void, "reads"), ZOK);
            drain(1);
        }
        check("data", results[0].err, ZOK);
        check("children", results[1].err, ZOK);
        check("no data", results[2].err, ZNONODE);
        check("cut", results[3].err, ZOK);
        check("no children", results[4].err, ZNONODE);
        if (results[0].valuelen != 5 || memcmp(first, "hello", 5) != 0 || stat.dataLength != 5)
            die("read %d bytes", results[0].valuelen);
        if (results[0].value != first || results[0].stat != &stat || results[2].value != NULL)
            die("the results name other places");
        if (results[3].valuelen != 3 || memcmp(cut, "hel", 3) != 0)
            die("cut to %d bytes", results[3].valuelen);
        fact("children: %s", strings_text(&names));
        deallocate_String_vector(&names);
    }
    check("nothing", call(zh, 0, NULL, NULL), ZOK);
    check("a negative count", call(zh, -1, ops, results), ZBADARGUMENTS);
    check("no operations", call(zh, 1, NULL, results), ZBADARGUMENTS);
    check("no results", call(zh, 1, ops, NULL), ZBADARGUMENTS);
    get(&ops[0], "/data/", first, sizeof first, NULL);
    check("a bad path", call(zh, 1, ops, results), ZBADARGUMENTS);
    get(&ops[0], NULL, first, sizeof first, NULL);
    check("no path", call(zh, 1, ops, results), ZBADARGUMENTS);
    zoo_check_op_init(&ops[0], "/data", 0);
    check("no read", call(zh, 1, ops, results), ZUNIMPLEMENTED);
    check("reads in a transaction", (children(&ops[0], "/d", &names), zoo_multi(zh, 1, ops, results)), ZUNIMPLEMENTED);
}

int main(void)
{
    zhandle_t *zh = open_case();
    whoami(zh);
    ephemerals(zh);
    numbers(zh);
    reads(zh);
    return zookeeper_close(zh);
}
