/* needs: proxy
 * zoo_remove_watches and zoo_remove_all_watches, sync and async, remote and local: their results, the messages on the
 * wire, and the watches that stay armed. */
#include "../case.h"

static zhandle_t *zh;

static const ZooWatcherType TYPES[] = {ZWATCHTYPE_CHILD, ZWATCHTYPE_DATA, ZWATCHTYPE_ANY};
static const char *const TYPE_NAMES[] = {"child", "data", "any"};

static void arm(void)
{
    char data[8];
    int length = sizeof data;
    struct String_vector strings;
    zoo_wget(zh, "/n", on_watch, "data", data, &length, NULL);
    zoo_wget(zh, "/n", on_watch, "data too", data, &length, NULL);
    zoo_wget_children(zh, "/n", on_watch, "child", &strings);
    deallocate_String_vector(&strings);
    zoo_wexists(zh, "/none", on_watch, "exist", NULL);
}

static void left(void)
{
    zoo_set(zh, "/n", "x", 1, -1);
    zoo_create(zh, "/n/c", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_delete(zh, "/n/c", -1);
    zoo_create(zh, "/none", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    zoo_delete(zh, "/none", -1);
    settle(zh);
    zoo_remove_all_watches(zh, "/n", ZWATCHTYPE_ANY, 1);
    zoo_remove_all_watches(zh, "/none", ZWATCHTYPE_ANY, 1);
}

static void wire(void)
{
    char *all = control("requests");
    char *line;
    char *rest;
    for (line = strtok_r(all, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest))
        if (strncmp(line, "checkwatches", 12) == 0 || strncmp(line, "removewatches", 13) == 0)
            fact("%s", line);
    free(all);
}

int main(void)
{
    int t;
    int local;
    zh = open_case();
    make(zh, "/n", "");
    for (local = 0; local < 2; local++) {
        for (t = 0; t < 3; t++) {
            fact("-- one, %s, local %d", TYPE_NAMES[t], local);
            arm();
            outcome("data", zoo_remove_watches(zh, "/n", TYPES[t], on_watch, "data", local));
            left();
            arm();
            outcome("child", zoo_remove_watches(zh, "/n", TYPES[t], on_watch, "child", local));
            left();
            arm();
            outcome("exist", zoo_remove_watches(zh, "/none", TYPES[t], on_watch, "exist", local));
            left();
            arm();
            outcome("unknown context", zoo_remove_watches(zh, "/n", TYPES[t], on_watch, "?", local));
            outcome("unknown function", zoo_remove_watches(zh, "/n", TYPES[t], on_nothing, "data", local));
            outcome("unknown path", zoo_remove_watches(zh, "/q", TYPES[t], on_watch, "data", local));
            outcome("bad path", zoo_remove_watches(zh, "/q/", TYPES[t], on_watch, "data", local));
            if (local)
                outcome("NULL watcher", zoo_remove_watches(zh, "/n", TYPES[t], NULL, "data", local));
            left();
            fact("-- all, %s, local %d", TYPE_NAMES[t], local);
            arm();
            outcome("all", zoo_remove_all_watches(zh, "/n", TYPES[t], local));
            left();
            outcome("all of nothing", zoo_remove_all_watches(zh, "/n", TYPES[t], local));
            outcome("all of an unknown path", zoo_remove_all_watches(zh, "/q", TYPES[t], local));
            outcome("all of a bad path", zoo_remove_all_watches(zh, "/q/", TYPES[t], local));
            if (local)
                continue; /* asynchronous ones crash Debian's library: bugs/remove_local_async.c */
            fact("-- async, %s", TYPE_NAMES[t]);
            arm();
            outcome("data", zoo_aremove_watches(zh, "/n", TYPES[t], on_watch, "data", 0, (void_completion_t *)on_void, "one"));
            outcome("unknown", zoo_aremove_watches(zh, "/n", TYPES[t], on_watch, "?", 0, (void_completion_t *)on_void, "unknown"));
            outcome("all", zoo_aremove_all_watches(zh, "/n", TYPES[t], 0, (void_completion_t *)on_void, "all"));
            settle(zh);
            left();
        }
    }
    outcome("bad type", zoo_remove_watches(zh, "/n", (ZooWatcherType)7, on_watch, "data", 0));
    outcome("bad type", zoo_remove_watches(zh, "/n", (ZooWatcherType)0, on_watch, "data", 1));
    outcome("bad type", zoo_remove_all_watches(zh, "/n", (ZooWatcherType)7, 0));
    wire();
    return zookeeper_close(zh);
}
