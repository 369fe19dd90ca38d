/* needs: nothing
 * zoo_set_debug_level: the value that it leaves in logLevel, and the lines that reach a stream at that level. */
#include "../case.h"

#include <zookeeper_log.h>

static char *text;
static size_t size;

/* The level names of the lines that the stream got. */
static void print_levels(FILE *stream)
{
    char *line;
    char *rest;
    fflush(stream);
    for (line = strtok_r(text, "\n", &rest); line != NULL; line = strtok_r(NULL, "\n", &rest)) {
        char *level = strstr(line, ":ZOO_");
        char *message = strstr(line, ": ");
        if (level == NULL || message == NULL) {
            fact("  odd line %s", line);
            continue;
        }
        fact("  %.*s%s", (int)strcspn(level, "@"), level, message);
    }
}

int main(void)
{
    static const int LEVELS[] = {0, 1, 2, 3, 4, 5, 100, -1, -5};
    int i;
    fact("at start logLevel is %d", logLevel);
    for (i = 0; i < COUNT(LEVELS); i++) {
        FILE *stream = open_memstream(&text, &size);
        zoo_set_log_stream(stream);
        zoo_set_debug_level((ZooLogLevel)LEVELS[i]);
        fact("set %d: logLevel %d", LEVELS[i], logLevel);
        LOG_ERROR(NULL, "an error %d", 1);
        LOG_WARN(NULL, "a warning %s", "two");
        LOG_INFO(NULL, "an information");
        LOG_DEBUG(NULL, "a debug line");
        print_levels(stream);
        zoo_set_log_stream(NULL);
        fclose(stream);
        free(text);
    }
    return 0;
}
