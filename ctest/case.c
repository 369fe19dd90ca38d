/* The process, its settings, the control socket and handles; see case.h. */
#include "case_parts.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <limits.h>
#include <time.h>

/* How long to wait for an expected event; long, because the machine may be busy. CTEST_WAIT_S replaces it where the
 * event is known not to come. */
#define WAIT_S 90

int wait_s(void)
{
    const char *given = getenv("CTEST_WAIT_S");
    return given == NULL ? WAIT_S : atoi(given);
}

static const char *setting(const char *name)
{
    const char *value = getenv(name);
    if (value == NULL)
        die("%s is not set: run this program through run.py", name);
    return value;
}

/* Comparing two libraries is only useful if the right one is loaded. */
__attribute__((constructor)) static void check_library(void)
{
    Dl_info info;
    char loaded[PATH_MAX];
    char wanted[PATH_MAX];
    void *symbol = dlsym(RTLD_DEFAULT, "zookeeper_init");
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (symbol == NULL || dladdr(symbol, &info) == 0 || realpath(info.dli_fname, loaded) == NULL ||
        realpath(setting("CTEST_LIBRARY"), wanted) == NULL || strcmp(loaded, wanted) != 0)
        die("the loaded library is not CTEST_LIBRARY");
}

void die(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("case: ", stderr);
    vfprintf(stderr, format, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    fflush(stdout);
    _exit(1);
}

void fact(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    vprintf(format, arguments);
    putchar('\n');
    va_end(arguments);
}

void outcome(const char *what, int rc)
{
    fact("%s: %s", what, code(rc));
}

const char *hosts(void)
{
    return setting("CTEST_HOSTS");
}

const char *host(int i)
{
    char *text = scratch();
    char *rest;
    char *item;
    snprintf(text, 4096, "%s", hosts());
    for (item = strtok_r(text, ",", &rest); item != NULL && i > 0; i--)
        item = strtok_r(NULL, ",", &rest);
    if (item == NULL)
        die("CTEST_HOSTS has no such host");
    return item;
}

const char *root(void)
{
    return setting("CTEST_ROOT");
}

const char *under(const char *name)
{
    char *text = scratch();
    snprintf(text, 4096, "%s/%s", root(), name);
    return text;
}

void nap(int ms)
{
    struct timespec span = {ms / 1000, (ms % 1000) * 1000000L};
    while (nanosleep(&span, &span) != 0 && errno == EINTR)
        ;
}

static char *command(const char *format, va_list arguments)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    char line[4096];
    char *answer = calloc(1, 1 << 20);
    size_t length = 0;
    int fd = atoi(setting("CTEST_CONTROL"));
    int n = vsnprintf(line, sizeof line - 1, format, arguments);
    line[n++] = '\n';
    pthread_mutex_lock(&lock);
    if (write(fd, line, (size_t)n) != n)
        die("control socket: %s", strerror(errno));
    /* An answer ends with a line that holds only a dot. */
    while (length < 2 || strcmp(answer + length - 2, ".\n") != 0 || (length > 2 && answer[length - 3] != '\n')) {
        ssize_t got = read(fd, answer + length, (1 << 20) - 1 - length);
        if (got <= 0)
            die("control socket closed");
        length += (size_t)got;
    }
    pthread_mutex_unlock(&lock);
    answer[length - 2] = '\0';
    if (length > 2)
        answer[length - 3] = '\0';
    if (strncmp(answer, "error:", 6) == 0)
        die("control: %s", answer);
    return answer;
}

char *control(const char *format, ...)
{
    va_list arguments;
    char *answer;
    va_start(arguments, format);
    answer = command(format, arguments);
    va_end(arguments);
    return answer;
}

void order(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    free(command(format, arguments));
    va_end(arguments);
}

zhandle_t *begin_at(const char *where, const char *chroot, watcher_fn watcher, void *context, int timeout_ms, int flags)
{
    char text[4096];
    zhandle_t *zh;
    snprintf(text, sizeof text, "%s%s", where, chroot);
    zh = zookeeper_init(text, watcher, timeout_ms, NULL, context, flags);
    if (zh == NULL)
        die("zookeeper_init(%s): errno %d", text, errno);
    return zh;
}

zhandle_t *begin(const char *chroot, watcher_fn watcher, void *context, int timeout_ms, int flags)
{
    return begin_at(hosts(), chroot, watcher, context, timeout_ms, flags);
}

#ifdef THREADED
void await_state(zhandle_t *zh, int state)
{
    int ms;
    for (ms = 0; zoo_state(zh) != state; ms += 2) {
        if (ms >= wait_s() * 1000)
            die("state %d after %d s, wanted %d", zoo_state(zh), wait_s(), state);
        nap(2);
    }
}

zhandle_t *open_plain(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    int rc;
    await_state(zh, ZOO_CONNECTED_STATE);
    rc = zoo_create(zh, root(), "", 0, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    if (rc != ZOK && rc != ZNODEEXISTS)
        die("create %s: %d", root(), rc);
    return zh;
}

zhandle_t *open_case(void)
{
    zhandle_t *zh;
    zookeeper_close(open_plain());
    zh = begin(root(), on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}

zhandle_t *open_at(const char *where, watcher_fn watcher, void *context)
{
    zhandle_t *zh = begin_at(where, root(), watcher, context, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    return zh;
}

void make(zhandle_t *zh, const char *path, const char *data)
{
    int rc = zoo_create(zh, path, data, data == NULL ? -1 : (int)strlen(data), &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0);
    if (rc != ZOK)
        die("create %s: %d", path, rc);
}
#endif
