// How servers of each version handle the operations that Apache's C library does not have. Prints for each operation
// its code, whether the session survives, and the number of new connections. A read is sent right after the operation:
// if the server closes the connection, the read is lost, or sent again if it had not been sent yet. Prints "restart
// now" when the server may be replaced, and continues after a line of input.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

enum { PATIENCE_MS = 60000 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int sessions;
static int heard;
static int completed;
static int codes[2];

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)path, (void)context;
    pthread_mutex_lock(&lock);
    sessions += type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE;
    pthread_mutex_unlock(&lock);
}

static void on_node(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)state, (void)path, (void)context;
    pthread_mutex_lock(&lock);
    heard += type != ZOO_SESSION_EVENT;
    pthread_mutex_unlock(&lock);
}

static void on_void(int rc, const void *slot) {
    pthread_mutex_lock(&lock);
    *(int *)slot = rc;
    completed++;
    pthread_mutex_unlock(&lock);
}

static void on_int(int rc, int value, const void *slot) {
    (void)value;
    on_void(rc, slot);
}

static void on_infos(int rc, const struct ClientInfo_vector *infos, const void *slot) {
    (void)infos;
    on_void(rc, slot);
}

static void on_strings(int rc, const struct String_vector *strings, const void *slot) {
    (void)strings;
    on_void(rc, slot);
}

static void on_stat(int rc, const struct Stat *stat, const void *slot) {
    (void)stat;
    on_void(rc, slot);
}

static int read_locked(const int *value) {
    pthread_mutex_lock(&lock);
    int now = *value;
    pthread_mutex_unlock(&lock);
    return now;
}

static void await(const int *counter, int wanted, const char *what) {
    for (int waited = 0; read_locked(counter) < wanted; waited += 10) {
        if (waited > PATIENCE_MS) {
            printf("no %s\n", what);
            exit(1);
        }
        usleep(10000);
    }
}

// Repeats a call until it succeeds: the connection may have been closed.
static void settle(zhandle_t *zh) {
    for (int waited = 0; zoo_exists(zh, "/", 0, NULL) != ZOK; waited += 10) {
        if (waited > PATIENCE_MS) {
            printf("no connection\n");
            exit(1);
        }
        usleep(10000);
    }
}

static void set(zhandle_t *zh, const char *path) {
    int rc = zoo_set(zh, path, "x", 1, -1);
    if (rc != ZOK) printf("set %s: %d\n", path, rc);
}

// Adds a persistent watch; returns whether the server knows such watches.
static int add(zhandle_t *zh, const char *path) {
    int connections = read_locked(&sessions);
    int rc = zoo_add_watch(zh, path, ZOO_ADD_WATCH_PERSISTENT, on_node, NULL);
    if (rc == ZOK) return 1;
    await(&sessions, connections + 1, "new connection");
    settle(zh);
    return 0;
}

enum operation { ADD_PERSISTENT, ADD_RECURSIVE, WHOAMI, EPHEMERALS, NUMBER, READS, REMOVE_ANY, REMOVE_PERSISTENT, OPERATIONS };
static const char *const NAMES[] = {"add persistent watch", "add recursive watch", "whoami", "get ephemerals",
                                    "get all children number", "multi read", "remove any", "remove persistent"};

static int begin(zhandle_t *zh, enum operation operation, zoo_op_t *op, zoo_op_result_t *result) {
    static struct String_vector names;
    switch (operation) {
    case ADD_PERSISTENT:
        return zoo_aadd_watch(zh, "/a", ZOO_ADD_WATCH_PERSISTENT, on_node, NULL, on_void, &codes[0]);
    case ADD_RECURSIVE:
        return zoo_aadd_watch(zh, "/a", ZOO_ADD_WATCH_PERSISTENT_RECURSIVE, on_node, NULL, on_void, &codes[0]);
    case WHOAMI:
        return zoo_awhoami(zh, on_infos, &codes[0]);
    case EPHEMERALS:
        return zoo_aget_ephemerals(zh, "/", on_strings, &codes[0]);
    case NUMBER:
        return zoo_aget_all_children_number(zh, "/", on_int, &codes[0]);
    case READS:
        zoo_get_children_op_init(op, "/", &names);
        return zoo_amulti_read(zh, 1, op, result, on_void, &codes[0]);
    case REMOVE_ANY:
        return zoo_aremove_all_watches(zh, "/a", ZWATCHTYPE_ANY, 0, (void_completion_t *)on_void, &codes[0]);
    default:
        return zoo_aremove_all_watches(zh, "/a", ZWATCHTYPE_PERSISTENT, 0, (void_completion_t *)on_void, &codes[0]);
    }
}

static void one(zhandle_t *zh, enum operation operation) {
    zoo_op_t op;
    zoo_op_result_t result;
    int before, connections = read_locked(&sessions);
    long long session = zoo_client_id(zh)->client_id;
    if (operation >= REMOVE_ANY && !add(zh, "/a")) return;
    before = read_locked(&completed);
    int rc = begin(zh, operation, &op, &result);
    if (rc != ZOK) {
        printf("%s: refused, %d\n", NAMES[operation], rc);
        return;
    }
    zoo_aexists(zh, "/", 0, on_stat, &codes[1]);
    await(&completed, before + 2, "completions");
    settle(zh);
    if (codes[1] != ZOK && codes[1] != ZCONNECTIONLOSS) printf("behind it: %d\n", codes[1]);
    printf("%s: %d, same session %d, new connections %d\n", NAMES[operation], codes[0],
           session == zoo_client_id(zh)->client_id, read_locked(&sessions) - connections);
}

// Shows the events of a persistent watch with a one-shot watch on the same path.
static void mixed(zhandle_t *zh) {
    int before = read_locked(&heard), length = 0;
    static char other[] = "other"; // another watch of the same function
    if (!add(zh, "/b")) return;
    zoo_wget(zh, "/b", on_node, other, NULL, &length, NULL);
    for (int i = 0; i < 3; i++) set(zh, "/b");
    settle(zh);
    usleep(200000);
    printf("three changes, a persistent watch and a read with one: %d calls\n", read_locked(&heard) - before);
}

static void restart(zhandle_t *zh) {
    char line[16];
    long long session = zoo_client_id(zh)->client_id;
    int connections = read_locked(&sessions), length = 0, before;
    static char once[] = "once";
    int has_persistent = add(zh, "/c");
    printf("armed: persistent %d, one-shot %d\n", has_persistent,
           zoo_wget(zh, "/d", on_node, once, NULL, &length, NULL) == ZOK);
    connections = read_locked(&sessions);
    printf("restart now\n");
    if (!fgets(line, sizeof line, stdin)) exit(1);
    await(&sessions, connections + 1, "reconnect");
    settle(zh);
    // A server that cannot arm a persistent watch closes the connection when it is asked to.
    usleep(300000);
    settle(zh);
    before = read_locked(&heard);
    set(zh, "/c");
    set(zh, "/c");
    set(zh, "/d");
    settle(zh);
    usleep(200000);
    printf("after the restart: same session %d, %d calls for two changes and one\n", session == zoo_client_id(zh)->client_id,
           read_locked(&heard) - before);
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zhandle_t *zh = zookeeper_init(argv[1], on_session, 20000, NULL, NULL, 0);
    if (!zh) return 1;
    await(&sessions, 1, "session");
    for (const char *const *path = (const char *const[]){"/a", "/b", "/c", "/d", NULL}; *path; path++)
        zoo_create(zh, *path, "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    for (int operation = 0; operation < OPERATIONS; operation++) one(zh, operation);
    mixed(zh);
    restart(zh);
    printf("close: %d\n", zookeeper_close(zh));
    return 0;
}
