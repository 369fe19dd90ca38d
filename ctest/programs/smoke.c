// Uses the whole API on any version of server, and prints the result of each call, so that two libraries can be
// compared. Prints "restart now" when the server may be killed, and continues after a line of input.
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

enum { PATIENCE_S = 30 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int connected;
static int sessions;
static int fired;
static int completed;
static char last_event[96];

static void on_session(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)path, (void)context;
    if (type != ZOO_SESSION_EVENT) return;
    pthread_mutex_lock(&lock);
    connected = state == ZOO_CONNECTED_STATE;
    sessions += connected;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_node(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)state, (void)context;
    if (type == ZOO_SESSION_EVENT) return;
    pthread_mutex_lock(&lock);
    snprintf(last_event, sizeof last_event, "type %d path %s", type, path);
    fired++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_completion(int rc, const void *data) {
    pthread_mutex_lock(&lock);
    if (rc != ZOK) printf("%s: %d\n", (const char *)data, rc);
    completed++;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&lock);
}

static void on_stat(int rc, const struct Stat *stat, const void *data) {
    (void)stat;
    on_completion(rc, data);
}

// Waits until *counter is at least `wanted`.
static void await(const int *counter, int wanted, const char *what) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec += PATIENCE_S;
    pthread_mutex_lock(&lock);
    while (*counter < wanted) {
        if (pthread_cond_timedwait(&changed, &lock, &end)) {
            printf("no %s in %d s\n", what, PATIENCE_S);
            exit(1);
        }
    }
    pthread_mutex_unlock(&lock);
}

// The watcher's thread and this one could print in either order, so only this one prints.
static void await_watch(int wanted) {
    await(&fired, wanted, "watch");
    printf("watch: %s\n", last_event);
}

static void nodes(zhandle_t *zh) {
    char path[64], value[32];
    struct Stat stat;
    int length = sizeof value;
    struct String_vector children;
    struct ACL_vector acl;

    printf("create: %d\n", zoo_create(zh, "/smoke", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    printf("create again: %d\n", zoo_create(zh, "/smoke", "one", 3, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path));
    printf("create sequence: %d", zoo_create(zh, "/smoke/s-", NULL, -1, &ZOO_OPEN_ACL_UNSAFE,
                                             ZOO_SEQUENCE | ZOO_EPHEMERAL, path, sizeof path));
    printf(" %s\n", path);
    printf("get: %d", zoo_get(zh, "/smoke", 0, value, &length, &stat));
    printf(" %.*s version %d children %d\n", length, value, stat.version, stat.numChildren);
    printf("set: %d\n", zoo_set(zh, "/smoke", "two", 3, 0));
    printf("set, wrong version: %d\n", zoo_set(zh, "/smoke", "three", 5, 0));
    printf("exists: %d\n", zoo_exists(zh, "/smoke/none", 0, &stat));
    printf("children: %d", zoo_get_children2(zh, "/smoke", 0, &children, &stat));
    printf(" %d %s\n", children.count, children.data[0]);
    deallocate_String_vector(&children);
    printf("get acl: %d", zoo_get_acl(zh, "/smoke", &acl, &stat));
    printf(" %d %s:%s %d\n", acl.count, acl.data[0].id.scheme, acl.data[0].id.id, acl.data[0].perms);
    deallocate_ACL_vector(&acl);
}

// Requests from after 3.4: an old server answers "unimplemented", or does not know the request and drops the
// connection.
static void later_requests(zhandle_t *zh) {
    char path[64];
    struct Stat stat;
    printf("create2: %d\n", zoo_create2(zh, "/smoke/two", "2", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path, &stat));
    printf("container: %d\n",
           zoo_create(zh, "/smoke/box", "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_CONTAINER, path, sizeof path));
}

static void watches(zhandle_t *zh) {
    struct Stat stat;
    char value[32];
    int length = sizeof value;
    struct String_vector children;
    printf("wget: %d\n", zoo_wget(zh, "/smoke", on_node, NULL, value, &length, &stat));
    printf("set: %d\n", zoo_set(zh, "/smoke", "watched", 7, -1));
    await_watch(1);
    printf("wexists: %d\n", zoo_wexists(zh, "/smoke/later", on_node, NULL, &stat));
    printf("create: %d\n", zoo_create(zh, "/smoke/later", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    await_watch(2);
    printf("wget_children: %d\n", zoo_wget_children(zh, "/smoke", on_node, NULL, &children));
    deallocate_String_vector(&children);
    printf("delete: %d\n", zoo_delete(zh, "/smoke/later", -1));
    await_watch(3);
}

static void multi(zhandle_t *zh) {
    zoo_op_t ops[4];
    zoo_op_result_t results[4];
    char path[64];
    struct Stat stat;
    for (int good = 0; good < 2; good++) {
        memset(results, 0, sizeof results);
        zoo_create_op_init(&ops[0], "/smoke/m", "m", 1, &ZOO_OPEN_ACL_UNSAFE, 0, path, sizeof path);
        zoo_set_op_init(&ops[1], "/smoke/m", "n", 1, good ? 0 : 7, &stat);
        zoo_check_op_init(&ops[2], "/smoke/m", 1);
        zoo_delete_op_init(&ops[3], "/smoke/m", -1);
        printf("multi: %d", zoo_multi(zh, 4, ops, results));
        for (int i = 0; i < 4; i++) printf(" %d", results[i].err);
        printf("\n");
    }
}

static void asynchronous(zhandle_t *zh) {
    enum { COUNT = 500 };
    int before = completed;
    for (int i = 0; i < COUNT; i++) {
        int rc = zoo_aset(zh, "/smoke", "x", 1, -1, on_stat, "aset");
        if (rc != ZOK) printf("aset: %d\n", rc);
    }
    await(&completed, before + COUNT, "completions");
    printf("asynchronous: %d\n", completed - before);
    before = completed;
    printf("add_auth: %d\n", zoo_add_auth(zh, "digest", "user:word", 9, on_completion, "auth"));
    await(&completed, before + 1, "auth completion");
}

static void restart(zhandle_t *zh) {
    char line[16], value[32];
    struct Stat stat;
    int length = sizeof value;
    int before = sessions, seen = fired;
    long long session = zoo_client_id(zh)->client_id;
    printf("wget: %d\n", zoo_wget(zh, "/smoke", on_node, NULL, value, &length, &stat));
    printf("restart now\n");
    if (!fgets(line, sizeof line, stdin)) exit(1);
    await(&sessions, before + 1, "reconnect");
    printf("same session: %d\n", session == zoo_client_id(zh)->client_id);
    printf("set: %d\n", zoo_set(zh, "/smoke", "after", 5, -1));
    await_watch(seen + 1);
    length = sizeof value;
    printf("get: %d", zoo_get(zh, "/smoke", 0, value, &length, &stat));
    printf(" %.*s\n", length, value);
}

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zhandle_t *zh = zookeeper_init(argv[1], on_session, 10000, NULL, NULL, 0);
    if (!zh) return 1;
    await(&sessions, 1, "session");
    nodes(zh);
    if (strcmp(argv[2], "3.4") != 0) later_requests(zh);
    watches(zh);
    multi(zh);
    asynchronous(zh);
    restart(zh);
    printf("close: %d\n", zookeeper_close(zh));
    return 0;
}
