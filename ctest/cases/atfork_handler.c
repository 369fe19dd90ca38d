/* needs: server
 * A program's own fork handler, registered before the library's, that runs in the child: it closes the parent's handle, or
 * opens a handle for the child. Neither disturbs the parent. */
#include "../case.h"

#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

static zhandle_t *parents, *childs;
static enum { CLOSE, OPEN } task;

static void in_the_child(void)
{
    alarm(60);
    if (task == CLOSE)
        outcome("close in the handler", zookeeper_close(parents));
    else
        childs = begin("", on_nothing, NULL, 30000, 0);
}

static void fork_for(int what)
{
    int status;
    pid_t child;
    fflush(stdout);
    task = what;
    child = fork();
    if (child < 0)
        die("no child");
    if (child == 0) {
        if (task == OPEN) {
            outcome("exists in the child", zoo_exists(childs, "/zookeeper", 0, NULL));
            outcome("close in the child", zookeeper_close(childs));
        }
        fflush(stdout);
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        die("waitpid");
    fact("the child's status: %#x", status);
    outcome("exists in the parent", zoo_exists(parents, "/zookeeper", 0, NULL));
}

int main(void)
{
    const clientid_t *id;
    int64_t before;
    if (pthread_atfork(NULL, NULL, in_the_child) != 0)
        die("pthread_atfork");
    parents = begin("", on_nothing, NULL, 30000, 0);
    await_state(parents, ZOO_CONNECTED_STATE);
    id = zoo_client_id(parents);
    before = id->client_id;
    fork_for(CLOSE);
#ifndef __SANITIZE_THREAD__ /* which takes the child's first thread for the parent's on the same stack */
    fork_for(OPEN);
#endif
    fact("the same session: %d", zoo_client_id(parents)->client_id == before);
    return zookeeper_close(parents);
}
