/* needs: server
 * Several watchers on one path: the order in which they are called, duplicates, one-shot watches, several tables at
 * once. */
#include "../case.h"

static zhandle_t *zh;
static char a[] = "a";
static char b[] = "b";
static char c[] = "c";

static void other_watch(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    char name[32];
    snprintf(name, sizeof name, "other %s", (const char *)context);
    on_watch(handle, type, state, path, name);
}

static void get(const char *name)
{
    char data[8];
    int length = sizeof data;
    if (zoo_wget(zh, "/n", on_watch, (void *)name, data, &length, NULL) != ZOK)
        die("get");
}

static void exists(const char *name)
{
    zoo_wexists(zh, "/n", on_watch, (void *)name, NULL);
}

static void children(const char *name)
{
    struct String_vector strings;
    if (zoo_wget_children(zh, "/n", on_watch, (void *)name, &strings) != ZOK)
        die("children");
    deallocate_String_vector(&strings);
}

static void one_table(void)
{
    fact("five on one table");
    get("1");
    get("2");
    get("3");
    get("4");
    get("5");
    zoo_set(zh, "/n", "x", 1, -1);
    drain(5);
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);
}

static void duplicates(void)
{
    fact("the same function and context four times");
    get(a);
    get(a);
    exists(a);
    get(a);
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);

    fact("the same context, another function");
    get(a);
    zoo_wexists(zh, "/n", other_watch, a, NULL);
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);

    fact("the same function, other contexts of the same text");
    {
        char copy[] = "a";
        get(a);
        get(copy);
        zoo_set(zh, "/n", "x", 1, -1);
        settle(zh);
    }

    fact("duplicates keep the first place");
    get(a);
    get(b);
    get(a);
    get(c);
    get(b);
    zoo_set(zh, "/n", "x", 1, -1);
    drain(3);

    fact("NULL context");
    get(NULL);
    zoo_set(zh, "/n", "x", 1, -1);
    drain(1);
}

static void several_tables(void)
{
    int i;
    fact("a child watch stays when data changes");
    children(a);
    get(b);
    zoo_set(zh, "/n", "x", 1, -1);
    drain(1);
    make(zh, "/n/c", "");
    drain(1);

    fact("a data watch stays when a child changes");
    children(a);
    get(b);
    zoo_delete(zh, "/n/c", -1);
    drain(1);
    zoo_set(zh, "/n", "x", 1, -1);
    drain(1);

    fact("all tables at a deletion");
    children("child 1");
    get("data 1");
    exists("exist 1");
    children("child 2");
    get("data 2");
    exists("exist 2");
    zoo_delete(zh, "/n", -1);
    drain(6);

    fact("watchers of nothing");
    for (i = 0; i < 3; i++)
        exists(i == 0 ? "1" : i == 1 ? "2" : "3");
    make(zh, "/n", "");
    drain(3);
    settle(zh);
}

int main(void)
{
    zh = open_case();
    make(zh, "/n", "");
    one_table();
    duplicates();
    several_tables();
    return zookeeper_close(zh);
}
