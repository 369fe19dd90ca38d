/* Calls on threads with the smallest stacks that suffice for Apache's library: get and close need part of the smallest
 * possible stack, 16 KiB; init and the logging macros need 18 KiB. A stack that is too small causes a SIGSEGV. */
#include <pthread.h>

#include "lifetimes.h"

#include <zookeeper/zookeeper_log.h>

#define TIMEOUT_MS 10000

static const char *hosts;
static zhandle_t *shared;

static void *get(void *unused)
{
    struct Stat stat;
    char value[64];
    int length = sizeof value;
    if (zoo_get(shared, "/", 0, value, &length, &stat) != ZOK)
        die("zoo_get");
    return unused;
}

static void *close_it(void *unused)
{
    if (zookeeper_close(shared) != ZOK)
        die("zookeeper_close");
    return unused;
}

static void *open_it(void *unused)
{
    shared = zookeeper_init(hosts, NULL, TIMEOUT_MS, NULL, NULL, 0);
    if (shared == NULL)
        die("zookeeper_init");
    return unused;
}

static void *log_it(void *unused)
{
    LOG_ERROR(NULL, "a line of %d characters is no reason for a large stack: %1000d", 1000, 7);
    return unused;
}

static void on_thread(void *(*body)(void *), size_t stack)
{
    pthread_attr_t attributes;
    pthread_t thread;
    if (pthread_attr_init(&attributes) != 0 || pthread_attr_setstacksize(&attributes, stack) != 0 ||
        pthread_create(&thread, &attributes, body, NULL) != 0 || pthread_join(thread, NULL) != 0)
        die("a thread with a small stack");
    pthread_attr_destroy(&attributes);
}

int main(int count, char **words)
{
    hosts = count == 2 ? words[1] : "";
    on_thread(open_it, 18 << 10);
    await_state(shared, ZOO_CONNECTED_STATE);
    on_thread(log_it, 18 << 10);
    on_thread(get, 16 << 10);
    on_thread(close_it, 16 << 10);
    return 0;
}
