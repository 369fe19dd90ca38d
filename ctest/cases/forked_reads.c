/* needs: server
 * What a forked child reads from the parent's handle without a request: the same as the parent. */
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include "../case.h"

static void facts(zhandle_t *zh, const char *server, int64_t session)
{
    const clientid_t *id = zoo_client_id(zh);
    const char *current = zoo_get_current_server(zh);
    fact("the session's id: %d", id != NULL && id->client_id == session);
    fact("the timeout: %d", zoo_recv_timeout(zh));
    fact("the state: %d", zoo_state(zh));
    fact("the context: %s", zoo_get_context(zh) == zh ? "mine" : "another");
    fact("the server: %d", current != NULL && strcmp(current, server) == 0);
}

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    char server[64];
    int64_t session;
    int status;
    pid_t child;
    await_state(zh, 3);
    zoo_set_context(zh, zh);
    snprintf(server, sizeof server, "%s", zoo_get_current_server(zh));
    session = zoo_client_id(zh)->client_id;
    facts(zh, server, session);
    fflush(stdout);
    /* Nothing is under way, so no thread of the library holds a lock. */
    nap(200);
    child = fork();
    if (child == 0) {
        alarm(20);
        facts(zh, server, session);
        zoo_set_context(zh, server);
        fact("the child's context: %d", zoo_get_context(zh) == server);
        fact("the watcher: %d", zoo_set_watcher(zh, on_watch) == on_nothing);
        fact("the child's watcher: %d", zoo_set_watcher(zh, on_nothing) == on_watch);
        fflush(stdout);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    fact("the child's status: %#x", status);
    facts(zh, server, session);
    return zookeeper_close(zh);
}
