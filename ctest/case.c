/* See case.h. */
#include "case.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <limits.h>
#include <time.h>

/* How long to wait for an expected event; long, because the machine may be busy. CTEST_WAIT_S replaces it where the
 * event is known not to come. */
#define WAIT_S 90

static int wait_s(void)
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

/* A few rotating buffers per thread, so that one line can hold several texts. */
static char *scratch(void)
{
    static __thread char buffers[16][4096];
    static __thread unsigned next;
    return buffers[next++ % 16];
}

#define NAME(c) \
    case c:     \
        return #c
static const char *code_name(int rc)
{
    switch (rc) {
        NAME(ZOK);
        NAME(ZSYSTEMERROR);
        NAME(ZRUNTIMEINCONSISTENCY);
        NAME(ZDATAINCONSISTENCY);
        NAME(ZCONNECTIONLOSS);
        NAME(ZMARSHALLINGERROR);
        NAME(ZUNIMPLEMENTED);
        NAME(ZOPERATIONTIMEOUT);
        NAME(ZBADARGUMENTS);
        NAME(ZINVALIDSTATE);
        NAME(ZNEWCONFIGNOQUORUM);
        NAME(ZRECONFIGINPROGRESS);
        NAME(ZAPIERROR);
        NAME(ZNONODE);
        NAME(ZNOAUTH);
        NAME(ZBADVERSION);
        NAME(ZNOCHILDRENFOREPHEMERALS);
        NAME(ZNODEEXISTS);
        NAME(ZNOTEMPTY);
        NAME(ZSESSIONEXPIRED);
        NAME(ZINVALIDCALLBACK);
        NAME(ZINVALIDACL);
        NAME(ZAUTHFAILED);
        NAME(ZCLOSING);
        NAME(ZNOTHING);
        NAME(ZSESSIONMOVED);
        NAME(ZNOTREADONLY);
        NAME(ZNOWATCHER);
        NAME(ZRECONFIGDISABLED);
    default:
        return "";
    }
}

const char *code(int rc)
{
    char *text = scratch();
    snprintf(text, 4096, "%s(%d)", code_name(rc), rc);
    return text;
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

/* Records. */

static pthread_mutex_t records_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t records_grew = PTHREAD_COND_INITIALIZER;
static char *records[65536];
static int recorded;
static int printed;

void record(const char *format, ...)
{
    va_list arguments;
    char *line;
    va_start(arguments, format);
    if (vasprintf(&line, format, arguments) < 0)
        abort();
    va_end(arguments);
    pthread_mutex_lock(&records_lock);
    if (recorded < COUNT(records))
        records[recorded++] = line;
    pthread_cond_broadcast(&records_grew);
    pthread_mutex_unlock(&records_lock);
}

static void await_records(int n)
{
    struct timespec limit;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += wait_s();
    while (recorded - printed < n) {
        if (pthread_cond_timedwait(&records_grew, &records_lock, &limit) == ETIMEDOUT) {
            int i;
            for (i = printed; i < recorded; i++)
                fact("%s", records[i]);
            die("%d records after %d s, wanted %d", recorded - printed, wait_s(), n);
        }
    }
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void print_records(int n, int sorted)
{
    int i;
    pthread_mutex_lock(&records_lock);
    await_records(n);
    if (sorted)
        qsort(records + printed, (size_t)n, sizeof records[0], by_text);
    for (i = 0; i < n; i++)
        fact("%s", records[printed + i]);
    printed += n;
    pthread_mutex_unlock(&records_lock);
}

void drain(int n)
{
    print_records(n, 0);
}

void drain_sorted(int n)
{
    print_records(n, 1);
}

#ifdef THREADED
static void on_settled(int rc, const struct Stat *stat, const void *data)
{
    (void)stat;
    (void)data;
    record("settled %d", rc);
}

void settle(zhandle_t *zh)
{
    int rc = zoo_aexists(zh, "/", 0, on_settled, NULL);
    int n = 0;
    if (rc != ZOK)
        die("settle: %d", rc);
    pthread_mutex_lock(&records_lock);
    do {
        await_records(++n);
    } while (strncmp(records[printed + n - 1], "settled ", 8) != 0);
    pthread_mutex_unlock(&records_lock);
    if (n == 1)
        fact("  -");
    else
        drain_sorted(n - 1);
    printed++;
}
#endif

int records_left(void)
{
    int n;
    pthread_mutex_lock(&records_lock);
    n = recorded - printed;
    pthread_mutex_unlock(&records_lock);
    return n;
}

void quiet(int ms)
{
    nap(ms);
    pthread_mutex_lock(&records_lock);
    if (printed == recorded)
        fact("nothing more");
    for (; printed < recorded; printed++)
        fact("unexpected %s", records[printed]);
    pthread_mutex_unlock(&records_lock);
}

void forget(void)
{
    pthread_mutex_lock(&records_lock);
    printed = recorded;
    pthread_mutex_unlock(&records_lock);
}

/* Callbacks. */

const char *event_name(int type)
{
    char *text = scratch();
    if (type == ZOO_CREATED_EVENT)
        return "created";
    if (type == ZOO_DELETED_EVENT)
        return "deleted";
    if (type == ZOO_CHANGED_EVENT)
        return "changed";
    if (type == ZOO_CHILD_EVENT)
        return "child";
    if (type == ZOO_SESSION_EVENT)
        return "session";
    if (type == ZOO_NOTWATCHING_EVENT)
        return "notwatching";
    snprintf(text, 4096, "type %d", type);
    return text;
}

const char *state_name(int state)
{
    char *text = scratch();
    if (state == ZOO_EXPIRED_SESSION_STATE)
        return "expired";
    if (state == ZOO_AUTH_FAILED_STATE)
        return "auth-failed";
    if (state == ZOO_CONNECTING_STATE)
        return "connecting";
    if (state == ZOO_ASSOCIATING_STATE)
        return "associating";
    if (state == ZOO_CONNECTED_STATE)
        return "connected";
    if (state == ZOO_READONLY_STATE)
        return "read-only";
    if (state == ZOO_NOTCONNECTED_STATE)
        return "not-connected";
    snprintf(text, 4096, "state %d", state);
    return text;
}

void on_watch(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    record("%s: %s %s %s", context == NULL ? "(no context)" : (const char *)context, event_name(type),
           state_name(state), path == NULL ? "(null)" : path[0] == '\0' ? "\"\"" : path);
}

void on_nothing(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)type, (void)state, (void)path, (void)context;
}

static const char *text_or_null(const char *value)
{
    return value == NULL ? "(null)" : value;
}

void on_void(int rc, const void *data)
{
    record("%s: %s", (const char *)data, code(rc));
}

void on_stat(int rc, const struct Stat *stat, const void *data)
{
    record("%s: %s %s", (const char *)data, code(rc), stat_text(stat));
}

void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    record("%s: %s %s %s", (const char *)data, code(rc), bytes_text(value, length), stat_text(stat));
}

void on_string(int rc, const char *value, const void *data)
{
    record("%s: %s %s", (const char *)data, code(rc), text_or_null(value));
}

void on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data)
{
    record("%s: %s %s %s", (const char *)data, code(rc), text_or_null(value), stat_text(stat));
}

void on_strings(int rc, const struct String_vector *strings, const void *data)
{
    record("%s: %s %s", (const char *)data, code(rc), strings_text(strings));
}

void on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    record("%s: %s %s %s", (const char *)data, code(rc), strings_text(strings), stat_text(stat));
}

void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data)
{
    record("%s: %s %s %s", (const char *)data, code(rc), acl_text(acl), stat_text(stat));
}

/* Texts. */

const char *stat_text(const struct Stat *stat)
{
    char *text = scratch();
    if (stat == NULL)
        return "stat=NULL";
    snprintf(text, 4096, "v%d c%d a%d len=%d children=%d%s%s", stat->version, stat->cversion, stat->aversion,
             stat->dataLength, stat->numChildren, stat->ephemeralOwner == 0 ? "" : " owned",
             stat->czxid == stat->mzxid ? " unmodified" : "");
    return text;
}

const char *strings_text(const struct String_vector *strings)
{
    char *text = scratch();
    char *sorted[1024];
    int i;
    int at = 0;
    if (strings == NULL)
        return "strings=NULL";
    if (strings->count > COUNT(sorted))
        return "too many strings";
    for (i = 0; i < strings->count; i++)
        sorted[i] = strings->data[i];
    if (strings->count > 0)
        qsort(sorted, (size_t)strings->count, sizeof sorted[0], by_text);
    at = snprintf(text, 4096, "%d[", strings->count);
    for (i = 0; i < strings->count && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, "%s%s", i == 0 ? "" : " ", sorted[i]);
    snprintf(text + at, 4096 - (size_t)at, "]");
    return text;
}

const char *acl_text(const struct ACL_vector *acl)
{
    char *text = scratch();
    int i;
    int at;
    if (acl == NULL)
        return "acl=NULL";
    at = snprintf(text, 4096, "%d[", acl->count);
    for (i = 0; i < acl->count && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, "%s%s:%s:%x", i == 0 ? "" : " ", acl->data[i].id.scheme,
                       acl->data[i].id.id, (unsigned)acl->data[i].perms);
    snprintf(text + at, 4096 - (size_t)at, "]");
    return text;
}

const char *bytes_text(const char *bytes, int length)
{
    char *text = scratch();
    int i;
    int at;
    if (bytes == NULL) {
        snprintf(text, 4096, "NULL(%d)", length);
        return text;
    }
    at = snprintf(text, 4096, "%d'", length);
    for (i = 0; i < length && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, bytes[i] >= 0x20 && bytes[i] < 0x7f ? "%c" : "\\x%02x",
                       (unsigned char)bytes[i]);
    snprintf(text + at, 4096 - (size_t)at, "'");
    return text;
}
