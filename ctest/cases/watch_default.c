/* needs: server
 * watch=1 means the handle's watcher and context at the time of the call; 0 and other numbers; NULL watchers. */
#include "../case.h"

static void second(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    char name[32];
    snprintf(name, sizeof name, "second %s", (const char *)context);
    on_watch(zh, type, state, path, name);
}

static void watch(zhandle_t *zh, int flag)
{
    outcome("watch", zoo_exists(zh, "/n", flag, NULL));
}

static void change(zhandle_t *zh)
{
    zoo_set(zh, "/n", "x", 1, -1);
    settle(zh);
}

static void flags(zhandle_t *zh)
{
    fact("the default");
    watch(zh, 1);
    change(zh);
    change(zh);
    fact("0, 2, -1");
    watch(zh, 0);
    change(zh);
    watch(zh, 2);
    change(zh);
    watch(zh, -1);
    change(zh);
}

static void changed_defaults(zhandle_t *zh)
{
    fact("the context changes after the call");
    watch(zh, 1);
    zoo_set_context(zh, "later");
    change(zh);
    fact("the context changes before the call");
    watch(zh, 1);
    change(zh);
    fact("the watcher changes after the call");
    watch(zh, 1);
    fact("the first was set: %d", zoo_set_watcher(zh, second) == on_watch);
    change(zh);
    watch(zh, 1);
    change(zh);
    fact("no watcher");
    fact("the second was set: %d", zoo_set_watcher(zh, NULL) == second);
    watch(zh, 1);
    change(zh);
    zoo_set_watcher(zh, on_watch);
    zoo_set_context(zh, NULL);
    fact("a w-call with a NULL watcher");
    outcome("wexists", zoo_wexists(zh, "/n", NULL, "x", NULL));
    change(zh);
}

static void all_reads(zhandle_t *zh)
{
    char data[8];
    int length = sizeof data;
    struct String_vector strings;
    fact("get, children and their async forms");
    zoo_set_context(zh, "default");
    outcome("get", zoo_get(zh, "/n", 1, data, &length, NULL));
    change(zh);
    outcome("aget", zoo_aget(zh, "/n", 1, on_data, "aget"));
    drain(1);
    change(zh);
    outcome("aexists", zoo_aexists(zh, "/n", 1, on_stat, "aexists"));
    drain(1);
    change(zh);
    outcome("children", zoo_get_children(zh, "/n", 1, &strings));
    deallocate_String_vector(&strings);
    make(zh, "/n/1", "");
    settle(zh);
    outcome("achildren", zoo_aget_children(zh, "/n", 1, on_strings, "achildren"));
    drain(1);
    make(zh, "/n/2", "");
    settle(zh);
    outcome("achildren2", zoo_aget_children2(zh, "/n", 1, on_strings_stat, "achildren2"));
    drain(1);
    make(zh, "/n/3", "");
    settle(zh);
}

static void refused_calls(zhandle_t *zh)
{
    char data[8];
    int length = sizeof data;
    fact("a refused call arms nothing");
    outcome("wexists", zoo_wexists(zh, "/n/", on_watch, "x", NULL));
    outcome("wget of nothing", zoo_wget(zh, "/none", on_watch, "x", data, &length, NULL));
    make(zh, "/none", "");
    settle(zh);
}

int main(void)
{
    zhandle_t *zh;
    zookeeper_close(open_case());
    zh = begin(root(), on_watch, "first", SESSION_MS, 0);
    drain(1);
    make(zh, "/n", "");
    flags(zh);
    changed_defaults(zh);
    all_reads(zh);
    refused_calls(zh);
    return zookeeper_close(zh);
}
