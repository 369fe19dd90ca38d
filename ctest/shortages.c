/* A system call or allocation of the library fails at the n-th time. Parts: threads, descriptors, memory. */
#include <dlfcn.h>
#include <pthread.h>
#include <sys/resource.h>

#include "parts.h"

#define TIMEOUT_MS 6000

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

/* A name is looked up on a thread of its own, if there is one. */
static void look_up_without_thread(void)
{
    struct Stat stat;
    char named[64];
    zhandle_t *zh;
    int rc;
    snprintf(named, sizeof named, "localhost:%d", atoi(strchr(hosts, ':') + 1));
    fail(0, 1);
    zh = zookeeper_init(named, on_nothing, TIMEOUT_MS, NULL, NULL, 0);
    if (zh == NULL || failures != 1)
        die("no thread for a lookup: %s, %d failures", zh == NULL ? strerror(errno) : "a handle", failures);
    fail_after = -1;
    rc = zoo_exists(zh, "/", 0, &stat);
    if (rc != ZOK)
        die("no thread for a lookup: %d", rc);
    zookeeper_close(zh);
    printf("no thread for a lookup: a handle\n");
}

static void part_threads(void)
{
    struct Stat stat;
    struct holdings before;
    int n;
    zookeeper_close(connected(TIMEOUT_MS));
    before = holdings();
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
        check_leftovers(before);
    }
    look_up_without_thread();
    check_leftovers(before);
}

static void part_descriptors(void)
{
    struct rlimit limits;
    struct Stat stat;
    struct holdings before;
    int spare;
    zookeeper_close(connected(TIMEOUT_MS));
    before = holdings();
    for (spare = 0; spare < 5; spare++) {
        zhandle_t *zh;
        int error;
        int rc;
        int was;
        getrlimit(RLIMIT_NOFILE, &limits);
        was = (int)limits.rlim_cur;
        limits.rlim_cur = (rlim_t)(before.descriptors - 1 + spare); /* the one that looked was open itself */
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
        check_leftovers(before);
    }
}

static sem_t posted;
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
    zhandle_t *zh = open_at(other_hosts, TIMEOUT_MS, on_nothing, NULL);
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
    static const struct part PARTS[] = {{"threads", part_threads}, {"descriptors", part_descriptors}, {"memory", part_memory}};
    zoo_set_debug_level(getenv("LIFETIMES_DEBUG") == NULL ? ZOO_LOG_LEVEL_INFO : ZOO_LOG_LEVEL_DEBUG);
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
