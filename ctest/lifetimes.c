/* Threads, ends and shortages. lifetimes.py runs each part in a separate process:
 *
 *   lifetimes PART HOSTS COUNT [OTHER_HOSTS]
 *
 * A part prints its findings and ends with status 0, or prints the fault and ends with 1. */
#include <dlfcn.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/wait.h>

#include "lifetimes.h"

#define TIMEOUT_MS 6000
#define PENDING 8

static const char *hosts;
static const char *other_hosts;
static int count;

static long long now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
}

static void await(sem_t *sem, const char *what)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += PATIENCE_S;
    while (sem_timedwait(sem, &limit) != 0)
        if (errno != EINTR)
            die("%s: nothing after %d s", what, PATIENCE_S);
}

static zhandle_t *open_at(const char *where, watcher_fn watcher, void *context)
{
    zhandle_t *zh = zookeeper_init(where, watcher, TIMEOUT_MS, NULL, context, 0);
    if (zh == NULL)
        die("zookeeper_init: %s", strerror(errno));
    return zh;
}

static zhandle_t *connected(void)
{
    zhandle_t *zh = open_at(hosts, on_nothing, NULL);
    await_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}

/* -- close, from every kind of callback */

struct closing {
    zhandle_t *zh;
    sem_t closed;
    int calls;     /* of the callback that closes */
    int pending;   /* callbacks that are due */
    int over;      /* what comes now comes too late */
};

static pthread_mutex_t current_lock = PTHREAD_MUTEX_INITIALIZER;
static struct closing *logging; /* whose log callback is to close */

static void counted(int rc, const struct Stat *stat, const void *data)
{
    struct closing *c = (struct closing *)data;
    (void)stat;
    if (rc != ZOK && rc != ZCLOSING && rc != ZNONODE && rc != ZCONNECTIONLOSS)
        die("a pending call got %d", rc);
    if (__atomic_load_n(&c->over, __ATOMIC_SEQ_CST))
        die("a callback after the close");
    __atomic_fetch_sub(&c->pending, 1, __ATOMIC_SEQ_CST);
}

static void submit_pending(struct closing *c)
{
    int i;
    for (i = 0; i < PENDING; i++) {
        __atomic_fetch_add(&c->pending, 1, __ATOMIC_SEQ_CST);
        if (zoo_aexists(c->zh, "/", 0, counted, c) != ZOK)
            __atomic_fetch_sub(&c->pending, 1, __ATOMIC_SEQ_CST);
    }
}

static void close_now(struct closing *c)
{
    int rc;
    if (__atomic_fetch_add(&c->calls, 1, __ATOMIC_SEQ_CST) != 0)
        return;
    submit_pending(c); /* from a callback of the handle these are called after it */
    rc = zookeeper_close(c->zh);
    if (rc != ZOK)
        die("zookeeper_close: %d", rc);
    sem_post(&c->closed);
}

static void by_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path;
    if (type != ZOO_SESSION_EVENT)
        close_now(context);
}
static void by_session(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    struct closing *c = context;
    (void)path;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE) {
        c->zh = zh;
        submit_pending(c);
        close_now(c);
    }
}
static void by_void(int rc, const void *data) { (void)rc; close_now((struct closing *)data); }
static void by_stat(int rc, const struct Stat *s, const void *data) { (void)rc, (void)s; close_now((struct closing *)data); }
static void by_data(int rc, const char *v, int n, const struct Stat *s, const void *data)
{
    (void)rc, (void)v, (void)n, (void)s;
    close_now((struct closing *)data);
}
static void by_strings(int rc, const struct String_vector *v, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v->count < 1) /* what it was given outlives the handle */
        die("no child of /");
}
static void by_strings_stat(int rc, const struct String_vector *v, const struct Stat *s, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v->count != s->numChildren)
        die("the lists of a callback are gone");
}
static void by_string(int rc, const char *v, const void *data)
{
    close_now((struct closing *)data);
    if (rc == ZOK && v[0] != '/')
        die("the text of a callback is gone");
}
static void by_string_stat(int rc, const char *v, const struct Stat *s, const void *data)
{
    (void)rc, (void)v, (void)s;
    close_now((struct closing *)data);
}
static void by_acl(int rc, struct ACL_vector *a, struct Stat *s, const void *data)
{
    (void)rc, (void)a, (void)s;
    close_now((struct closing *)data);
}
static void by_log(const char *line)
{
    struct closing *c = NULL;
    if (strstr(line, "session establishment complete") == NULL)
        return;
    pthread_mutex_lock(&current_lock);
    c = logging;
    logging = NULL;
    while (c != NULL && c->zh == NULL) { /* zookeeper_init2 has not returned yet */
        pthread_mutex_unlock(&current_lock);
        nap(1);
        pthread_mutex_lock(&current_lock);
    }
    pthread_mutex_unlock(&current_lock);
    if (c != NULL)
        close_now(c);
}

static void *by_thread(void *context)
{
    close_now(context);
    return NULL;
}

static zoo_op_t check_op;
static zoo_op_result_t check_result;

enum { AT_ONCE, LOG, SESSION, MAIN, THREAD, WATCH, VOID, STAT, DATA, STRINGS, STRINGS_STAT, STRING, STRING_STAT, ACLS,
       MULTI, AUTH, KINDS };
static const char *const KIND_NAMES[KINDS] = {
    "at once", "log callback", "session event", "main thread", "another thread", "node watcher", "void", "stat", "data",
    "strings", "strings_stat", "string", "string_stat", "acl", "multi", "auth"};

static int begin_close(struct closing *c, int kind)
{
    pthread_t thread;
    char path[64];
    switch (kind) {
    case AT_ONCE:
    case MAIN:
        close_now(c);
        return ZOK;
    case THREAD:
        if (pthread_create(&thread, NULL, by_thread, c) != 0 || pthread_detach(thread) != 0)
            die("no thread");
        return ZOK;
    case WATCH:
        snprintf(path, sizeof path, "/lifetimes-%d", (int)getpid());
        zoo_wexists(c->zh, path, by_watch, c, NULL);
        /* Ephemeral, because the handle may be closed before this returns. */
        return zoo_acreate(c->zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, NULL);
    case VOID: return zoo_adelete(c->zh, "/none", -1, by_void, c);
    case STAT: return zoo_aexists(c->zh, "/", 0, by_stat, c);
    case DATA: return zoo_aget(c->zh, "/", 0, by_data, c);
    case STRINGS: return zoo_aget_children(c->zh, "/", 0, by_strings, c);
    case STRINGS_STAT: return zoo_aget_children2(c->zh, "/", 0, by_strings_stat, c);
    case STRING: return zoo_async(c->zh, "/", by_string, c);
    case STRING_STAT: return zoo_acreate2(c->zh, "/zookeeper", "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, by_string_stat, c);
    case ACLS: return zoo_aget_acl(c->zh, "/", by_acl, c);
    case MULTI: return zoo_amulti(c->zh, 1, &check_op, &check_result, by_void, c);
    case AUTH: return zoo_add_auth(c->zh, "digest", "a:b", 3, by_void, c);
    default: return ZOK;
    }
}

static void close_once(int kind)
{
    struct closing c;
    zhandle_t *zh;
    int rc;
    int ms;
    memset(&c, 0, sizeof c);
    sem_init(&c.closed, 0, 0);
    if (kind == LOG) {
        pthread_mutex_lock(&current_lock);
        logging = &c;
        pthread_mutex_unlock(&current_lock);
        zh = zookeeper_init2(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0, by_log);
        pthread_mutex_lock(&current_lock);
        c.zh = zh;
        pthread_mutex_unlock(&current_lock);
    } else if (kind == SESSION) {
        open_at(hosts, by_session, &c);
    } else {
        c.zh = open_at(hosts, on_nothing, NULL);
        if (kind != AT_ONCE)
            await_state(c.zh, ZOO_CONNECTED_STATE);
        submit_pending(&c);
        rc = begin_close(&c, kind);
        if (rc != ZOK)
            die("%s: %d", KIND_NAMES[kind], rc);
    }
    await(&c.closed, KIND_NAMES[kind]);
    /* After a close in a callback of the handle, the other completions are called after that callback. */
    for (ms = 0; __atomic_load_n(&c.pending, __ATOMIC_SEQ_CST) != 0 && ms < PATIENCE_S * 1000; ms++)
        nap(1);
    if (c.pending != 0)
        die("%s: %d callbacks are missing", KIND_NAMES[kind], c.pending);
    if (kind == MAIN || kind == AT_ONCE)
        c.over = 1;
    else
        nap(2); /* the threads of the handle may still be on their way out of this frame */
    sem_destroy(&c.closed);
}

static int only_kind = -1;

static void part_close(void)
{
    int i;
    int descriptors;
    int threads;
    zoo_check_op_init(&check_op, "/", -1);
    close_once(MAIN);
    descriptors = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    for (i = 0; i < count; i++)
        close_once(only_kind >= 0 ? only_kind : i % KINDS);
    check_leftovers(descriptors, threads);
    printf("%d handles closed in %d ways\n", count, only_kind >= 0 ? 1 : KINDS);
}

/* -- 1,000 calls pending at the close */

static unsigned char times[1000];
static void tally(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat;
    __atomic_fetch_add(&times[(size_t)data], 1, __ATOMIC_SEQ_CST);
}

static void part_pending(void)
{
    int round;
    int i;
    for (round = 0; round < count; round++) {
        zhandle_t *zh = connected();
        memset(times, 0, sizeof times);
        for (i = 0; i < COUNT(times); i++)
            if (zoo_aexists(zh, "/", 0, tally, (void *)(size_t)i) != ZOK)
                die("call %d refused", i);
        zookeeper_close(zh);
        for (i = 0; i < COUNT(times); i++)
            if (times[i] != 1)
                die("round %d: callback %d was called %d times", round, i, times[i]);
    }
    printf("%d times %d callbacks, each called once\n", count, COUNT(times));
}

/* -- callbacks that take long, or call the library */

static sem_t posted;
static int inner_rc[6];
static zhandle_t *shared;

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
    shared = connected();
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
    rc[1] = zoo_aexists(zh, "/", 0, tally, NULL);
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
    zhandle_t *zh = connected();
    int64_t id = zoo_client_id(zh)->client_id;
    pthread_t thread;
    int i;
    zoo_check_op_init(&check_op, "/", -1);
    for (i = 0; i < count; i++)
        fork_here(zh, "connected");
    for (i = 0; i < 200; i++)
        zoo_aexists(zh, "/", 0, tally, NULL);
    fork_here(zh, "requests are pending");
    shared = zh;
    sem_init(&posted, 0, 0);
    zoo_aexists(zh, "/", 0, fork_in_callback, NULL);
    await(&posted, "callback");
    if (zoo_exists(zh, "/", 0, &stat) != ZOK || zoo_client_id(zh)->client_id != id)
        die("the parent's session did not survive");
    shared = open_at(hosts, on_nothing, NULL);
    fork_here(shared, "not connected yet");
    await_state(shared, ZOO_CONNECTED_STATE);
    zookeeper_close(shared);
    shared = open_at(silent, on_nothing, NULL);
    await_state(shared, ZOO_ASSOCIATING_STATE);
    fork_here(shared, "associating");
    zookeeper_close(shared);
    shared = open_at(full, on_nothing, NULL);
    await_state(shared, ZOO_CONNECTING_STATE);
    fork_here(shared, "connecting");
    zookeeper_close(shared);
    shared = open_at(refusing, on_nothing, NULL);
    zoo_exists(shared, "/", 0, &stat);
    fork_here(shared, "pausing");
    zookeeper_close(shared);
    shared = open_at(mute, on_nothing, NULL);
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
        zoo_aexists(connected(), "/", 0, function, NULL);
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
    zh = connected();
    check_masks(blocked, caught, ignored);
    pthread_create(&thread, NULL, storm, &self);
    while (interrupted < 1000) {
        rc = zoo_exists(zh, "/", 0, &stat);
        calls++;
        if (rc != ZOK)
            die("a call that was interrupted: %d", rc);
        if (calls % 50 == 0) {
            zookeeper_close(zh);
            zh = connected();
        }
    }
    pthread_join(thread, NULL);
    zookeeper_close(zh);
    check_masks(blocked, caught, ignored);
    printf("a storm of signals; no mask and no handler is the library's\n");
}

/* -- shortages: a system call or allocation of the library fails at the n-th time */

static int fail_after = -1; /* of the calls below, from now on */
static int fail_how_many;
static int failures;

__attribute__((unused)) static int fails(void)
{
    int left;
    if (__atomic_load_n(&fail_after, __ATOMIC_SEQ_CST) < 0)
        return 0;
    left = __atomic_fetch_sub(&fail_after, 1, __ATOMIC_SEQ_CST);
    if (left > 0)
        return 0;
    if (__atomic_fetch_sub(&fail_how_many, 1, __ATOMIC_SEQ_CST) <= 0)
        return 0;
    __atomic_store_n(&fail_after, 0, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&failures, 1, __ATOMIC_SEQ_CST);
    return 1;
}

static void fail(int after, int how_many)
{
    failures = 0;
    fail_how_many = how_many;
    __atomic_store_n(&fail_after, after, __ATOMIC_SEQ_CST);
}

static int short_of_threads;
static int short_of_memory;
/* Memory that is passed to C is recognised by its sizes, which nothing else has. */
#define NAME_SIZE 777
#define NAMES 3

#ifndef __SANITIZE_THREAD__ /* which has its own of these; the parts "threads" and "memory" cannot pass with it */
int pthread_create(pthread_t *thread, const pthread_attr_t *attributes, void *(*start)(void *), void *argument)
{
    int (*real)(pthread_t *, const pthread_attr_t *, void *(*)(void *), void *) = dlsym(RTLD_NEXT, "pthread_create");
    if (short_of_threads && fails())
        return EAGAIN;
    return real(thread, attributes, start, argument);
}

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);

void *malloc(size_t size)
{
    if (short_of_memory && size == NAME_SIZE && fails())
        return errno = ENOMEM, NULL;
    return __libc_malloc(size);
}

void *calloc(size_t n, size_t size)
{
    if (short_of_memory && n == NAMES && (size == sizeof(char *) || size == sizeof(struct ACL)) && fails())
        return errno = ENOMEM, NULL;
    return __libc_calloc(n, size);
}
#endif

static void part_threads(void)
{
    struct Stat stat;
    int descriptors;
    int threads;
    int n;
    zookeeper_close(connected());
    descriptors = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    short_of_threads = 1;
    for (n = 0; n < 3; n++) {
        zhandle_t *zh;
        int error;
        fail(n, 1);
        errno = 0;
        zh = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0);
        error = errno;
        if (zh == NULL && failures == 1) {
            if (error != EAGAIN)
                die("thread %d fails: errno %d", n, error);
            printf("no thread %d: NULL, EAGAIN\n", n);
        } else if (zh == NULL) {
            die("thread %d: NULL without a failure", n);
        } else {
            int rc = zoo_exists(zh, "/", 0, &stat);
            if (rc != ZOK)
                die("thread %d: %d", n, rc);
            zookeeper_close(zh);
            printf("thread %d: not needed\n", n);
        }
        fail_after = -1;
        check_leftovers(descriptors, threads);
    }
}

static void part_descriptors(void)
{
    struct rlimit limits;
    struct Stat stat;
    int descriptors;
    int threads;
    int spare;
    zookeeper_close(connected());
    descriptors = entries("/proc/self/fd");
    threads = entries("/proc/self/task");
    for (spare = 0; spare < 5; spare++) {
        zhandle_t *zh;
        int error;
        int rc;
        int was;
        getrlimit(RLIMIT_NOFILE, &limits);
        was = (int)limits.rlim_cur;
        limits.rlim_cur = (rlim_t)(descriptors - 1 + spare); /* entries() itself had one open */
        setrlimit(RLIMIT_NOFILE, &limits);
        errno = 0;
        zh = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0);
        error = errno;
        rc = zh == NULL ? ZOK : zoo_exists(zh, "/", 0, &stat);
        limits.rlim_cur = (rlim_t)was;
        setrlimit(RLIMIT_NOFILE, &limits);
        if (zh == NULL) {
            if (error != EMFILE)
                die("%d descriptors: errno %d", spare, error);
            printf("%d descriptors: NULL, EMFILE\n", spare);
        } else {
            printf("%d descriptors: a call gets %d", spare, rc);
            if (rc != ZOK && rc != ZCONNECTIONLOSS && rc != ZOPERATIONTIMEOUT)
                die("a code that says nothing");
            await_state(zh, ZOO_CONNECTED_STATE);
            rc = zoo_exists(zh, "/", 0, &stat);
            printf(", then, with more of them, %d\n", rc);
            if (rc != ZOK)
                die("the handle does not recover");
            zookeeper_close(zh);
        }
        check_leftovers(descriptors, threads);
    }
}

static int async_rc;
static void on_names(int rc, const struct String_vector *strings, const void *data)
{
    (void)strings, (void)data;
    async_rc = rc;
    sem_post(&posted);
}
static void on_acls(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    (void)acl, (void)stat, (void)data;
    async_rc = rc;
    sem_post(&posted);
}

/* other_hosts: a server whose every node has NAMES children and ACL entries of NAME_SIZE - 1 bytes. */
static void part_memory(void)
{
    zhandle_t *zh = open_at(other_hosts, on_nothing, NULL);
    int call;
    int n;
    sem_init(&posted, 0, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    short_of_memory = 1;
    for (call = 0; call < 4; call++) {
        for (n = 0; n < 32; n++) {
            struct String_vector strings = {0, NULL};
            struct ACL_vector acl = {0, NULL};
            struct Stat stat;
            int rc = ZOK;
            fail(n, 1);
            if (call == 0)
                rc = zoo_get_children(zh, "/", 0, &strings);
            else if (call == 1)
                rc = zoo_get_acl(zh, "/", &acl, &stat);
            else if (call == 2 ? zoo_aget_children(zh, "/", 0, on_names, NULL) : zoo_aget_acl(zh, "/", on_acls, NULL))
                die("refused");
            if (call >= 2) {
                await(&posted, "completion");
                rc = async_rc;
            }
            fail_after = -1;
            if (failures == 0)
                break;
            if (rc != ZMARSHALLINGERROR && rc != ZSYSTEMERROR)
                die("call %d, allocation %d fails: %d", call, n, rc);
            deallocate_String_vector(&strings);
            deallocate_ACL_vector(&acl);
        }
        if (n < (call % 2 == 0 ? 4 : 7))
            die("call %d: only %d allocations were seen", call, n);
        printf("call %d: %d allocations failed one after the other, each an error code\n", call, n);
    }
    short_of_memory = 0;
    zookeeper_close(zh);
}

int main(int argc, char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } PARTS[] = {{"close", part_close},     {"pending", part_pending}, {"block", part_block},
                 {"fork", part_fork},       {"exit", part_exit},       {"signals", part_signals},
                 {"threads", part_threads}, {"descriptors", part_descriptors}, {"memory", part_memory},
                 {"executed", part_executed}};
    int i;
    if (argc < 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(getenv("LIFETIMES_DEBUG") == NULL ? ZOO_LOG_LEVEL_INFO : ZOO_LOG_LEVEL_DEBUG);
    hosts = argv[2];
    count = atoi(argv[3]);
    other_hosts = argc > 4 ? argv[4] : "";
    if (strcmp(argv[1], "close") == 0 && argc > 4)
        only_kind = atoi(argv[4]);
    for (i = 0; i < COUNT(PARTS); i++)
        if (strcmp(PARTS[i].name, argv[1]) == 0) {
            PARTS[i].run();
            return 0;
        }
    return 2;
}
