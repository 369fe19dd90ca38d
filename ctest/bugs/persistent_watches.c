/* needs: proxy 2
 * Persistent watches on a real server: they report the right events, stay after events, are re-armed after a reconnect,
 * and can be removed. Debian's library has no such call, so the program looks it up by name. */
#include "../additions.h"

typedef int (*add_fn)(zhandle_t *, const char *, int, watcher_fn, void *);
typedef int (*aadd_fn)(zhandle_t *, const char *, int, watcher_fn, void *, void_completion_t, const void *);

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char seen[4096];

/* Notes "NAME:TYPE:PATH " for each event that is not a session event. */
static void note(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    size_t at;
    (void)zh;
    (void)state;
    if (type == ZOO_SESSION_EVENT)
        return;
    pthread_mutex_lock(&lock);
    at = strlen(seen);
    snprintf(seen + at, sizeof seen - at, "%s:%s:%s ", (const char *)context, event_name(type), path);
    pthread_mutex_unlock(&lock);
}

/* The events so far must be `wanted`. */
static void expect(zhandle_t *zh, const char *what, const char *wanted)
{
    int tries;
    int matches = 0;
    for (tries = 0; tries < 600 && !matches; tries++) {
        pthread_mutex_lock(&lock);
        matches = strcmp(seen, wanted) == 0;
        pthread_mutex_unlock(&lock);
        if (!matches)
            nap(50);
    }
    /* Check that no further event comes: the server sends the reply to this read after all earlier events, so once it
     * is here, they are here too. */
    if (zoo_exists(zh, "/", 0, NULL) != ZOK)
        die("%s: exists failed", what);
    nap(100);
    pthread_mutex_lock(&lock);
    if (strcmp(seen, wanted) != 0)
        die("%s: saw [%s] and not [%s]", what, seen, wanted);
    seen[0] = 0;
    pthread_mutex_unlock(&lock);
    fact("%s", what);
}

/* Cuts the connection and waits for the next one. The number of earlier ones does not matter: the handle that made the
 * chroot may have used this proxy too. */
static void reconnect(zhandle_t *zh)
{
    char *accepted = control("accepted 0");
    int before = atoi(accepted);
    free(accepted);
    order("cut 0");
    order("await_accepted %d", before + 1);
    await_state(zh, ZOO_CONNECTED_STATE);
}

static add_fn add;

/* Both kinds on one path, in either order. Servers before 3.9 keep only the mode that was set last. */
static void both(zhandle_t *zh, zhandle_t *other, const char *path, int first, int second)
{
    char child[32];
    char grandchild[32];
    char wanted[512];
    int round;
    snprintf(child, sizeof child, "%s/c", path);
    snprintf(grandchild, sizeof grandchild, "%s/c/d", path);
    make(other, path, "");
    check("the first kind", add(zh, path, first, note, first == ZOO_ADD_WATCH_PERSISTENT ? "p" : "r"), ZOK);
    check("the second kind", add(zh, path, second, note, second == ZOO_ADD_WATCH_PERSISTENT ? "p" : "r"), ZOK);
    for (round = 0; round < 2; round++) {
        make(other, child, "");
        make(other, grandchild, "");
        zoo_set(other, child, "x", 1, -1);
        zoo_delete(other, grandchild, -1);
        zoo_delete(other, child, -1);
        zoo_set(other, path, "x", 1, -1);
        snprintf(wanted, sizeof wanted,
                 "r:created:%s p:child:%s r:created:%s r:changed:%s r:deleted:%s r:deleted:%s p:child:%s p:changed:%s r:changed:%s ",
                 child, path, grandchild, child, grandchild, child, path, path, path);
        expect(zh, round == 0 ? "both kinds on a path" : "both kinds after a reconnect", wanted);
        if (round == 0)
            reconnect(zh);
        check("behind SetWatches2", zoo_exists(zh, "/", 0, NULL), ZOK);
    }
    check("one of both", zoo_remove_watches(zh, path, ZWATCHTYPE_PERSISTENT_RECURSIVE, note, "r", 0), ZOK);
    make(other, child, "");
    snprintf(wanted, sizeof wanted, "p:child:%s ", path);
    expect(zh, "the other stays", wanted);
    reconnect(zh);
    check("behind SetWatches2", zoo_exists(zh, "/", 0, NULL), ZOK);
    zoo_delete(other, child, -1);
    expect(zh, "the other after a reconnect", wanted);
    check("all", zoo_remove_all_watches(zh, path, ZWATCHTYPE_ANY, 0), ZOK);
    zoo_set(other, path, "y", 1, -1);
    expect(zh, "none", "");
}

int main(void)
{
    aadd_fn aadd = (aadd_fn)symbol("zoo_aadd_watch");
    zhandle_t *other;
    zhandle_t *zh;
    char *requests;
    add = (add_fn)symbol("zoo_add_watch");
    zookeeper_close(open_case());
    other = open_at(host(1), on_nothing, NULL);
    zh = open_at(host(0), on_nothing, NULL);
    make(other, "/p", "");

    check("mode 2", add(zh, "/p", 2, note, "p"), ZBADARGUMENTS);
    check("mode -1", add(zh, "/p", -1, note, "p"), ZBADARGUMENTS);
    check("no watcher", add(zh, "/p", ZOO_ADD_WATCH_PERSISTENT, NULL, NULL), ZBADARGUMENTS);
    check("no path", add(zh, NULL, ZOO_ADD_WATCH_PERSISTENT, note, "p"), ZBADARGUMENTS);
    check("bad path", add(zh, "p/", ZOO_ADD_WATCH_PERSISTENT, note, "p"), ZBADARGUMENTS);
    check("no handle", add(NULL, "/p", ZOO_ADD_WATCH_PERSISTENT, note, "p"), ZBADARGUMENTS);

    check("persistent", add(zh, "/p", ZOO_ADD_WATCH_PERSISTENT, note, "p"), ZOK);
    check("recursive", aadd(zh, "/r", ZOO_ADD_WATCH_PERSISTENT_RECURSIVE, note, "r", on_void, "added"), ZOK);
    drain(1);
    zoo_set(other, "/p", "x", 1, -1);
    zoo_set(other, "/p", "y", 1, -1);
    make(other, "/p/c", "");
    make(other, "/r", "");
    make(other, "/r/a", "");
    make(other, "/r/a/b", "");
    zoo_set(other, "/r/a/b", "x", 1, -1);
    zoo_delete(other, "/r/a/b", -1);
    expect(zh, "events leave the watches",
           "p:changed:/p p:changed:/p p:child:/p r:created:/r r:created:/r/a r:created:/r/a/b r:changed:/r/a/b "
           "r:deleted:/r/a/b ");

    reconnect(zh);
    order("await_requests setwatches2");
    check("behind SetWatches2", zoo_exists(zh, "/p", 0, NULL), ZOK);
    zoo_set(other, "/p", "z", 1, -1);
    make(other, "/r/n", "");
    expect(zh, "a reconnect arms them again", "p:changed:/p r:created:/r/n ");

    both(zh, other, "/b1", ZOO_ADD_WATCH_PERSISTENT, ZOO_ADD_WATCH_PERSISTENT_RECURSIVE);
    both(zh, other, "/b2", ZOO_ADD_WATCH_PERSISTENT_RECURSIVE, ZOO_ADD_WATCH_PERSISTENT);
    check("the wrong kind", zoo_remove_all_watches(zh, "/p", ZWATCHTYPE_PERSISTENT_RECURSIVE, 0), ZNOWATCHER);
    check("any", zoo_remove_all_watches(zh, "/p", ZWATCHTYPE_ANY, 0), ZOK);
    check("locally", zoo_remove_watches(zh, "/r", ZWATCHTYPE_PERSISTENT_RECURSIVE, note, "r", 1), ZOK);
    check("again", zoo_remove_watches(zh, "/r", ZWATCHTYPE_PERSISTENT_RECURSIVE, note, "r", 1), ZNOWATCHER);
    zoo_set(other, "/p", "w", 1, -1);
    zoo_set(other, "/r", "w", 1, -1);
    expect(zh, "removed watches are silent", "");

    reconnect(zh);
    check("after all", zoo_exists(zh, "/p", 0, NULL), ZOK);
    requests = control("requests 0");
    if (strstr(requests, "setwatches") != NULL)
        die("there is nothing to arm, but: %s", requests);
    free(requests);
    zookeeper_close(other);
    return zookeeper_close(zh);
}
