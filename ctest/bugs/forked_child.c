/* needs: server
 * A forked child has the handle but not its threads: on Debian's library a call that waits does so for ever. */
#include <sys/wait.h>
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    int status;
    pid_t child;
    await_state(zh, 3);
    child = fork();
    if (child == 0) {
        alarm(5);
        if (zoo_exists(zh, "/", 0, NULL) != ZINVALIDSTATE)
            _exit(2);
        if (zoo_aget(zh, "/", 0, on_data, "") != ZINVALIDSTATE)
            _exit(3);
        _exit(zookeeper_close(zh) == ZOK ? 0 : 4);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        die("the child's call hangs");
    if (WEXITSTATUS(status))
        die("the child's call %d has another result", WEXITSTATUS(status));
    if (zoo_exists(zh, "/", 0, NULL) != ZOK || zoo_state(zh) != 3)
        die("the parent's session is gone");
    return zookeeper_close(zh);
}
