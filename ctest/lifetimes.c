/* Callbacks that take long, fork, exec and exit in callbacks, signals. Parts: block, fork, exit, executed, signals. */
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "parts.h"

#define TIMEOUT_MS 6000

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

/* -- callbacks that take long, or call the library */

static sem_t posted;
static int inner_rc[6];
static zhandle_t *shared;
static zoo_op_t check_op;
static zoo_op_result_t check_result;

static void on_ignored(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
}

static void on_slow(int rc, const struct Stat *stat, const void *data)
{
    struct Stat found;
    char buffer[64];
    int length = sizeof buffer;
    struct String_vector strings;
    (void)stat, (void)data;
    if (rc != ZOK)
        die("the slow callback got %d", rc);
    nap(TIMEOUT_MS + TIMEOUT_MS / 2);
    inner_rc[0] = zoo_exists(shared, "/", 0, &found);
    inner_rc[1] = zoo_get(shared, "/", 0, buffer, &length, &found);
    inner_rc[2] = zoo_get_children(shared, "/", 0, &strings);
    inner_rc[3] = zoo_multi(shared, 1, &check_op, &check_result);
    inner_rc[4] = zoo_state(shared) == ZOO_CONNECTED_STATE ? ZOK : ZSYSTEMERROR;
    deallocate_String_vector(&strings);
    sem_post(&posted);
}

static void part_block(void)
{
    int64_t id;
    int i;
    zoo_check_op_init(&check_op, "/", -1);
    shared = connected(TIMEOUT_MS);
    id = zoo_client_id(shared)->client_id;
    sem_init(&posted, 0, 0);
    if (zoo_aexists(shared, "/", 0, on_slow, NULL) != ZOK)
        die("refused");
    await(&posted, "slow callback");
    for (i = 0; i < COUNT(inner_rc); i++)
        if (inner_rc[i] != ZOK)
            die("call %d from a callback: %d", i, inner_rc[i]);
    if (zoo_client_id(shared)->client_id != id)
        die("the session was lost");
    zookeeper_close(shared);
    printf("a callback held its thread for 1.5 session timeouts and then made 4 sync calls\n");
}

/* -- fork */

static void in_child(zhandle_t *zh, const char *state)
{
    struct Stat stat;
    char buffer[64];
    int length = sizeof buffer;
    struct String_vector strings;
    long long begun = now_ms();
    zhandle_t *own;
    int rc[9];
    int i;
    alarm(PATIENCE_S);
    rc[0] = zoo_exists(zh, "/", 0, &stat);
    rc[1] = zoo_aexists(zh, "/", 0, on_ignored, NULL);
    rc[2] = zoo_get(zh, "/", 0, buffer, &length, &stat);
    rc[3] = zoo_get_children(zh, "/", 0, &strings);
    rc[4] = zoo_create(zh, "/x", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    rc[5] = zoo_multi(zh, 1, &check_op, &check_result);
    rc[6] = zoo_add_auth(zh, "digest", "a:b", 3, NULL, NULL);
    rc[7] = zoo_set_servers(zh, hosts);
    rc[8] = zoo_delete(zh, "/none", -1);
    for (i = 0; i < COUNT(rc); i++)
        if (rc[i] != ZINVALIDSTATE)
            die("%s: call %d in the child: %d", state, i, rc[i]);
    if (zookeeper_close(zh) != ZOK)
        die("%s: close in the child", state);
    /* A call that waited for a reply would wait for at least two thirds of the session timeout. */
    if (now_ms() - begun > TIMEOUT_MS / 2)
        die("%s: the child's calls took %lld ms", state, now_ms() - begun);
    own = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0);
    if (own == NULL)
        die("%s: no handle in the child", state);
    i = zoo_exists(own, "/", 0, &stat);
    if (i != ZOK)
        die("%s: the child's own handle: %d", state, i);
    zookeeper_close(own);
    exit(0);
}

static void fork_here(zhandle_t *zh, const char *state)
{
    int status;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0)
        in_child(zh, state);
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("%s: fork: %s", state, strerror(errno));
    if (status != 0)
        die("%s: the child ended with %#x", state, status);
    printf("forked while %s\n", state);
}

static void fork_in_callback(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    fork_here(shared, "in a callback");
    sem_post(&posted);
}

static void *close_handle(void *zh)
{
    if (zookeeper_close(zh) != ZOK)
        die("close in the parent");
    return NULL;
}

/* other_hosts: one that accepts and never answers, one that refuses, one that takes no connection, one that grants a
 * session and then sends nothing; comma separated. */
static void part_fork(void)
{
    char *words = strdup(other_hosts);
    char *silent = strtok(words, ",");
    char *refusing = strtok(NULL, ",");
    char *full = strtok(NULL, ",");
    char *mute = strtok(NULL, ",");
    struct Stat stat;
    zhandle_t *zh = connected(TIMEOUT_MS);
    int64_t id = zoo_client_id(zh)->client_id;
    pthread_t thread;
    int i;
    zoo_check_op_init(&check_op, "/", -1);
    for (i = 0; i < count; i++)
        fork_here(zh, "connected");
    for (i = 0; i < 200; i++)
        zoo_aexists(zh, "/", 0, on_ignored, NULL);
    fork_here(zh, "requests are pending");
    shared = zh;
    sem_init(&posted, 0, 0);
    zoo_aexists(zh, "/", 0, fork_in_callback, NULL);
    await(&posted, "callback");
    if (zoo_exists(zh, "/", 0, &stat) != ZOK || zoo_client_id(zh)->client_id != id)
        die("the parent's session did not survive");
    shared = open_at(hosts, TIMEOUT_MS, on_nothing, NULL);
    fork_here(shared, "not connected yet");
    await_state(shared, ZOO_CONNECTED_STATE);
    zookeeper_close(shared);
    shared = open_at(silent, TIMEOUT_MS, on_nothing, NULL);
    await_state(shared, ZOO_ASSOCIATING_STATE);
    fork_here(shared, "associating");
    zookeeper_close(shared);
    shared = open_at(full, TIMEOUT_MS, on_nothing, NULL);
    await_state(shared, ZOO_CONNECTING_STATE);
    fork_here(shared, "connecting");
    zookeeper_close(shared);
    shared = open_at(refusing, TIMEOUT_MS, on_nothing, NULL);
    zoo_exists(shared, "/", 0, &stat);
    fork_here(shared, "pausing");
    zookeeper_close(shared);
    shared = open_at(mute, TIMEOUT_MS, on_nothing, NULL);
    await_state(shared, ZOO_CONNECTED_STATE);
    pthread_create(&thread, NULL, close_handle, shared);
    nap(300);
    fork_here(shared, "closing");
    pthread_join(thread, NULL);
    if (zoo_exists(zh, "/", 0, &stat) != ZOK || zoo_client_id(zh)->client_id != id)
        die("the parent's session did not survive");
    zookeeper_close(zh);
}

/* -- exec and exit in a callback */

static void on_exit_now(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    exit(7);
}

static void on_exec(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    execl("/proc/self/exe", "lifetimes", "executed", "", "0", (char *)NULL);
    _exit(9);
}

/* A program that a callback executes must not inherit anything of the library's. */
static void part_executed(void)
{
    int fd;
    for (fd = 3; fd < 256; fd++) {
        char path[64];
        char what[256];
        ssize_t n;
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        n = readlink(path, what, sizeof what - 1);
        if (n < 0)
            continue;
        what[n] = '\0';
        if (strncmp(what, "socket:", 7) == 0 || strncmp(what, "anon_inode:", 11) == 0 || strncmp(what, "pipe:", 5) == 0)
            die("the new program has %d, %s", fd, what);
    }
}

static int end_in_callback(stat_completion_t function)
{
    int status;
    pid_t child;
    fflush(stdout);
    child = fork();
    if (child == 0) {
        alarm(PATIENCE_S);
        zoo_aexists(connected(TIMEOUT_MS), "/", 0, function, NULL);
        for (;;)
            pause();
    }
    if (child < 0 || waitpid(child, &status, 0) != child)
        die("fork: %s", strerror(errno));
    return status;
}

static void part_exit(void)
{
    int status = end_in_callback(on_exit_now);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 7)
        die("exit(7) in a callback ended with %#x", status);
    status = end_in_callback(on_exec);
    if (status != 0)
        die("exec in a callback ended with %#x", status);
    printf("exit and exec in a callback do what they should\n");
}

/* -- signals */

static volatile sig_atomic_t interrupted;
static void on_alarm(int number) { (void)number; interrupted++; }

/* The line of a task's status file. */
static void status_line(const char *path, const char *name, char *line, int size)
{
    FILE *file = fopen(path, "r");
    line[0] = '\0';
    while (file != NULL && fgets(line, size, file) != NULL && strncmp(line, name, strlen(name)) != 0)
        line[0] = '\0';
    if (file != NULL)
        fclose(file);
}

static int is_io_thread(const char *task)
{
    char path[300];
    char name[32] = "";
    FILE *file;
    snprintf(path, sizeof path, "/proc/self/task/%s/comm", task);
    file = fopen(path, "r");
    if (file != NULL) {
        if (fgets(name, sizeof name, file) == NULL)
            name[0] = '\0';
        fclose(file);
    }
    return strcmp(name, "zk-io\n") == 0;
}

static void check_masks(const char *blocked, const char *caught, const char *ignored)
{
    struct dirent *entry;
    DIR *directory = opendir("/proc/self/task");
    while (directory != NULL && (entry = readdir(directory)) != NULL) {
        char path[300];
        char line[256];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/proc/self/task/%s/status", entry->d_name);
        status_line(path, "SigBlk", line, sizeof line);
        /* The library's I/O thread runs no signal handlers of the application: it could hold a lock at that moment. */
        if (strcmp(line, blocked) != 0 && !is_io_thread(entry->d_name))
            die("task %s has %s, before %s", entry->d_name, line, blocked);
        status_line(path, "SigCgt", line, sizeof line);
        if (strcmp(line, caught) != 0)
            die("task %s has %s, before %s", entry->d_name, line, caught);
        status_line(path, "SigIgn", line, sizeof line);
        if (strcmp(line, ignored) != 0)
            die("task %s has %s, before %s", entry->d_name, line, ignored);
    }
    closedir(directory);
}

/* Sends signals until enough have been handled: those that arrive while one is pending are merged. */
static void *storm(void *main_thread)
{
    while (interrupted < 1000) {
        pthread_kill(*(pthread_t *)main_thread, SIGALRM);
        nap(1);
    }
    return NULL;
}

static void *do_nothing(void *nothing)
{
    return nothing;
}

static void part_signals(void)
{
    struct sigaction action;
    char blocked[256], caught[256], ignored[256];
    pthread_t self = pthread_self();
    pthread_t thread;
    zhandle_t *zh;
    struct Stat stat;
    int calls = 0;
    int rc;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_alarm; /* without SA_RESTART */
    sigaction(SIGALRM, &action, NULL);
    /* When it starts its first thread, a process gets an internal signal of glibc. */
    pthread_create(&thread, NULL, do_nothing, NULL);
    pthread_join(thread, NULL);
    status_line("/proc/self/status", "SigBlk", blocked, sizeof blocked);
    status_line("/proc/self/status", "SigCgt", caught, sizeof caught);
    status_line("/proc/self/status", "SigIgn", ignored, sizeof ignored);
    zh = connected(TIMEOUT_MS);
    check_masks(blocked, caught, ignored);
    pthread_create(&thread, NULL, storm, &self);
    while (interrupted < 1000) {
        rc = zoo_exists(zh, "/", 0, &stat);
        calls++;
        if (rc != ZOK)
            die("a call that was interrupted: %d", rc);
        if (calls % 50 == 0) {
            zookeeper_close(zh);
            zh = connected(TIMEOUT_MS);
        }
    }
    pthread_join(thread, NULL);
    zookeeper_close(zh);
    check_masks(blocked, caught, ignored);
    printf("a storm of signals; no mask and no handler is the library's\n");
}

int main(int argc, char **argv)
{
    static const struct part PARTS[] = {
        {"block", part_block}, {"fork", part_fork}, {"exit", part_exit}, {"executed", part_executed}, {"signals", part_signals}};
    zoo_set_debug_level(getenv("LIFETIMES_DEBUG") == NULL ? ZOO_LOG_LEVEL_INFO : ZOO_LOG_LEVEL_DEBUG);
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
