/* needs: server
 * Turns of the loop with nothing to do make no system calls. The child takes such turns under a filter that kills it at
 * any system call except exit. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include "../loop.h"

static int allow_exit_only(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_exit_group, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    struct sock_fprog program = {COUNT(code), code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 && prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, 0);
    pid_t child;
    int status;
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    child = fork();
    if (child == 0) {
        int i;
        ask(zh);
        if (!allow_exit_only())
            _exit(2);
        for (i = 0; i < 1000; i++) {
            struct step step = ask(zh);
            if (step.rc != ZOK || step.fd < 0 || zookeeper_process(zh, 0) != ZOK)
                _exit(3);
        }
        _exit(0);
    }
    if (waitpid(child, &status, 0) != child)
        die("waitpid: %s", strerror(errno));
    if (WIFSIGNALED(status))
        die("a turn with nothing to do made a system call");
    if (WEXITSTATUS(status) != 0)
        die("the child ended with %d", WEXITSTATUS(status));
    return zookeeper_close(zh);
}
