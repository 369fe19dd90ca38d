/* needs: server
 * zoo_remove_watches and its relatives with several wrong arguments: which of them decides the result. */
#include "../case.h"

static const struct {
    const char *name;
    const char *path;
} PATHS[] = {{"a path", "/n"}, {"no slash", "n"}, {"a slash at the end", "/n/"}, {"an empty path", ""}, {"no path", NULL}};
static const int TYPES[] = {ZWATCHTYPE_CHILD, ZWATCHTYPE_DATA, ZWATCHTYPE_ANY, 0, 4, 77, -1};

int main(void)
{
    zhandle_t *zh = open_case();
    int local;
    int path;
    int type;
    make(zh, "/n", "");
    for (local = 0; local < 2; local++)
        for (path = 0; path < COUNT(PATHS); path++)
            for (type = 0; type < COUNT(TYPES); type++) {
                char what[96];
                snprintf(what, sizeof what, "%s, type %d, local %d", PATHS[path].name, TYPES[type], local);
                outcome(what, zoo_remove_watches(zh, PATHS[path].path, (ZooWatcherType)TYPES[type], on_watch, "w", local));
                snprintf(what, sizeof what, "all: %s, type %d, local %d", PATHS[path].name, TYPES[type], local);
                outcome(what, zoo_remove_all_watches(zh, PATHS[path].path, (ZooWatcherType)TYPES[type], local));
            }
    return zookeeper_close(zh);
}
