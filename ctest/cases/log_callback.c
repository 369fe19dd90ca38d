/* needs: server
 * The log callback of a handle: which callback gets which handle's lines, and that it can be changed. */
#include "../case.h"

static _Atomic int first;
static _Atomic int second;

static void on_first(const char *message)
{
    (void)message;
    first++;
}

static void on_second(const char *message)
{
    (void)message;
    second++;
}

int main(void)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    zhandle_t *a;
    zhandle_t *b;
    int before;
    zoo_set_log_stream(stream);
    a = zookeeper_init2(hosts(), NULL, SESSION_MS, NULL, NULL, 0, on_first);
    b = zookeeper_init2(hosts(), NULL, SESSION_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV, NULL);
    await_state(a, ZOO_CONNECTED_STATE);
    await_state(b, ZOO_CONNECTED_STATE);
    fact("callbacks: %d %d", zoo_get_log_callback(a) == on_first, zoo_get_log_callback(b) == NULL);
    fact("the first handle's callback was called: %d", first > 0);
    fflush(stream);
    fact("the other handle wrote to the stream: %d", strstr(text, "Initiating client connection") != NULL);
    fact("the stream lacks client environment lines: %d", strstr(text, "Client environment") == NULL);
    zoo_set_log_callback(a, on_second);
    fact("changed: %d", zoo_get_log_callback(a) == on_second);
    before = first;
    zookeeper_close(a);
    fact("the second callback was called: %d, the first again: %d", second > 0, first != before);
    zoo_set_log_callback(b, on_first);
    zoo_set_log_callback(b, NULL);
    fact("taken away: %d", zoo_get_log_callback(b) == NULL);
    zookeeper_close(b);
    fact("NULL handle: %d", zoo_get_log_callback(NULL) == NULL);
    zoo_set_log_stream(NULL);
    return 0;
}
