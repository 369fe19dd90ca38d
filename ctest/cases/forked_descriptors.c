/* needs: server
 * Forked children that close every descriptor they have inherited and open their own: in a fork handler that runs before
 * the library's, or after a fork that runs no handler, before the child's first call. The child keeps all that it has
 * opened, of every kind, and the parent its session. */
#include "../afresh.h"

#include <sys/syscall.h>
#include <sys/wait.h>

static int kind, in_handler;

static void handler(void)
{
    if (in_handler)
        start_afresh(kind);
}

static void in_child(zhandle_t *parents)
{
    int status;
    pid_t child = in_handler ? fork() : (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
    if (child < 0)
        die("no child");
    if (child == 0) {
        if (!in_handler)
            start_afresh(kind);
        if (spoilt())
            _exit(spoilt());
        /* A call that takes no lock on either library: the child has them as the parent's threads had them. */
        zoo_aexists(parents, NULL, 0, on_stat, "never");
        _exit(spoilt());
    }
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    fact("kind %d, %s: the child's status: %#x", kind, in_handler ? "in a handler" : "without handlers", status);
    outcome("exists in the parent", zoo_exists(parents, "/zookeeper", 0, NULL));
}

int main(void)
{
    int64_t before;
    zhandle_t *zh;
    if (pthread_atfork(NULL, NULL, handler) != 0)
        die("pthread_atfork");
    zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    before = zoo_client_id(zh)->client_id;
    for (in_handler = 0; in_handler < 2; in_handler++)
        for (kind = 0; kind < KINDS; kind++)
            in_child(zh);
    fact("the same session: %d", zoo_client_id(zh)->client_id == before);
    return zookeeper_close(zh);
}
