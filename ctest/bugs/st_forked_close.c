/* needs: server
 * A forked child that closes the handle it has inherited, or makes a call: the parent's session must continue. */
#include <sys/wait.h>
#include "../loop.h"

static void in_child(zhandle_t *zh, int asks)
{
    int status;
    pid_t child = fork();
    if (child == 0) {
        alarm(20);
        if (asks && zoo_aget_children(zh, "/", 0, on_strings, "child") != ZOK)
            _exit(2);
        _exit(zookeeper_close(zh) == ZOK ? 0 : 3);
    }
    if (waitpid(child, &status, 0) != child || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        die("the child ended with %#x", status);
}

static void ask_parent(zhandle_t *zh, int64_t id)
{
    zoo_aexists(zh, "/zookeeper", 0, on_stat, "parent");
    while (records_left() == 0) {
        struct step step = turn(zh, 1000);
        if (step.rc != ZOK || (step.processed != ZOK && step.processed != ZNOTHING))
            die("the parent's connection is lost: %d, %d", step.rc, step.processed);
    }
    drain(records_left());
    if (zoo_client_id(zh)->client_id != id || zoo_state(zh) != ZOO_CONNECTED_STATE)
        die("the parent's session is gone");
}

int main(void)
{
    int64_t id;
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    id = zoo_client_id(zh)->client_id;
    in_child(zh, 0);
    ask_parent(zh, id);
    in_child(zh, 1);
    ask_parent(zh, id);
    return zookeeper_close(zh);
}
