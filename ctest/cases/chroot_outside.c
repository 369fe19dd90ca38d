/* needs: server
 * A path without a leading slash under a chroot can name a node outside of it. A path of one byte names the chroot. */
#include "../case.h"

static const char *const NAMES[] = {"/inner", "/innerx", "/innerout", "/inner/x", "/inner/out"};

static void show(zhandle_t *zh, const char *when)
{
    int i;
    for (i = 0; i < COUNT(NAMES); i++) {
        char data[16];
        int length = sizeof data;
        int rc = zoo_get(zh, under(NAMES[i] + 1), 0, data, &length, NULL);
        fact("%s %s: %s \"%.*s\"", when, NAMES[i], code(rc), rc == ZOK ? length : 0, data);
    }
}

static void use(zhandle_t *zh, const char *path)
{
    struct String_vector names = {0, NULL};
    zoo_op_result_t result;
    zoo_op_t op;
    fact("\"%s\"", path);
    outcome("  exists", zoo_exists(zh, path, 0, NULL));
    outcome("  set", zoo_set(zh, path, "set", 3, -1));
    outcome("  children", zoo_get_children(zh, path, 0, &names));
    fact("  %s", strings_text(&names));
    deallocate_String_vector(&names);
    zoo_check_op_init(&op, path, 1);
    outcome("  check", zoo_multi(zh, 1, &op, &result));
}

int main(void)
{
    zhandle_t *plain = open_plain();
    zhandle_t *zh;
    int i;
    for (i = 0; i < COUNT(NAMES); i++)
        make(plain, under(NAMES[i] + 1), "made");
    zh = begin(under("inner"), on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    use(zh, "x");
    show(plain, "after \"x\"");
    use(zh, "out");
    show(plain, "after \"out\"");
    outcome("delete \"out\"", zoo_delete(zh, "out", -1));
    outcome("exists \"\"", zoo_exists(zh, "", 0, NULL));
    outcome("exists \"..\"", zoo_exists(zh, "..", 0, NULL));
    zookeeper_close(zh);
    show(plain, "at the end");
    return zookeeper_close(plain);
}
