/* A handle's log callback replaces the stream for that handle only, and may be exchanged while the handle works. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

#include <string.h>
#include <unistd.h>

static volatile int first_lines, second_lines, newlines;
static zhandle_t *handle;

static void first(const char *line)
{
    first_lines++;
    newlines += line[0] == '\0' || line[strlen(line) - 1] == '\n';
}

static void second(const char *line)
{
    (void)line;
    second_lines++;
    /* Makes a call on the handle of the line, which must not be locked. */
    if (handle != NULL)
        (void)zoo_state(handle);
}

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    (void)type;
    (void)state;
    (void)path;
    (void)context;
}

/* The number of bytes in the stream so far. */
static long written(FILE *stream)
{
    fseek(stream, 0, SEEK_END);
    return ftell(stream);
}

static const char *some(long count)
{
    return count > 0 ? "some" : "none";
}

int main(void)
{
    FILE *stream = tmpfile();
    zhandle_t *plain;
    long before;
    int i;

    zoo_set_log_stream(stream);
    printf("null handle: %s\n", zoo_get_log_callback(NULL) == NULL ? "none" : "some");

    handle = zookeeper_init2("127.0.0.1:1", on_event, 4000, NULL, NULL, 0, first);
    printf("set: %s\n", zoo_get_log_callback(handle) == first ? "first" : "other");
    printf("lines of init to the callback: %s, to the stream: %s\n", some(first_lines), some(written(stream)));
    LOG_INFO(LOGCALLBACK(handle), "of the program");

    plain = zookeeper_init("127.0.0.1:1", on_event, 4000, NULL, NULL, 0);
    printf("another handle, callback: %s\n", zoo_get_log_callback(plain) == NULL ? "none" : "some");
    printf("its lines to the stream: %s\n", some(written(stream)));
    zookeeper_close(plain);

    zoo_set_log_callback(handle, second);
    printf("set: %s\n", zoo_get_log_callback(handle) == second ? "second" : "other");
    for (i = 0; i < 500 && second_lines == 0; i++) {
        (void)zoo_exists(handle, "/a", 0, NULL);
        usleep(10000);
    }
    printf("lines to the second: %s\n", some(second_lines));

    zoo_set_log_callback(handle, NULL);
    printf("set: %s\n", zoo_get_log_callback(handle) == NULL ? "none" : "other");
    before = written(stream);
    zookeeper_close(handle);
    printf("lines of close to the stream: %s\n", some(written(stream) - before));
    printf("lines with a newline at the end: %d\n", newlines);
    fclose(stream);
    zoo_set_log_stream(NULL);
    return 0;
}
