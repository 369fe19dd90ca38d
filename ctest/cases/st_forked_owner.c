/* needs: server
 * Forks of a program on the single-threaded library: the parent closes and the child continues, and a child that only
 * closes. Neither disturbs the other, and the process that closes frees its descriptors. */
#include "../loop.h"

/* Waiting in vain for the answer to a close takes three seconds. */
enum { SLOW_MS = 2500 };

static void the_parent_closes(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    int go[2];
    pid_t child;
    char byte;
    turn(zh, 0); /* the attempt has begun */
    if (pipe(go) != 0)
        die("no pipe");
    child = fork();
    if (child == 0) {
        long before;
        close(go[1]);
        if (read(go[0], &byte, 1) != 0)
            die("a byte");
        turn_until_state(zh, ZOO_CONNECTED_STATE);
        outcome("get", zoo_aget(zh, "/zookeeper", 0, on_data, "get"));
        turn_until_records(zh, 1);
        drain(1);
        before = now_ms();
        outcome("close", zookeeper_close(zh));
        fact("in vain: %d", now_ms() - before > SLOW_MS);
        fflush(stdout);
        _exit(0);
    }
    zookeeper_close(zh);
    close(go[0]);
    close(go[1]);
    wait_for(child);
}

static void the_child_closes(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    pid_t child;
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    child = fork();
    if (child == 0) {
        int before = entries("/proc/self/fd");
        outcome("close in the child", zookeeper_close(zh));
        fact("given back: %d", entries("/proc/self/fd") < before);
        fflush(stdout);
        _exit(0);
    }
    wait_for(child);
    zookeeper_close(zh);
}

int main(void)
{
    fact("-- the parent closes");
    the_parent_closes();
    fact("-- the child closes");
    the_child_closes();
    return 0;
}
