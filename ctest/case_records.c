/* The records, and the callbacks that make them; see case.h. */
#include "case_parts.h"

#include <stdarg.h>
#include <time.h>

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
