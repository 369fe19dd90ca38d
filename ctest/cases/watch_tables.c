/* needs: server
 * Which change fires which kind of watch, with which event, and which watches stay armed. */
#include "../case.h"

static zhandle_t *zh;

enum { EXISTS, EXISTS_MISSING, GET, GET_MISSING, CHILDREN, CHILDREN2, CHILDREN_MISSING, KINDS };
static const char *const KIND_NAMES[] = {"exists", "exists of nothing", "get", "get of nothing", "children", "children2",
                                         "children of nothing"};
static const char *const CHANGES[] = {"set", "delete", "create", "create a child", "delete a child", "set acl",
                                      "create and delete"};

static void watch(int kind)
{
    char data[8];
    int length = sizeof data;
    struct Stat stat;
    struct String_vector strings = {0, NULL};
    int rc = ZOK;
    switch (kind) {
    case EXISTS:
    case EXISTS_MISSING:
        rc = zoo_wexists(zh, "/n", on_watch, "w", &stat);
        break;
    case GET:
    case GET_MISSING:
        rc = zoo_wget(zh, "/n", on_watch, "w", data, &length, &stat);
        break;
    case CHILDREN:
    case CHILDREN_MISSING:
        rc = zoo_wget_children(zh, "/n", on_watch, "w", &strings);
        break;
    case CHILDREN2:
        rc = zoo_wget_children2(zh, "/n", on_watch, "w", &strings, &stat);
        break;
    }
    if (rc == ZOK)
        deallocate_String_vector(&strings);
    fact("%s: %s", KIND_NAMES[kind], code(rc));
}

static void change(int which)
{
    int rc = ZOK;
    fact(" %s", CHANGES[which]);
    switch (which) {
    case 0:
        rc = zoo_set(zh, "/n", "x", 1, -1);
        break;
    case 1:
        rc = zoo_delete(zh, "/n", -1);
        break;
    case 2:
        rc = zoo_create(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
        break;
    case 3:
        rc = zoo_create(zh, "/n/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
        break;
    case 4:
        rc = zoo_delete(zh, "/n/d", -1);
        break;
    case 5:
        rc = zoo_set_acl(zh, "/n", -1, &ZOO_OPEN_ACL_UNSAFE);
        break;
    case 6:
        rc = zoo_create(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
        zoo_delete(zh, "/n", -1);
        break;
    }
    if (rc != ZOK)
        fact("  %s", code(rc));
    settle(zh);
}

static void clean(void)
{
    zoo_delete(zh, "/n/c", -1);
    zoo_delete(zh, "/n/d", -1);
    zoo_delete(zh, "/n", -1);
    zoo_remove_all_watches(zh, "/n", ZWATCHTYPE_ANY, 1);
}

int main(void)
{
    int kind;
    int which;
    zh = open_case();
    for (kind = 0; kind < KINDS; kind++) {
        int missing = kind == EXISTS_MISSING || kind == GET_MISSING || kind == CHILDREN_MISSING;
        for (which = 0; which < COUNT(CHANGES); which++) {
            int needs_node = which != 2 && which != 6;
            if (missing == needs_node)
                continue;
            if (!missing) {
                make(zh, "/n", "");
                if (which == 4)
                    make(zh, "/n/d", "");
            }
            watch(kind);
            change(which);
            /* The watches that are still armed fire when the node is created, changed and deleted again. */
            if (which != 2)
                zoo_create(zh, "/n", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
            zoo_set(zh, "/n", "y", 1, -1);
            fact(" later");
            settle(zh);
            zoo_delete(zh, "/n/c", -1);
            zoo_delete(zh, "/n/d", -1);
            zoo_delete(zh, "/n", -1);
            fact(" at last");
            settle(zh);
            clean();
            forget();
        }
    }
    return zookeeper_close(zh);
}
