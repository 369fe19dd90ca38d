/* Signal handlers that interrupt a wait of the library: they may make every call, and may leave the wait by siglongjmp.
 * Parts: wait-init, wait-servers, wait-close, wait-close-end, wait-idle, wait-random.
 *
 * The program has its own getaddrinfo, which replaces the C library's: "name.test" is 127.0.0.1, once the gate is open. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/wait.h>

#include "parts.h"

#define TIMEOUT_MS 30000

static atomic_int gate_is_open;
static atomic_int at_gate; /* who waits there */

static void pass_gate(void)
{
    at_gate++;
    while (!gate_is_open)
        nap_us(500);
    at_gate--;
}

int getaddrinfo(const char *host, const char *service, const struct addrinfo *hints, struct addrinfo **result)
{
    typedef int resolver(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    resolver *real = (resolver *)dlsym(RTLD_NEXT, "getaddrinfo");
    if (host != NULL && strcmp(host, "unknown.test") == 0)
        return EAI_NONAME;
    if (host == NULL || strcmp(host, "name.test") != 0)
        return real(host, service, hints, result);
    pass_gate();
    return real("127.0.0.1", service, hints, result);
}

/* -- the thread that is interrupted, which is the main thread, and the one that interrupts it */

static zhandle_t *shared;       /* open all the time */
static atomic_int served;       /* whether a handler could call */
static atomic_int last;         /* what it got before */
static int leaves;              /* whether the handler leaves by siglongjmp */
static int ends;                /* whether it closes `shared` and ends the process */
static sigjmp_buf before_call;

/* What cannot be done in the middle of the library's work: a reply is waited for, a handle is made. */
static int call_everything(void)
{
    struct Stat stat;
    zhandle_t *other;
    last = zoo_exists(shared, "/", 0, &stat);
    if (last != ZOK)
        return 0;
    if (ends)
        _exit(zookeeper_close(shared) == ZOK ? 0 : 3);
    other = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
    if (other == NULL)
        die("zookeeper_init in the handler: %s", strerror(errno));
    if (zookeeper_close(other) != ZOK)
        die("zookeeper_close in the handler");
    return 1;
}

/* The first signals may find the thread at work, before it waits. */
static void on_signal(int number)
{
    int saved = errno;
    (void)number;
    if (!served && call_everything()) {
        served = 1;
        if (leaves)
            siglongjmp(before_call, 1);
    }
    errno = saved;
}

static pthread_t interrupted;
static zhandle_t *volatile closed; /* the handle that the main thread is about to close, if any */

/* Interrupts the main thread while a lookup or a callback is at the gate, until a handler could call; then opens it. */
static void *interrupt(void *unused)
{
    int ms;
    while (at_gate == 0 || (closed != NULL && zoo_state(closed) == ZOO_CONNECTED_STATE))
        nap_us(200);
    for (ms = 0; !served; ms++) {
        if (ms > PATIENCE_S * 1000)
            die("no handler could call in the wait: the last got %d", last);
        pthread_kill(interrupted, SIGUSR1);
        nap(1);
    }
    gate_is_open = 1;
    return unused;
}

/* Runs `call`, whose wait is interrupted; returns whether it was left. */
static int run_interrupted(void (*call)(void), int leave)
{
    pthread_t interrupter;
    sigset_t all, before;
    volatile int is_left = 0;
    leaves = leave;
    interrupted = pthread_self();
    gate_is_open = served = 0;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&interrupter, NULL, interrupt, NULL) != 0)
        die("no thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (sigsetjmp(before_call, 1) == 0)
        call();
    else
        is_left = 1;
    pthread_join(interrupter, NULL);
    while (at_gate > 0)
        nap_us(200);
    if (is_left != leave)
        die("the call was %s", is_left ? "left" : "not left");
    return is_left;
}

static void expect_usable(const char *when)
{
    struct Stat stat;
    zhandle_t *other;
    int rc = zoo_exists(shared, "/", 0, &stat);
    if (rc != ZOK)
        die("%s: zoo_exists gets %d", when, rc);
    other = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
    if (other == NULL)
        die("%s: zookeeper_init: %s", when, strerror(errno));
    await_state(other, ZOO_CONNECTED_STATE);
    if (zookeeper_close(other) != ZOK)
        die("%s: zookeeper_close", when);
}

static void catch_signal(void)
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_signal;
    sigaction(SIGUSR1, &action, NULL);
}

/* -- the parts */

static char named[64]; /* the first server, by name */

static void name_server(const char *name)
{
    snprintf(named, sizeof named, "%s:%d", name, atoi(strchr(hosts, ':') + 1));
}

static zhandle_t *made;

static void call_init(void)
{
    made = zookeeper_init(named, on_nothing, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
}

static void part_init(void)
{
    struct holdings before;
    int i;
    catch_signal();
    name_server("name.test");
    shared = connected(TIMEOUT_MS);
    before = holdings();
    for (i = 0; i < count; i++) {
        if (run_interrupted(call_init, i % 2)) {
            expect_usable("after zookeeper_init was left");
        } else {
            if (made == NULL)
                die("zookeeper_init: %s", strerror(errno));
            await_state(made, ZOO_CONNECTED_STATE);
            zookeeper_close(made);
        }
        check_leftovers(before);
    }
    name_server("unknown.test");
    errno = 0;
    call_init();
    if (made != NULL || errno != ENOENT || threads() > before.threads)
        die("an unknown name: %s, %d threads", strerror(errno), threads());
    zookeeper_close(shared);
    printf("%d lookups of zookeeper_init interrupted, every second one left\n", count);
}

static int set_rc;

static void call_set_servers(void)
{
    set_rc = zoo_set_servers(shared, named);
}

static void part_servers(void)
{
    struct holdings before;
    int i;
    catch_signal();
    name_server("name.test");
    shared = connected(TIMEOUT_MS);
    before = holdings();
    for (i = 0; i < count; i++) {
        if (run_interrupted(call_set_servers, i % 2))
            expect_usable("after zoo_set_servers was left");
        else if (set_rc != ZOK)
            die("zoo_set_servers: %d", set_rc);
        await_state(shared, ZOO_CONNECTED_STATE);
        check_leftovers(before);
    }
    zookeeper_close(shared);
    printf("%d lookups of zoo_set_servers interrupted, every second one left\n", count);
}

static void on_stat_at_gate(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    pass_gate();
}

/* The close waits for the callback. */
static void call_close(void)
{
    closed = connected(TIMEOUT_MS);
    if (zoo_aexists(closed, "/", 0, on_stat_at_gate, NULL) != ZOK)
        die("zoo_aexists");
    if (zookeeper_close(closed) != ZOK)
        die("zookeeper_close");
}

static void part_close(void)
{
    int i;
    catch_signal();
    shared = connected(TIMEOUT_MS);
    for (i = 0; i < count; i++)
        if (run_interrupted(call_close, i % 2))
            expect_usable("after zookeeper_close was left");
    zookeeper_close(shared);
    printf("%d times zookeeper_close interrupted, every second time left\n", count);
}

static void part_close_end(void)
{
    char path[64];
    struct Stat stat;
    zhandle_t *zh;
    int status, rc;
    pid_t child = fork();
    if (child == 0) {
        catch_signal();
        ends = 1;
        shared = connected(TIMEOUT_MS);
        snprintf(path, sizeof path, "/wait-%d", getpid());
        rc = zoo_create(shared, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, NULL, 0);
        if (rc != ZOK)
            die("zoo_create: %d", rc);
        run_interrupted(call_close, 0);
        die("the handler did not end the process");
    }
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0)
        die("the child ended with %#x", status);
    zh = connected(TIMEOUT_MS);
    snprintf(path, sizeof path, "/wait-%d", child);
    rc = zoo_exists(zh, path, 0, &stat);
    if (rc != ZNONODE)
        die("the session was not closed: its node gets %d", rc);
    zookeeper_close(zh);
    printf("a handler closed another handle in the wait of zookeeper_close, and ended the process\n");
}

static atomic_int completions, submitted;

static void on_stat(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    if (rc != ZOK)
        die("the call of the handler got %d", rc);
    completions++;
}

static void on_idle(int number)
{
    int saved = errno;
    (void)number;
    last = zoo_aexists(shared, "/", 0, on_stat, NULL);
    submitted += last == ZOK;
    errno = saved;
}

/* The program blocks the signal, so the kernel runs the handler on the completion thread, which is idle. */
static void part_idle(void)
{
    sigset_t one;
    int ms;
    signal(SIGUSR1, on_idle);
    shared = connected(TIMEOUT_MS);
    sigemptyset(&one);
    sigaddset(&one, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &one, NULL);
    for (ms = 0; submitted < count; ms += 2) {
        if (ms > PATIENCE_S * 1000)
            die("no handler could call on an idle thread: the last got %d", last);
        kill(getpid(), SIGUSR1);
        nap(2);
    }
    for (ms = 0; completions < submitted; ms++) {
        if (ms > PATIENCE_S * 1000)
            die("%d of %d completions", completions, submitted);
        nap(1);
    }
    zookeeper_close(shared);
    printf("%d calls in a handler on the idle completion thread\n", count);
}

/* -- at any moment of making and closing a handle */

static atomic_int over, may_leave;
static atomic_long refused, left;

static void on_random(int number)
{
    static int turn;
    struct Stat stat;
    int saved = errno;
    int rc = zoo_exists(shared, "/", 0, &stat);
    (void)number;
    if (rc == ZSYSTEMERROR)
        refused++;
    else if (rc != ZOK)
        die("the handler got %d", rc);
    else if (may_leave && turn++ % 4 == 0) {
        may_leave = 0;
        left++;
        siglongjmp(before_call, 1);
    }
    errno = saved;
}

static void *interrupt_often(void *unused)
{
    long us;
    for (us = 0; !over; us = (us + 37) % 700) {
        nap_us(us);
        pthread_kill(interrupted, SIGUSR1);
    }
    return unused;
}

static void part_random(void)
{
    pthread_t interrupter;
    sigset_t all, before;
    volatile int i;
    signal(SIGUSR1, on_random);
    gate_is_open = 1;
    name_server("name.test");
    shared = connected(TIMEOUT_MS);
    interrupted = pthread_self();
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    if (pthread_create(&interrupter, NULL, interrupt_often, NULL) != 0)
        die("no thread");
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    for (i = 0; i < count; i++) {
        if (sigsetjmp(before_call, 1) != 0)
            continue;
        may_leave = 1;
        made = zookeeper_init(named, on_nothing, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
        if (made == NULL)
            die("zookeeper_init: %s", strerror(errno));
        if (zookeeper_close(made) != ZOK)
            die("zookeeper_close");
        may_leave = 0;
    }
    over = 1;
    pthread_join(interrupter, NULL);
    expect_usable("after calls were left at random moments");
    printf("%d handles made and closed under signals, %ld handlers refused, %ld calls left\n", count, (long)refused, (long)left);
}

int main(int argc, char **argv)
{
    static const struct part PARTS[] = {{"wait-init", part_init},
                                        {"wait-servers", part_servers},
                                        {"wait-close", part_close},
                                        {"wait-close-end", part_close_end},
                                        {"wait-idle", part_idle},
                                        {"wait-random", part_random}};
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
