/* Programs call the library while they exit: in atexit handlers, and in destructors of a thread's variables. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>

static int lines;

static void count(const char *line)
{
    (void)line;
    __sync_fetch_and_add(&lines, 1);
}

static void ignore(int rc, const char *value, int value_len, const struct Stat *stat, const void *data)
{
    (void)rc;
    (void)value;
    (void)value_len;
    (void)stat;
    (void)data;
}

/* Makes every kind of call on a handle that never connects, and opens and closes another handle. */
static void use(const char *when, zhandle_t *zh)
{
    char buffer[10];
    int length = sizeof buffer, rc;
    struct Stat stat;
    zhandle_t *another;

    printf("%s: server %s\n", when, zoo_get_current_server(zh) == NULL ? "null" : "known");
    printf("%s: get %d\n", when, zoo_get(zh, "/a", 0, buffer, &length, &stat));
    printf("%s: bad path %d\n", when, zoo_exists(zh, "a/", 0, &stat));
    printf("%s: queued %d\n", when, zoo_aget(zh, "/a", 0, ignore, NULL));
    printf("%s: unrecoverable %d\n", when, is_unrecoverable(zh));
    printf("%s: text %s\n", when, zerror(ZNONODE));
    LOG_ERROR(LOGCALLBACK(zh), "%s", when);
    another = zookeeper_init2("127.0.0.1:1", NULL, 4000, NULL, NULL, 0, count);
    printf("%s: another %s\n", when, another == NULL ? strerror(errno) : "made");
    rc = zookeeper_close(another);
    printf("%s: closed %d\n", when, rc);
    printf("%s: lines %s\n", when, lines > 0 ? "written" : "missing");
}

static zhandle_t *handle;
static pthread_key_t key;

static void at_exit(void)
{
    use("exit", handle);
    printf("exit: closed %d\n", zookeeper_close(handle));
}

static void at_thread_exit(void *zh)
{
    use("thread's end", zh);
}

static void *thread(void *zh)
{
    use("thread", zh);
    pthread_setspecific(key, zh);
    return NULL;
}

int main(void)
{
    pthread_t id;

    atexit(at_exit);
    pthread_key_create(&key, at_thread_exit);
    handle = zookeeper_init2("127.0.0.1:1", NULL, 4000, NULL, NULL, 0, count);
    use("main", handle);
    pthread_create(&id, NULL, thread, handle);
    pthread_join(id, NULL);
    return 0;
}
