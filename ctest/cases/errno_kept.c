/* needs: server
 * errno after successful calls is unchanged. */
#include "../case.h"

enum { TIMES = 300, MARK = ENOTTY };

static zhandle_t *zh;

/* Makes the call TIMES times and prints the values of errno afterwards. */
#define CHECK(what, call)                                      \
    do {                                                       \
        int changed = 0, last = MARK, i;                       \
        for (i = 0; i < TIMES; i++) {                          \
            int rc;                                            \
            errno = MARK;                                      \
            rc = (call);                                       \
            if (errno != MARK)                                 \
                last = errno, changed = 1;                     \
            if (rc != ZOK)                                     \
                die("%s: %s", what, code(rc));                 \
        }                                                      \
        fact("%s: errno %s", what, changed ? strerror(last) : "as before"); \
    } while (0)

static int children(void)
{
    struct String_vector strings;
    int rc = zoo_get_children(zh, "/", 0, &strings);
    int kept = errno;
    deallocate_String_vector(&strings);
    errno = kept;
    return rc;
}

static int get_acl(void)
{
    struct ACL_vector acl;
    struct Stat stat;
    int rc = zoo_get_acl(zh, "/", &acl, &stat);
    int kept = errno;
    deallocate_ACL_vector(&acl);
    errno = kept;
    return rc;
}

static int multi(void)
{
    zoo_op_t op;
    zoo_op_result_t result;
    zoo_check_op_init(&op, "/", -1);
    return zoo_multi(zh, 1, &op, &result);
}

static int create_and_delete(void)
{
    char path[256];
    int rc = zoo_create(zh, "/made", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
    return rc != ZOK ? rc : zoo_delete(zh, "/made", -1);
}

int main(void)
{
    char buffer[64];
    int length = sizeof buffer;
    struct Stat stat;
    zh = open_case();
    make(zh, "/n", "data");
    CHECK("zoo_exists", zoo_exists(zh, "/n", 0, &stat));
    CHECK("zoo_get", (length = sizeof buffer, zoo_get(zh, "/n", 0, buffer, &length, &stat)));
    CHECK("zoo_set", zoo_set(zh, "/n", "data", 4, -1));
    CHECK("zoo_set2", zoo_set2(zh, "/n", "data", 4, -1, &stat));
    CHECK("zoo_get_children", children());
    CHECK("zoo_get_acl", get_acl());
    CHECK("zoo_multi", multi());
    CHECK("zoo_create, zoo_delete", create_and_delete());
    CHECK("zoo_wexists", zoo_wexists(zh, "/n", on_nothing, NULL, &stat));
    return zookeeper_close(zh);
}
