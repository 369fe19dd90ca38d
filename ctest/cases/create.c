/* needs: server
 * zoo_create and zoo_create2: modes, sequence numbers, path buffers, data and ACL arguments, every documented error. */
#include "../case.h"

static zhandle_t *zh;

static int create(const char *path, int mode, char *buffer, int length)
{
    return zoo_create(zh, path, "data", 4, &ZOO_OPEN_ACL_UNSAFE, mode, buffer, length);
}

static void modes(void)
{
    static const struct {
        const char *name;
        int mode;
    } MODES[] = {{"persistent", 0}, {"ephemeral", 1}, {"sequential", 2}, {"ephemeral sequential", 3}, {"container", 4},
                 {"mode 7", 7}, {"mode 99", 99}, {"mode -1", -1}};
    int i;
    for (i = 0; i < COUNT(MODES); i++) {
        char path[64];
        char made[128] = "untouched";
        struct Stat stat;
        int rc;
        snprintf(path, sizeof path, "/m%d-", i);
        rc = create(path, MODES[i].mode, made, sizeof made);
        fact("%s: %s [%s]", MODES[i].name, code(rc), made);
        if (rc == ZOK) {
            rc = zoo_exists(zh, made, 0, &stat);
            fact("  exists %s %s, owner is me: %d", code(rc), stat_text(&stat),
                 stat.ephemeralOwner == zoo_client_id(zh)->client_id);
        }
    }
}

static void sequences(void)
{
    char made[64];
    int i;
    make(zh, "/seq", "");
    for (i = 0; i < 3; i++) {
        create("/seq/n-", ZOO_PERSISTENT_SEQUENTIAL, made, sizeof made);
        fact("sequence: %s", made);
        create("/seq/e", ZOO_EPHEMERAL_SEQUENTIAL, made, sizeof made);
        fact("sequence: %s", made);
    }
    outcome("only the number", create("/seq/", ZOO_PERSISTENT_SEQUENTIAL, made, sizeof made));
    fact("  %s", made);
}

static void buffers(void)
{
    static const int LENGTHS[] = {64, 6, 5, 4, 2, 1, 0, -1};
    int i;
    for (i = 0; i < COUNT(LENGTHS); i++) {
        char made[64];
        char path[16];
        snprintf(path, sizeof path, "/buf%d", i);
        memset(made, '#', sizeof made);
        made[63] = '\0';
        outcome("buffer", create(path, 0, made, LENGTHS[i]));
        fact("  length %d: %.8s", LENGTHS[i], bytes_text(made, 8));
    }
}

static void contents(void)
{
    static const struct {
        const char *name;
        const char *value;
        int length;
    } VALUES[] = {{"empty", "", 0}, {"NULL -1", NULL, -1}, {"NULL 0", NULL, 0}, {"zeros", "a\0b\0c", 5}};
    int i;
    for (i = 0; i < COUNT(VALUES); i++) {
        char path[16];
        char data[16] = "untouched";
        int length = sizeof data;
        struct Stat stat;
        snprintf(path, sizeof path, "/val%d", i);
        outcome(VALUES[i].name, zoo_create(zh, path, VALUES[i].value, VALUES[i].length, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
        outcome("  get", zoo_get(zh, path, 0, data, &length, &stat));
        fact("  %d %s %s", length, bytes_text(data, length < 0 ? 9 : length), stat_text(&stat));
    }
}

static void errors(void)
{
    struct ACL_vector none = {0, NULL};
    struct ACL bad_acl[] = {{ZOO_PERM_ALL, {"nonsense", "x"}}};
    struct ACL_vector bad = {1, bad_acl};
    struct ACL digest_acl[] = {{ZOO_PERM_ALL, {"digest", "no-colon"}}};
    struct ACL_vector digest = {1, digest_acl};
    char made[32] = "untouched";
    struct Stat stat;
    memset(&stat, 0, sizeof stat);
    make(zh, "/there", "");
    outcome("no parent", create("/no/parent", 0, made, sizeof made));
    fact("  buffer %s", made);
    outcome("exists", create("/there", 0, made, sizeof made));
    outcome("ephemeral", create("/eph", ZOO_EPHEMERAL, NULL, 0));
    outcome("child of an ephemeral", create("/eph/child", 0, made, sizeof made));
    outcome("the root", create("/", 0, made, sizeof made));
    outcome("NULL acl", zoo_create(zh, "/acl0", "", 0, NULL, 0, NULL, 0));
    outcome("empty acl", zoo_create(zh, "/acl1", "", 0, &none, 0, NULL, 0));
    outcome("bad scheme", zoo_create(zh, "/acl2", "", 0, &bad, 0, NULL, 0));
    outcome("bad digest", zoo_create(zh, "/acl3", "", 0, &digest, 0, NULL, 0));
    outcome("creator without auth", zoo_create(zh, "/acl4", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    outcome("read-only acl", zoo_create(zh, "/acl5", "", 0, &ZOO_READ_ACL_UNSAFE, 0, NULL, 0));
    outcome("below it", create("/acl5/x", 0, NULL, 0));
    outcome("create2 exists", zoo_create2(zh, "/there", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made, &stat));
    fact("  buffer %s, stat untouched: %d", made, stat.czxid == 0);
}

static void create2(void)
{
    char made[64] = "untouched";
    struct Stat stat;
    int i;
    for (i = 0; i <= 4; i++) {
        char path[16];
        snprintf(path, sizeof path, "/two%d-", i);
        memset(&stat, 0xee, sizeof stat);
        outcome("create2", zoo_create2(zh, path, "1234", 4, &ZOO_OPEN_ACL_UNSAFE, i, made, sizeof made, &stat));
        fact("  %s %s, owner is me: %d", made, stat_text(&stat), stat.ephemeralOwner == zoo_client_id(zh)->client_id);
    }
    outcome("without a stat", zoo_create2(zh, "/two-no-stat", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, sizeof made, NULL));
    outcome("without a buffer", zoo_create2(zh, "/two-no-buffer", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0, &stat));
    outcome("short buffer", zoo_create2(zh, "/two-short", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, made, 5, &stat));
    fact("  %s", made);
}

int main(void)
{
    zh = open_case();
    modes();
    sequences();
    buffers();
    contents();
    errors();
    create2();
    return zookeeper_close(zh);
}
