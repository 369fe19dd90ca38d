/* needs: server
 * A forked child has the handle but not its threads: on Debian's library a synchronous call waits for ever. The child
 * has no descriptor of the handle, and nothing that it does affects the parent's connection. */
#include <sys/wait.h>
#include "../case.h"
#include "../proc.h"

int main(void)
{
    int before = descriptors();
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    int status;
    int i;
    pid_t child;
    await_state(zh, 3);
    child = fork();
    if (child == 0) {
        alarm(5);
        if (zoo_exists(zh, "/", 0, NULL) != ZINVALIDSTATE)
            _exit(2);
        if (zoo_aget(zh, "/", 0, on_data, "") != ZINVALIDSTATE)
            _exit(3);
        if (zookeeper_close(zh) != ZOK)
            _exit(4);
        _exit(descriptors() == before ? 0 : 5);
    }
    waitpid(child, &status, 0);
    if (WIFSIGNALED(status))
        die("the child's call hangs");
    if (WEXITSTATUS(status))
        die("the child's call %d has another result", WEXITSTATUS(status));
    if (zoo_exists(zh, "/", 0, NULL) != ZOK || zoo_state(zh) != 3)
        die("the parent's session is gone");
    /* The I/O thread still gets events of its socket, and can still be woken. */
    for (i = 0; i < 10; i++) {
        zoo_awexists(zh, "/zookeeper", NULL, NULL, on_stat, "first");
        zoo_awexists(zh, "/zookeeper", NULL, NULL, on_stat, "second");
        drain(2);
    }
    return zookeeper_close(zh);
}
