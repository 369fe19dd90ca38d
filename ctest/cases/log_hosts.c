/* needs: nothing
 * The log lines about unusable server lists: the function and the words that programs search for. */
#include "../case.h"

static char *text;
static size_t size;
static FILE *stream;

/* Checks that a line of the function begins with these words, and clears the log. */
static void check(const char *what, const char *function, const char *words)
{
    char at[64];
    const char *line;
    int found = 0;
    fflush(stream);
    snprintf(at, sizeof at, "ZOO_ERROR@%s@", function);
    for (line = text; line != NULL && (line = strstr(line, at)) != NULL; line++) {
        const char *begin = strstr(line, ": ");
        found |= begin != NULL && strncmp(begin + 2, words, strlen(words)) == 0;
    }
    fact("%s: %s logs \"%s\": %s", what, function, words, found ? "yes" : "no");
    rewind(stream);
    memset(text, ' ', size);
}

static void init(const char *list, const char *words)
{
    zhandle_t *zh = zookeeper_init(list, on_nothing, SESSION_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
    if (zh != NULL)
        die("\"%s\" makes a handle", list);
    check(list, "resolve_hosts", words);
}

int main(void)
{
    zhandle_t *zh;
    stream = open_memstream(&text, &size);
    zoo_set_log_stream(stream);
    init("127.0.0.1", "no port in 127.0.0.1");
    init("127.0.0.1:", "invalid port in 127.0.0.1");
    init("127.0.0.1:port", "invalid port in 127.0.0.1");
    init("no.such.host.invalid:2181", "getaddrinfo: ");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    zoo_set_servers(zh, "127.0.0.1");
    check("zoo_set_servers", "resolve_hosts", "no port in 127.0.0.1");
    zoo_set_servers(zh, NULL);
    check("zoo_set_servers", "zoo_set_servers", "New server list cannot be empty");
    zoo_set_servers_resolution_delay(zh, -2);
    check("zoo_set_servers_resolution_delay", "zoo_set_servers_resolution_delay", "Resolution delay cannot be -2");
    zoo_set_log_stream(NULL);
    return zookeeper_close(zh);
}
