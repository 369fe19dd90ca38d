// What happens to a C++ exception that leaves a callback: throws HOSTS. Each kind is tried in a child process; all that
// may be seen is a clean end by std::terminate (SIGABRT), never a hang or a process that goes on half dead.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <sys/wait.h>
#include <unistd.h>

#ifndef THREADED
#define THREADED
#endif
#include <zookeeper/zookeeper.h>

static void on_stat(int, const struct Stat *, const void *)
{
    throw std::runtime_error("from a completion");
}

static void on_event(zhandle_t *, int type, int, const char *, void *context)
{
    if (context != nullptr && type == ZOO_SESSION_EVENT)
        throw std::runtime_error("from a watcher");
}

static void on_log(const char *)
{
    throw std::runtime_error("from a log callback");
}

static int child(int kind, const char *hosts)
{
    alarm(15);
    struct Stat stat;
    static int context;
    if (kind == 2) {
        try {
            zookeeper_init2(hosts, nullptr, 6000, nullptr, nullptr, 0, on_log);
        } catch (const std::runtime_error &) {
            return 3; // it came back through the library
        }
        return 4;
    }
    zhandle_t *zh = zookeeper_init(hosts, on_event, 6000, nullptr, kind == 1 ? &context : nullptr, 0);
    if (zoo_exists(zh, "/", 0, &stat) != ZOK)
        return 5;
    if (kind == 0)
        zoo_aexists(zh, "/", 0, on_stat, nullptr);
    pause();
    return 6;
}

int main(int argc, char **argv)
{
    static const char *const NAMES[] = {"completion", "watcher", "log callback"};
    int wrong = 0;
    if (argc != 2)
        return 2;
    for (int kind = 0; kind < 3; kind++) {
        int status;
        pid_t pid = fork();
        if (pid == 0)
            _exit(child(kind, argv[1]));
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return 2;
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT) {
            std::printf("an exception that leaves a %s: std::terminate\n", NAMES[kind]);
        } else {
            std::fprintf(stderr, "lifetimes: an exception that leaves a %s: status %#x\n", NAMES[kind], status);
            wrong = 1;
        }
    }
    return wrong;
}
