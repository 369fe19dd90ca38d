/* needs: server
 * How much stack the calls need: threads of small programs have 16 KiB, and handlers on an alternate stack less. The
 * stack is filled with a pattern, and the overwritten bytes are counted; the limits are the needs of Debian's library. */
#include "../case.h"

#include <sys/mman.h>

enum { STACK = 256 << 10, PATTERN = 0xa5 };

static zhandle_t *zh;
static const char *numeric;

static void *nothing(void *unused) { return unused; }

static void *get(void *unused)
{
    char buffer[64];
    int length = sizeof buffer;
    struct Stat stat;
    zoo_get(zh, "/", 0, buffer, &length, &stat);
    return unused;
}

static void *set(void *unused)
{
    zoo_set(zh, "/none", "", 0, -1);
    return unused;
}

static void *children(void *unused)
{
    struct String_vector strings = {0, NULL};
    zoo_get_children(zh, "/", 0, &strings);
    deallocate_String_vector(&strings);
    return unused;
}

static void *aget(void *unused)
{
    zoo_aget(zh, "/zookeeper", 0, on_data, "aget"); /* no case changes that node */
    return unused;
}

static void *state(void *unused)
{
    zoo_state(zh);
    zoo_get_current_server(zh);
    return unused;
}

static void *open_one(void *unused)
{
    zh = zookeeper_init(numeric, on_nothing, SESSION_MS, NULL, NULL, 0);
    return unused;
}

static void *close_one(void *unused)
{
    zookeeper_close(zh);
    return unused;
}

/* Bytes of the stack that the thread has touched. */
static long used(void *(*body)(void *))
{
    pthread_attr_t attributes;
    pthread_t thread;
    unsigned char *stack = mmap(NULL, STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    long untouched;
    if (stack == MAP_FAILED)
        die("mmap");
    memset(stack, PATTERN, STACK);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, STACK) != 0 || pthread_create(&thread, &attributes, body, NULL) != 0)
        die("no thread on a stack of its own");
    pthread_join(thread, NULL);
    for (untouched = 0; untouched < STACK && stack[untouched] == PATTERN; untouched++)
        ;
    munmap(stack, STACK);
    return STACK - untouched;
}

static void check(const char *what, void *(*body)(void *), int kib)
{
    long bare = used(nothing); /* the thread itself, its thread-local data included */
    long bytes = used(body) - bare;
    fprintf(stderr, "%s: %ld bytes of stack, the thread itself %ld\n", what, bytes, bare);
    if (bytes <= kib * 1024L)
        fact("%s: at most %d KiB", what, kib);
    else
        fact("%s: %ld bytes, more than %d KiB", what, bytes, kib);
}

int main(void)
{
    int i;
    numeric = hosts();
    for (i = 0; i < 2; i++) { /* the first time symbols are bound too */
        check("zookeeper_init", open_one, 16);
        await_state(zh, ZOO_CONNECTED_STATE);
        check("state functions", state, 6);
        check("zoo_get", get, 6);
        check("zoo_set", set, 6);
        check("zoo_get_children", children, 6);
        check("zoo_aget", aget, 6);
        drain(1);
        check("zookeeper_close", close_one, 14);
    }
    return 0;
}
