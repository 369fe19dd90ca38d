/* Lines that the program writes into the library's log; all of them are printed with their lengths. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

#include <errno.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

static void show(const char *from, const char *line)
{
    size_t length = strlen(line);
    /* Prints only the ends of long lines: the place of the cut depends on the length of the process id. */
    if (length > 400)
        printf("%s: %zu bytes, ending %d\n", from, length, line[length - 1]);
    else
        printf("%s: %s|\n", from, line);
}

static void callback(const char *line)
{
    show("callback", line);
}

static void nested(const char *line)
{
    show("nested", line);
    log_message(callback, ZOO_LOG_LEVEL_WARN, 5, "inner", "%s", "within a callback");
    show("nested after", line);
}

static void *in_a_thread(void *stream)
{
    (void)stream;
    log_message(callback, ZOO_LOG_LEVEL_INFO, 6, "thread", "%s", "elsewhere");
    return NULL;
}

int main(void)
{
    FILE *stream = tmpfile();
    char *big = malloc(10001), line[8192];
    int length;
    pthread_t thread;

    printf("stderr at first: %d\n", zoo_get_log_stream() == stderr);
    zoo_set_log_stream(stream);
    printf("as set: %d\n", zoo_get_log_stream() == stream);

    LOG_ERROR(LOGSTREAM, "%s %d %c %5.2f %lld %p", "text", -5, 'x', 3.14159, 1LL << 40, (void *)0);
    LOG_WARN(LOGSTREAM, "percent %% and newline\n");
    LOG_INFO(LOGSTREAM, "info");
    LOG_DEBUG(LOGSTREAM, "debug is off");
    log_message(LOGSTREAM, 0, 0, "zero", "level 0");
    log_message(LOGSTREAM, ZOO_LOG_LEVEL_DEBUG, -1, "debug", "whatever the level");
    log_message(callback, ZOO_LOG_LEVEL_ERROR, 2147483647, "", "%s", "");
    log_message(nested, ZOO_LOG_LEVEL_INFO, 4, "outer", "%s", "calls again");
    log_message(callback, ZOO_LOG_LEVEL_INFO, 7, "bytes", "\xff\xfe \xc3\xa4 \t");
    log_message(callback, ZOO_LOG_LEVEL_INFO, 8, "many", "%d %d %d %d %d %d %d %d %d %f %f %f", 1, 2, 3, 4, 5, 6, 7, 8, 9, 1.0, 2.0,
                3.0);
    errno = ENOENT;
    log_message(callback, ZOO_LOG_LEVEL_INFO, 9, "errno", "%m");
    errno = 33;
    log_message(LOGSTREAM, ZOO_LOG_LEVEL_INFO, 10, "errno", "is kept");
    printf("errno %d\n", errno);

    memset(big, 'z', 10000);
    for (length = 3900; length <= 10000; length += length < 4200 ? 1 : 1000) {
        big[length] = '\0';
        log_message(callback, ZOO_LOG_LEVEL_INFO, 1, "long", "%s", big);
        log_message(LOGSTREAM, ZOO_LOG_LEVEL_INFO, 1, "long", "%s", big);
        big[length] = 'z';
    }
    big[10000] = '\0';
    log_message(callback, ZOO_LOG_LEVEL_INFO, 1, big, "a function's name may be long too");

    pthread_create(&thread, NULL, in_a_thread, stream);
    pthread_join(thread, NULL);

    rewind(stream);
    while (fgets(line, sizeof line, stream) != NULL)
        show("stream", line);
    zoo_set_log_stream(NULL);
    printf("stderr again: %d\n", zoo_get_log_stream() == stderr);
    LOG_ERROR(LOGSTREAM, "to stderr");
    free(big);
    fclose(stream);
    return 0;
}
