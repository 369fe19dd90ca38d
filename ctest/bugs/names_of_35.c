/* needs: server
 * zoo_remove_watchers and zoo_aremove_watchers, the names of Apache's 3.5: programs built for 3.5 import them, and do
 * not start on Debian's library, which lacks them. They work like zoo_remove_watches and zoo_aremove_watches. The
 * version function is looked up in the same way; Apache's next release has it. */
#include "../additions.h"

typedef int (*remove_fn)(zhandle_t *, const char *, ZooWatcherType, watcher_fn, void *, int);
typedef int (*aremove_fn)(zhandle_t *, const char *, ZooWatcherType, watcher_fn, void *, int, void_completion_t *,
                          const void *);
typedef const char *(*version_fn)(void);

static void left(zhandle_t *zh)
{
    int rc = zoo_wexists(zh, "/n", on_watch, "w", NULL);
    if (rc != ZOK)
        die("exists: %s", code(rc));
}

int main(void)
{
    remove_fn remove_watchers = (remove_fn)symbol("zoo_remove_watchers");
    aremove_fn aremove_watchers = (aremove_fn)symbol("zoo_aremove_watchers");
    version_fn interface_version = (version_fn)symbol("zoo_version_str");
    version_fn own_version = (version_fn)symbol("calmkeeper_version_str");
    zhandle_t *zh = open_case();
    make(zh, "/n", "");
    left(zh);
    outcome("removed", remove_watchers(zh, "/n", ZWATCHTYPE_DATA, on_watch, "w", 0));
    outcome("again", remove_watchers(zh, "/n", ZWATCHTYPE_DATA, on_watch, "w", 0));
    left(zh);
    outcome("removed", aremove_watchers(zh, "/n", ZWATCHTYPE_DATA, on_watch, "w", 0, (void_completion_t *)on_void, "gone"));
    drain(1);
    if (remove_watchers(zh, "/n", ZWATCHTYPE_DATA, on_watch, "w", 0) != ZNOWATCHER)
        die("the watch is still there");
    if (strcmp(interface_version(), ZOO_VERSION) != 0)
        die("the interface is %s and not %s", interface_version(), ZOO_VERSION);
    if (own_version()[0] < '0' || own_version()[0] > '9' || strchr(own_version(), '(') != NULL)
        die("the library's version is \"%s\"", own_version());
    return zookeeper_close(zh);
}
