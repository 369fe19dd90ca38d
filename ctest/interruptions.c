/* Threads that are interrupted or cancelled at random moments while they are in the library. A watchdog ends what hangs.
 * Parts: cancel, handlers, handler-allocate, handler-close. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "parts.h"

#define TIMEOUT_MS 30000

static atomic_long progress; /* grows with each step that has ended */
static const char *volatile step = "starting";

/* Not seeded: the moments are meant to be random, and a failure names its step. */
static unsigned long random_below(unsigned long limit)
{
    static unsigned long state;
    if (state == 0) {
        struct timespec now;
        clock_gettime(CLOCK_MONOTONIC, &now);
        state = (unsigned long)now.tv_nsec | 1;
    }
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % limit;
}

static void *watch_progress(void *nothing)
{
    sigset_t all;
    long seen = -1;
    int idle;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, NULL);
    for (idle = 0; idle < PATIENCE_S * 15; idle++) { /* after those who wait for a child */
        nap_us(100000);
        if (progress != seen) {
            seen = progress;
            idle = 0;
        }
    }
    die("hangs: %s, after %ld steps", step, seen);
    return nothing;
}

static void start_watchdog(void)
{
    pthread_t thread;
    if (pthread_create(&thread, NULL, watch_progress, NULL) != 0 || pthread_detach(thread) != 0)
        die("no watchdog");
}

static void expect_usable(zhandle_t *zh)
{
    struct Stat stat;
    int rc = zoo_exists(zh, "/", 0, &stat);
    if (rc != ZOK)
        die("%s: the handle is not usable afterwards: %d", step, rc);
}

/* -- pthread_cancel of a thread that is in a call */

enum call { GET, EXISTS, CHILDREN, INIT, CALLS };
static const char *const CALL_NAMES[CALLS] = {"zoo_get", "zoo_exists", "zoo_get_children", "zookeeper_init"};

static zhandle_t *shared;
static atomic_int in_calls;

static void give_back(void *strings)
{
    deallocate_String_vector(strings);
}

static void close_own(void *own)
{
    zhandle_t **zh = own;
    zhandle_t *open = *zh;
    *zh = NULL;
    if (open != NULL)
        zookeeper_close(open);
}

static void call_for_ever(enum call call)
{
    for (;; in_calls = 1) {
        struct Stat stat;
        char buffer[64];
        int length = sizeof buffer;
        struct String_vector strings = {0, NULL};
        zhandle_t *own = NULL;
        if (call == GET) {
            zoo_get(shared, "/", 0, buffer, &length, &stat);
        } else if (call == EXISTS) {
            zoo_exists(shared, "/", 0, &stat);
        } else if (call == CHILDREN) {
            pthread_cleanup_push(give_back, &strings);
            zoo_get_children(shared, "/", 0, &strings);
            pthread_cleanup_pop(1);
        } else {
            pthread_cleanup_push(close_own, &own);
            own = zookeeper_init(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, ZOO_NO_LOG_CLIENTENV);
            if (random_below(2) == 0)
                zoo_exists(own, "/", 0, &stat);
            pthread_cleanup_pop(1);
            /* None of these needs to be a cancellation point, but a synchronous call is one. */
            pthread_testcancel();
        }
    }
}

static void *call_until_cancelled(void *call)
{
    call_for_ever(*(enum call *)call);
    return NULL;
}

static void part_cancel(void)
{
    struct holdings before;
    int i;
    zookeeper_close(connected(TIMEOUT_MS));
    before = holdings();
    for (i = 0; i < count; i++) {
        enum call call = (enum call)(i % CALLS);
        pthread_t thread;
        void *result;
        step = CALL_NAMES[call];
        if (i % 100 == 0)
            shared = connected(TIMEOUT_MS);
        in_calls = 0;
        if (pthread_create(&thread, NULL, call_until_cancelled, &call) != 0)
            die("no thread");
        if (random_below(4) != 0) /* otherwise within its first call */
            while (!in_calls)
                nap_us(50);
        nap_us((long)random_below(1000));
        pthread_cancel(thread);
        if (pthread_join(thread, &result) != 0 || result != PTHREAD_CANCELED)
            die("%s: the thread did not end by its cancellation", step);
        expect_usable(shared);
        if (i % 100 == 99 || i == count - 1)
            zookeeper_close(shared);
        progress++;
    }
    check_leftovers(before);
    printf("%d threads cancelled in %d kinds of calls; the handle stays usable\n", count, CALLS);
}

/* -- signal handlers that call the library, whatever they interrupt */

static atomic_int in_handler, handled, over, lost;
static int handler_call;

static void on_stat_ignored(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
}

enum { HANDLER_CALLS = 12 };
static void call_from_handler(int which)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    struct Stat stat;
    char buffer[64];
    int size = sizeof buffer;
    switch (which) {
    case 0: zoo_state(shared); break;
    case 1: zoo_client_id(shared); break;
    case 2: zoo_recv_timeout(shared); break;
    case 3:
        zoo_set_context(shared, &size);
        lost += zoo_get_context(shared) != &size;
        zoo_set_context(shared, NULL);
        break;
    case 4: zoo_get_current_server(shared); break;
    case 5: zookeeper_get_connected_host(shared, (struct sockaddr *)&address, &length); break;
    case 6: is_unrecoverable(shared); break;
    case 7: lost += zoo_set_watcher(shared, on_nothing) != on_nothing; break;
    case 8: zoo_exists(shared, "/", 0, &stat); break;
    case 9: zoo_aexists(shared, "/", 0, on_stat_ignored, NULL); break;
    case 10: zoo_get(shared, "/", 0, buffer, &size, &stat); break;
    default: zoo_set(shared, "/none", "", 0, -1); break;
    }
}

static void on_interrupt(int number)
{
    int saved = errno;
    (void)number;
    in_handler = 1;
    call_from_handler(handler_call);
    in_handler = 0;
    handled++;
    errno = saved;
}

/* One call of those that a thread may be in when the signal comes. */
static void one_of_all_calls(int which)
{
    struct Stat stat;
    struct String_vector strings = {0, NULL};
    char buffer[64];
    int length = sizeof buffer;
    int rc = ZOK;
    zoo_op_t check;
    zoo_op_result_t result;
    zoo_check_op_init(&check, "/", -1);
    switch (which % 10) {
    case 0: rc = zoo_get(shared, "/", 0, buffer, &length, &stat); break;
    case 1: rc = zoo_exists(shared, "/", 0, &stat); break;
    case 2:
        rc = zoo_get_children(shared, "/", 0, &strings);
        deallocate_String_vector(&strings);
        break;
    case 3: rc = zoo_multi(shared, 1, &check, &result); break;
    case 4: rc = zoo_aexists(shared, "/", 0, on_stat_ignored, NULL); break;
    case 5: rc = zoo_wexists(shared, "/interrupted", on_nothing, NULL, &stat); break;
    case 6: zoo_state(shared); break;
    case 7: zoo_get_current_server(shared); break;
    case 8: rc = zoo_set_servers(shared, hosts); break;
    default: rc = zoo_delete(shared, "/none", -1); break;
    }
    if (rc != ZOK && rc != ZNONODE)
        die("%s: the interrupted call %d got %d", step, which % 10, rc);
}

static void *be_interrupted(void *nothing)
{
    unsigned turn;
    for (turn = 0; !over; turn++)
        one_of_all_calls((int)turn);
    return nothing;
}

static void catch(void (*handler)(int))
{
    struct sigaction action;
    memset(&action, 0, sizeof action);
    action.sa_handler = handler; /* without SA_RESTART */
    sigaction(SIGUSR1, &action, NULL);
}

/* Interrupts a thread `count` times, after random pauses below `within_us`; the thread makes calls on `shared`. */
static void interrupt(void *(*make_calls)(void *), void (*handler)(int), unsigned long within_us)
{
    pthread_t victim;
    int i;
    catch(handler);
    shared = connected(TIMEOUT_MS);
    handled = over = 0;
    if (pthread_create(&victim, NULL, make_calls, NULL) != 0)
        die("no thread");
    for (i = 0; i < count; i++) {
        int before = handled;
        handler_call = i % HANDLER_CALLS;
        nap_us((long)random_below(within_us));
        pthread_kill(victim, SIGUSR1);
        while (handled == before)
            nap_us(20);
        progress++;
    }
    over = 1;
    pthread_join(victim, NULL);
    expect_usable(shared);
    zookeeper_close(shared);
}

static void part_handlers(void)
{
    step = "calls in a signal handler";
    interrupt(be_interrupted, on_interrupt, 1000);
    if (lost)
        die("%d changes of the watcher or its context were lost in a handler", lost);
    printf("%d signal handlers called %d functions, whatever they interrupted\n", count, HANDLER_CALLS);
}

/* -- signal handlers that call what allocates, while their thread allocates or frees in the library */

enum { OPERATIONS = 60 }; /* their memory does not fit into malloc's per-thread cache */

static atomic_long refused;

static void on_multi_ignored(int rc, const void *data)
{
    (void)rc, (void)data;
}

static int submit_many(zoo_op_result_t *results)
{
    static zoo_op_t checks[OPERATIONS];
    if (checks[0].type == 0)
        for (int i = 0; i < OPERATIONS; i++)
            zoo_check_op_init(&checks[i], "/", -1);
    return zoo_amulti(shared, OPERATIONS, checks, results, on_multi_ignored, NULL);
}

static void submit_on_interrupt(int number)
{
    static zoo_op_result_t results[OPERATIONS];
    int saved = errno;
    int rc = submit_many(results);
    (void)number;
    if (rc == ZSYSTEMERROR)
        refused++;
    else if (rc != ZOK)
        die("%s: the handler got %d", step, rc);
    handled++;
    errno = saved;
}

static void *submit_always(void *nothing)
{
    static zoo_op_result_t results[OPERATIONS];
    struct Stat stat;
    unsigned turn;
    for (turn = 0; !over; turn++) {
        if (submit_many(results) != ZOK)
            die("%s: refused although nothing was interrupted", step);
        if (turn % 30 == 0) /* not more than the server answers */
            zoo_exists(shared, "/", 0, &stat);
    }
    return nothing;
}

static void part_handler_allocate(void)
{
    step = "calls in a signal handler that allocate";
    interrupt(submit_always, submit_on_interrupt, 200);
    if (refused == 0 || refused == count)
        die("%s: %ld of %d refused", step, (long)refused, count);
    printf("%d signal handlers allocated, whatever they interrupted\n", count);
}

/* -- close in a signal handler, on the thread whose call it interrupts: many programs end in this way */

static void close_and_end(int number)
{
    (void)number;
    _exit(zookeeper_close(shared) == ZOK ? 0 : 3);
}

static void delete_close_and_end(int number)
{
    (void)number;
    zoo_delete(shared, "/none", -1);
    close_and_end(number);
}

static void close_and_return(int number)
{
    int saved = errno;
    (void)number;
    if (zookeeper_close(shared) != ZOK)
        _exit(3);
    in_handler = 1;
    errno = saved;
}

/* The child makes calls in a loop until its signal handler has closed its handle. */
static void be_closed(int way)
{
    struct Stat stat;
    sigset_t own;
    unsigned turn;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    /* The handler is to run on this thread, and not on the completion thread, which has the mask of now. */
    sigemptyset(&own);
    sigaddset(&own, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &own, NULL);
    shared = connected(TIMEOUT_MS);
    catch(way == 0 ? close_and_end : way == 1 ? delete_close_and_end : close_and_return);
    pthread_sigmask(SIG_UNBLOCK, &own, NULL);
    kill(getppid(), SIGUSR2);
    if (way == 2) {
        /* The interrupted call is the last one with this handle; it may return any code, but it must return. */
        int rc = ZOK;
        while (!in_handler && rc == ZOK)
            rc = zoo_exists(shared, "/", 0, &stat);
        _exit(in_handler ? 0 : 4);
    }
    for (turn = 0;; turn++)
        one_of_all_calls((int)turn);
}

static void part_handler_close(void)
{
    static const char *const WAYS[] = {"close in a handler", "delete and close in a handler", "close in a handler that returns"};
    sigset_t ready;
    int i;
    sigemptyset(&ready);
    sigaddset(&ready, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, &ready, NULL);
    for (i = 0; i < count; i++) {
        struct timespec patience = {PATIENCE_S, 0};
        int status;
        int ms;
        pid_t child;
        step = WAYS[i % COUNT(WAYS)];
        child = fork();
        if (child == 0)
            be_closed(i % COUNT(WAYS));
        if (child < 0 || sigtimedwait(&ready, NULL, &patience) != SIGUSR2)
            die("%s: no child", step);
        nap_us((long)random_below(3000));
        kill(child, SIGUSR1);
        for (ms = 0; waitpid(child, &status, WNOHANG) == 0; ms++) {
            if (ms > PATIENCE_S * 1000) {
                kill(child, SIGKILL);
                waitpid(child, &status, 0);
                die("%s: hangs", step);
            }
            nap_us(1000);
        }
        if (status != 0)
            die("%s: the child ended with %#x", step, status);
        progress++;
    }
    printf("%d processes closed in a signal handler, in %d ways\n", count, COUNT(WAYS));
}

int main(int argc, char **argv)
{
    static const struct part PARTS[] = {
        {"cancel", part_cancel}, {"handlers", part_handlers}, {"handler-allocate", part_handler_allocate},
        {"handler-close", part_handler_close}};
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    start_watchdog();
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
