/* needs: driver
 * Persistent watches over many reconnects: the connection is cut at random moments while nodes change, and from time to
 * time the server is killed and restarted. After each reconnect a change is reported, once; no change is ever reported
 * twice. Debian's library has no such watches, so the program looks the call up by name. */
#include <stdatomic.h>

#include "../additions.h"

enum { ROUNDS_MAX = 4000, BURST = 6, RESTART_EVERY = 50 };

/* How often each node below /r has been reported as created: the nodes of a burst, and the one after the reconnect. */
static atomic_int created[ROUNDS_MAX][BURST + 1];
static atomic_int changed; /* events of /p */
static atomic_int written; /* changes of /p that may have been made */
static atomic_int wrong;
static atomic_int pending;

static void on_tree(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    int round, number;
    (void)zh, (void)state, (void)context;
    if (type != ZOO_CREATED_EVENT)
        return;
    if (sscanf(path, "/r/%d-%d", &round, &number) != 2 || round < 0 || round >= ROUNDS_MAX || number < 0 || number > BURST)
        wrong++;
    else
        created[round][number]++;
}

static void on_node(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)state, (void)path, (void)context;
    changed += type == ZOO_CHANGED_EVENT;
}

/* Completions and events are called in order, so all earlier events have been called when this is. */
static void on_barrier(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    wrong += rc != ZOK;
    pending--;
}

static void on_created(int rc, const char *value, const void *data)
{
    (void)rc, (void)value, (void)data;
    pending--;
}

static void on_set(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    pending--;
}

/* Repeats a call until it succeeds: it is answered after the request that arms the watches. */
static void settle_connection(zhandle_t *zh)
{
    int ms;
    for (ms = 0; zoo_exists(zh, "/", 0, NULL) != ZOK; ms += 2) {
        if (ms > 120000)
            die("no connection");
        nap(2);
    }
}

static void await_events(zhandle_t *zh)
{
    while (pending > 0)
        nap(1);
    pending++;
    if (zoo_aexists(zh, "/", 0, on_barrier, NULL) != ZOK)
        die("aexists is refused");
    while (pending > 0)
        nap(1);
}

static void await_count(const atomic_int *count, int wanted, const char *what, int round)
{
    int ms;
    for (ms = 0; *count < wanted; ms += 2) {
        if (ms > 60000)
            die("round %d: %s is not reported: the watch is not armed", round, what);
        nap(2);
    }
}

/* Makes changes without waiting for their answers; the cut may hit one of the last ones. */
static void burst(zhandle_t *other, int round)
{
    char path[64];
    int number;
    for (number = 0; number < BURST; number++) {
        snprintf(path, sizeof path, "/r/%d-%d", round, number);
        pending += 2;
        written++;
        if (zoo_acreate(other, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_created, NULL) != ZOK
            || zoo_aset(other, "/p", "x", 1, -1, on_set, NULL) != ZOK)
            die("round %d: a change is refused", round);
    }
}

static void change_once(zhandle_t *zh, zhandle_t *other, int round)
{
    char path[64];
    int before = changed;
    snprintf(path, sizeof path, "/r/%d-%d", round, BURST);
    make(other, path, "");
    written++;
    if (zoo_set(other, "/p", "x", 1, -1) != ZOK)
        die("round %d: set failed", round);
    await_count(&created[round][BURST], 1, path, round);
    await_count(&changed, before + 1, "/p", round);
    await_events(zh);
    if (created[round][BURST] != 1 || changed != before + 1)
        die("round %d: %d and %d events for one change each", round, created[round][BURST], changed - before);
    zoo_delete(other, path, -1);
}

int main(int argc, char **argv)
{
    int (*add)(zhandle_t *, const char *, int, watcher_fn, void *);
    int rounds = argc > 1 ? atoi(argv[1]) : 100;
    unsigned seed = argc > 2 ? (unsigned)atoi(argv[2]) : 1;
    zhandle_t *other;
    zhandle_t *zh;
    int round, number;
    add = (int (*)(zhandle_t *, const char *, int, watcher_fn, void *))symbol("zoo_add_watch");
    fact("seed %u", seed);
    zookeeper_close(open_case());
    other = open_at(host(1), on_nothing, NULL);
    zh = open_at(host(0), on_nothing, NULL);
    make(other, "/p", "");
    make(other, "/r", "");
    /* A watcher is added twice on the same path, and must still get each event once. */
    if (add(zh, "/p", ZOO_ADD_WATCH_PERSISTENT, on_node, NULL) != ZOK
        || add(zh, "/r", ZOO_ADD_WATCH_PERSISTENT_RECURSIVE, on_tree, NULL) != ZOK
        || add(zh, "/r", ZOO_ADD_WATCH_PERSISTENT, on_tree, NULL) != ZOK)
        die("add_watch failed");
    for (round = 0; round < rounds; round++) {
        int kills = round % RESTART_EVERY == RESTART_EVERY - 1;
        char *accepted = control("accepted");
        int connections = atoi(accepted);
        free(accepted);
        burst(other, round);
        if (rand_r(&seed) % 3 == 0)
            nap((int)(rand_r(&seed) % 4));
        if (kills) {
            order("kill 1");
            order("start 1");
        } else {
            order(rand_r(&seed) % 2 ? "cut 0" : "cut 0 reset");
        }
        order("await_accepted %d", connections + 1);
        settle_connection(zh);
        settle_connection(other);
        await_events(zh);
        change_once(zh, other, round);
    }
    for (round = 0; round < rounds; round++)
        for (number = 0; number <= BURST; number++)
            if (created[round][number] > 1)
                die("the creation of /r/%d-%d is reported %d times", round, number, created[round][number]);
    if (changed > written || wrong != 0)
        die("%d events of %d changes, %d of unknown paths", changed, written, wrong);
    zookeeper_close(other);
    return zookeeper_close(zh);
}
