/* needs: server
 * A handle with a log callback: none of its lines goes to the log stream, not even those about name lookups. */
#include "../case.h"

#include <stdatomic.h>

static atomic_int lines;

static void on_log(const char *line)
{
    (void)line;
    lines++;
}

int main(void)
{
    char *text;
    size_t size;
    char mixed[128];
    FILE *stream = open_memstream(&text, &size);
    zhandle_t *zh;
    int ms;
    int some;
    zoo_set_log_stream(stream);
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    snprintf(mixed, sizeof mixed, "%s,no.such.host.invalid:1", hosts());
    zh = zookeeper_init2(mixed, on_nothing, SESSION_MS, NULL, NULL, 0, on_log);
    if (zh == NULL)
        die("zookeeper_init2");
    await_state(zh, ZOO_CONNECTED_STATE);
    outcome("resolution delay", zoo_set_servers_resolution_delay(zh, 50));
    some = lines;
    for (ms = 0; ms < 2000; ms += 10) { /* names are looked up several times, and calls are made */
        zoo_exists(zh, "/", 0, NULL);
        nap(10);
    }
    fact("the callback got lines: %d", lines > some);
    zookeeper_close(zh);
    zoo_set_log_stream(NULL);
    fclose(stream);
    fact("the stream got %zu bytes", size);
    if (size > 0)
        fprintf(stderr, "missed: %.400s\n", text);
    free(text);
    return 0;
}
