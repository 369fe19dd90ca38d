/* needs: server
 * errno after failed calls: which calls report errors by errno. */
#include "../case.h"

enum { MARK = ENOTTY };

#define CHECK(what, call)                                                                            \
    do {                                                                                             \
        int rc;                                                                                      \
        errno = MARK;                                                                                \
        rc = (call);                                                                                 \
        fact("%s: %s, errno %s", what, code(rc), errno == MARK ? "as before" : strerror(errno));     \
    } while (0)

#define CHECK_INIT(what, call)                                                                       \
    do {                                                                                             \
        zhandle_t *made;                                                                             \
        errno = MARK;                                                                                \
        made = (call);                                                                               \
        fact("%s: %s, errno %s", what, made == NULL ? "NULL" : "a handle",                           \
             errno == MARK ? "as before" : strerror(errno));                                         \
        zookeeper_close(made);                                                                       \
    } while (0)

int main(void)
{
    zhandle_t *zh = open_case();
    char buffer[64];
    int length = sizeof buffer;
    struct Stat stat;
    struct String_vector strings;
    zoo_op_t op;
    zoo_op_result_t result;
    make(zh, "/n", "data");
    CHECK("zoo_get of no node", zoo_get(zh, "/none", 0, buffer, &length, &stat));
    CHECK("zoo_get of a bad path", zoo_get(zh, "/none/", 0, buffer, &length, &stat));
    CHECK("zoo_exists", zoo_exists(zh, "/none", 0, &stat));
    CHECK("zoo_set", zoo_set(zh, "/n", "x", 1, 77));
    CHECK("zoo_create", zoo_create(zh, "/n", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    CHECK("zoo_delete", zoo_delete(zh, "/none", -1));
    CHECK("zoo_get_children", zoo_get_children(zh, "/none", 0, &strings));
    CHECK("zoo_remove_watches", zoo_remove_watches(zh, "/n", ZWATCHTYPE_ANY, on_watch, "w", 0));
    CHECK("zoo_aget of a bad path", zoo_aget(zh, "", 0, on_data, "never"));
    zoo_check_op_init(&op, "/n", 77);
    CHECK("zoo_multi", zoo_multi(zh, 1, &op, &result));
    CHECK("zoo_add_auth", zoo_add_auth(NULL, "digest", "a:b", 3, NULL, NULL));
    CHECK("zoo_set_servers_resolution_delay", zoo_set_servers_resolution_delay(zh, -2));
    CHECK("zookeeper_close", zookeeper_close(NULL));
    CHECK_INIT("no colon", zookeeper_init("127.0.0.1", on_nothing, 1000, NULL, NULL, 0));
    CHECK_INIT("no port", zookeeper_init("127.0.0.1:", on_nothing, 1000, NULL, NULL, 0));
    CHECK_INIT("a word for a port", zookeeper_init("127.0.0.1:port", on_nothing, 1000, NULL, NULL, 0));
    CHECK_INIT("an unknown name", zookeeper_init("no.such.host.invalid:2181", on_nothing, 1000, NULL, NULL, 0));
    CHECK_INIT("a bad chroot", zookeeper_init("127.0.0.1:2181/a//b", on_nothing, 1000, NULL, NULL, 0));
    return zookeeper_close(zh);
}
