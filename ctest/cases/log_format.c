/* needs: nothing
 * log_message called by a program: the form of the line on a stream and in a callback, and the cutting of long lines. */
#include "../case.h"

#include <regex.h>
#include <zookeeper_log.h>

FILE *zoo_get_log_stream(void);

static char got[3][8192];
static int calls;

static void on_log(const char *message)
{
    if (calls < COUNT(got))
        snprintf(got[calls], sizeof got[0], "%s", message);
    calls++;
}

static void shape(const char *what, const char *line)
{
    static const char PATTERN[] = "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}:[0-9]+"
                                  "\\(0x[0-9a-f]+\\):(ZOO_[A-Z]+@[^@]*@-?[0-9]+: .*)$";
    regex_t regex;
    regmatch_t match[2];
    if (regcomp(&regex, PATTERN, REG_EXTENDED) != 0)
        die("regcomp");
    if (regexec(&regex, line, 2, match, 0) != 0)
        fact("%s: not of the shape: %.80s", what, line);
    else
        fact("%s: %.60s", what, line + match[1].rm_so);
    regfree(&regex);
}

static void lengths(const char *line)
{
    int length = (int)strlen(line);
    fact("length %d, ends with newline: %d", length, length > 0 && line[length - 1] == '\n');
}

int main(void)
{
    char *text;
    size_t size;
    char big[6000];
    FILE *stream = open_memstream(&text, &size);
    memset(big, 'x', sizeof big - 1);
    big[sizeof big - 1] = '\0';

    fact("stream at first: %s", zoo_get_log_stream() == stderr ? "stderr" : "other");
    zoo_set_log_stream(stream);
    fact("stream is mine: %d", zoo_get_log_stream() == stream);
    log_message(NULL, ZOO_LOG_LEVEL_INFO, 42, "my_function", "%s %d %5.2f %c %lld", "words", -3, 2.5, 'z', 1LL << 40);
    fact("flushed at once: %d", size > 0);
    text[size - 1] = text[size - 1] == '\n' ? '\0' : '?';
    shape("stream", text);
    rewind(stream);
    log_message(NULL, ZOO_LOG_LEVEL_ERROR, 1, "f", "%s", big);
    lengths(text);
    zoo_set_log_stream(NULL);
    fact("stream after NULL: %s", zoo_get_log_stream() == stderr ? "stderr" : "other");

    log_message(on_log, ZOO_LOG_LEVEL_WARN, 7, "g", "to a callback: %s", "yes");
    log_message(on_log, ZOO_LOG_LEVEL_DEBUG, 7, "g", "%s", big);
    log_message(on_log, ZOO_LOG_LEVEL_INFO, 0, "", "with\nnewline\n");
    fact("calls %d", calls);
    shape("callback", got[0]);
    lengths(got[0]);
    lengths(got[1]);
    fact("the embedded newlines stay: %d", strstr(got[2], "with\nnewline\n") != NULL);
    return 0;
}
