/* Forks while other threads open and close handles, with a statistics file: every child can open and close its own
 * handle, ends by exit(), and counts only that handle. The end of a child does not touch the parent's file.
 *
 *   forked_stats HOST:PORT CHILDREN      ZOO_STATS_DIR is set by the caller */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>

#include "lifetimes.h"

#define TIMEOUT_MS 6000
#define LIMIT_S 120 /* a child that needs longer hangs */
#define KEPT 50

static const char *hosts;
static int stop;

static zhandle_t *begin(void)
{
    return zookeeper_init(hosts, NULL, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
}

static void *churn(void *unused)
{
    while (!__atomic_load_n(&stop, __ATOMIC_SEQ_CST)) {
        zhandle_t *zh = begin();
        if (zh != NULL)
            zookeeper_close(zh);
    }
    return unused;
}

/* The number in the first line with `name` of a process's file; -1 if there is none. */
static double figure(pid_t process, const char *name)
{
    char path[512], line[1024];
    double value = -1;
    FILE *file;
    snprintf(path, sizeof path, "%s/zookeeper-client.forked_stats.%d.prom", getenv("ZOO_STATS_DIR"), (int)process);
    file = fopen(path, "r");
    if (file == NULL)
        return -1;
    while (value < 0 && fgets(line, sizeof line, file) != NULL)
        if (strncmp(line, name, strlen(name)) == 0 && line[strlen(name)] == '{')
            value = strtod(strrchr(line, ' '), NULL);
    fclose(file);
    return value;
}

static void child(void)
{
    int ms;
    zhandle_t *zh;
    alarm(LIMIT_S);
    zh = begin();
    if (zh == NULL)
        die("zookeeper_init in a child: %s", strerror(errno));
    for (ms = 0; figure(getpid(), "zookeeper_client_handles") < 0; ms++) {
        if (ms > 20000)
            die("a child has no file");
        nap(1);
    }
    if (figure(getpid(), "zookeeper_client_handles") != 1)
        die("a child counts %.0f handles", figure(getpid(), "zookeeper_client_handles"));
    if (zookeeper_close(zh) != ZOK)
        die("zookeeper_close in a child");
    /* End with _exit: exit handlers may need locks that another thread of the parent held at the fork. Every third
     * child still calls exit, so that the handler that removes the statistics file is tested as well. */
    if (getpid() % 3 == 0)
        exit(0);
    _exit(0);
}

int main(int count, char **words)
{
    int i, n = count == 3 ? atoi(words[2]) : 0;
    zhandle_t *many[KEPT];
    pthread_t threads[3];
    hosts = count == 3 ? words[1] : "";
    zoo_set_debug_level(0);
    for (i = 0; i < KEPT; i++)
        many[i] = begin();
    for (i = 0; i < 3; i++)
        if (pthread_create(&threads[i], NULL, churn, NULL) != 0)
            die("pthread_create");
    for (i = 0; figure(getpid(), "zookeeper_client_handles") < KEPT; i++) {
        if (i > 20000)
            die("the parent's file counts %.0f handles", figure(getpid(), "zookeeper_client_handles"));
        nap(1);
    }
    for (i = 0; i < n; i++) {
        int status;
        pid_t one = fork();
        if (one == 0)
            child();
        if (waitpid(one, &status, 0) != one)
            die("waitpid: %s", strerror(errno));
        if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
            die("child %d hangs", i);
        if (status != 0)
            die("child %d ends with status %#x", i, status);
        if (one % 3 == 0 && figure(one, "zookeeper_client_handles") >= 0)
            die("the file of child %d is left after its exit", i);
        if (figure(getpid(), "zookeeper_client_handles") < KEPT)
            die("the parent's file is gone after child %d", i);
    }
    __atomic_store_n(&stop, 1, __ATOMIC_SEQ_CST);
    for (i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    for (i = 0; i < KEPT; i++)
        if (many[i] == NULL || zookeeper_close(many[i]) != ZOK)
            die("zookeeper_close");
    if (figure(getpid(), "zookeeper_client_handles") > 0)
        die("handles are left: %.0f", figure(getpid(), "zookeeper_client_handles"));
    return 0;
}
