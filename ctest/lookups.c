/*
 * Names that are slow or unknown, and the threads that look them up. The program has its own getaddrinfo, which
 * replaces the C library's: "name.test" is 127.0.0.1, and takes as long as the program wants; "unknown.test" has no
 * address.
 *
 *   lookups PART HOST:PORT     one part; prints nothing and ends with status 0 if it passes
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <sched.h>
#include <sys/wait.h>

#include "lifetimes.h"

#define TIMEOUT_MS 10000

static double now(void)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + (double)at.tv_nsec / 1e9;
}

/* -- the resolver */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed = PTHREAD_COND_INITIALIZER;
static int lookups; /* begun */
static int shut;    /* whether lookups of name.test wait */

static void set_gate(int value)
{
    pthread_mutex_lock(&gate);
    shut = value;
    pthread_cond_broadcast(&changed);
    pthread_mutex_unlock(&gate);
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (host != NULL && strcmp(host, "unknown.test") == 0)
        return EAI_NONAME;
    if (host == NULL || strcmp(host, "name.test") != 0)
        return real(host, service, hints, result);
    pthread_mutex_lock(&gate);
    lookups++;
    pthread_cond_broadcast(&changed);
    while (shut)
        pthread_cond_wait(&changed, &gate);
    pthread_mutex_unlock(&gate);
    return real("127.0.0.1", service, hints, result);
}

/* Waits until one more lookup has begun. */
static void await_lookup(void)
{
    struct timespec limit;
    int before;
    clock_gettime(CLOCK_REALTIME, &limit);
    limit.tv_sec += 30;
    pthread_mutex_lock(&gate);
    before = lookups;
    while (lookups == before)
        if (pthread_cond_timedwait(&changed, &gate, &limit) != 0)
            die("no name is looked up");
    pthread_mutex_unlock(&gate);
}

/* -- the log */

static int lines, failures;
static int closed; /* the handle is closed, and its callback must not be called */
static zhandle_t *to_close;

static void on_line(const char *line)
{
    __atomic_add_fetch(&lines, 1, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&closed, __ATOMIC_SEQ_CST))
        die("a line after the handle was closed: %s", line);
    if (strstr(line, "ZOO_ERROR@resolve_hosts@") != NULL && strstr(line, ": getaddrinfo: Name or service not known") != NULL) {
        zhandle_t *zh = __atomic_exchange_n(&to_close, NULL, __ATOMIC_SEQ_CST);
        __atomic_add_fetch(&failures, 1, __ATOMIC_SEQ_CST);
        if (zh != NULL)
            zookeeper_close(zh);
    }
}

/* -- the parts */

static zhandle_t *connected(const char *hosts)
{
    zhandle_t *zh = zookeeper_init2(hosts, NULL, TIMEOUT_MS, NULL, NULL, 0, on_line);
    if (zh == NULL)
        die("zookeeper_init2: %s", strerror(errno));
    await_state(zh, ZOO_CONNECTED_STATE);
    if (zoo_set_servers_resolution_delay(zh, 1000) != ZOK)
        die("zoo_set_servers_resolution_delay");
    return zh;
}

/* Whether a process with one thread may have its own user namespace here. */
static int may_unshare(void)
{
    int status;
    pid_t child = fork();
    if (child == 0)
        _exit(unshare(CLONE_NEWUSER) != 0);
    return waitpid(child, &status, 0) == child && status == 0;
}

static void *open_gate_soon(void *unused)
{
    nap(1500);
    set_gate(0);
    return unused;
}

/* A lookup under way when the handle is closed: the close waits for it, and leaves the program with its one thread. */
static void part_close(const char *hosts)
{
    pthread_t opener;
    int allowed = may_unshare();
    zhandle_t *zh = connected(hosts);
    set_gate(1);
    await_lookup();
    if (pthread_create(&opener, NULL, open_gate_soon, NULL) != 0)
        die("pthread_create");
    if (zookeeper_close(zh) != ZOK)
        die("zookeeper_close");
    closed = 1;
    pthread_join(opener, NULL);
    if (threads() != 1)
        die("%d threads are left", threads());
    if (allowed && unshare(CLONE_NEWUSER) != 0)
        die("unshare: %s", strerror(errno));
}

/* A lookup that never ends: the close returns, and the handle's callback is not called when the lookup ends later. */
static void part_endless(const char *hosts)
{
    double before;
    int ms;
    zhandle_t *zh = connected(hosts);
    set_gate(1);
    await_lookup();
    before = now();
    if (zookeeper_close(zh) != ZOK)
        die("zookeeper_close");
    if (now() - before < 5)
        die("the close has waited for %.1f s only", now() - before);
    closed = 1;
    set_gate(0);
    for (ms = 0; threads() != 1; ms++) {
        if (ms > 20000)
            die("the lookup's thread does not end with the lookup");
        nap(1);
    }
}

static void await_failures(int n)
{
    int ms;
    for (ms = 0; __atomic_load_n(&failures, __ATOMIC_SEQ_CST) < n; ms++) {
        if (ms > 20000)
            die("%d lines about unknown names, wanted %d", failures, n);
        nap(1);
    }
}

/* All lines of a handle go to its callback, including those about its names. The caller checks stderr. */
static void part_lines(const char *hosts)
{
    zhandle_t *zh = connected(hosts);
    await_failures(3);
    if (zoo_set_servers_resolution_delay(zh, -2) != ZBADARGUMENTS)
        die("a delay of -2 is taken");
    if (zookeeper_close(zh) != ZOK)
        die("zookeeper_close");
    closed = 1;
}

/* The callback closes the handle when it gets a line about a lookup. */
static void part_callback(const char *hosts)
{
    int ms;
    zhandle_t *zh = connected(hosts);
    await_failures(1);
    __atomic_store_n(&to_close, zh, __ATOMIC_SEQ_CST);
    for (ms = 0; __atomic_load_n(&to_close, __ATOMIC_SEQ_CST) != NULL || threads() != 1; ms++) {
        if (ms > 30000)
            die("%d threads are left, closed: %d", threads(), to_close == NULL);
        nap(1);
    }
}

int main(int count, char **words)
{
    char hosts[256];
    const char *part = count == 3 ? words[1] : "";
    const char *port = count == 3 ? strrchr(words[2], ':') : NULL;
    if (port == NULL)
        die("usage: lookups close|endless|lines|callback HOST:PORT");
    zoo_set_debug_level(ZOO_LOG_LEVEL_INFO);
    snprintf(hosts, sizeof hosts, "name.test%s,unknown.test%s", port, port);
    if (strcmp(part, "close") == 0)
        part_close(hosts);
    else if (strcmp(part, "endless") == 0)
        part_endless(hosts);
    else if (strcmp(part, "lines") == 0)
        part_lines(hosts);
    else if (strcmp(part, "callback") == 0)
        part_callback(hosts);
    else
        die("no part %s", part);
    return 0;
}
