/* Threads of the program that leave a call of the library by another way than its return: they end in it, or jump out of
 * it. What follows must be as after a return. Parts: leave-wait, leave-log, leave-jump, leave-cancelled. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/syscall.h>

#include "parts.h"

#define TIMEOUT_MS 30000
#define MUTE_MS 1200000 /* the server answers no ping either */
#define VALUE ((void *)7)

static zhandle_t *shared, *mute;
static atomic_int thread_id, cleaned, destroyed;
static pthread_key_t key;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;

static void unlock(void *lock)
{
    cleaned++;
    pthread_mutex_unlock(lock);
}

static void on_destroy(void *value)
{
    (void)value;
    destroyed++;
}

static void expect_usable(const char *after)
{
    struct Stat stat;
    int rc = zoo_exists(shared, "/", 0, &stat);
    if (rc != ZOK)
        die("after %s: zoo_exists returned %d", after, rc);
}

/* A cancelled thread must end: nothing may have left cancellation disabled. */
static void end_if_cancelled(void)
{
    int state;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &state);
    if (state != PTHREAD_CANCEL_ENABLE)
        die("cancellation has stayed disabled");
}

static void expect_deliverable(const char *after)
{
    sigset_t mask;
    pthread_sigmask(SIG_BLOCK, NULL, &mask);
    if (sigismember(&mask, SIGTERM))
        die("after %s: SIGTERM is blocked", after);
}

/* Starts a thread that runs `body` with a clean-up handler and thread-local data. */
static pthread_t start(void *(*body)(void *))
{
    pthread_t thread;
    thread_id = 0;
    if (pthread_create(&thread, NULL, body, NULL) != 0)
        die("no thread");
    return thread;
}

/* The thread must have ended with `value`, and everything of the program's that belongs to its end has run. */
static void expect_end(pthread_t thread, void *value, int number)
{
    void *got = NULL;
    pthread_join(thread, &got);
    if (got != value)
        die("thread %d ended with %p, not %p", number, got, value);
    if (cleaned != number + 1 || destroyed != number + 1)
        die("thread %d: %d clean-up handlers and %d destructors ran", number, cleaned, destroyed);
    if (pthread_mutex_lock(&held) != 0 || pthread_mutex_unlock(&held) != 0)
        die("the lock is not free");
}

/* Waits until the thread sleeps in the kernel, which it does nowhere but in a wait of the library. */
static void await_sleep(void)
{
    int seen = 0;
    while (seen < 20) {
        char path[64], line[256];
        FILE *file;
        snprintf(path, sizeof path, "/proc/self/task/%d/stat", thread_id);
        file = thread_id != 0 ? fopen(path, "r") : NULL;
        seen = file != NULL && fgets(line, sizeof line, file) != NULL && strstr(line, ") S ") != NULL ? seen + 1 : 0;
        if (file != NULL)
            fclose(file);
        nap(2);
    }
}

/* -- a signal handler ends its thread, which waits */

static void exit_thread(int signal)
{
    (void)signal;
    pthread_exit(VALUE);
}

static void *wait_for_nothing(void *unused)
{
    struct Stat stat;
    (void)unused;
    pthread_setspecific(key, &key);
    pthread_mutex_lock(&held);
    pthread_cleanup_push(unlock, &held);
    thread_id = (int)syscall(SYS_gettid);
    zoo_exists(mute, "/", 0, &stat);
    pthread_cleanup_pop(0);
    return NULL;
}

static void open_both(void)
{
    pthread_key_create(&key, on_destroy);
    shared = connected(TIMEOUT_MS);
    mute = open_at(other_hosts, MUTE_MS, on_nothing, NULL);
    await_state(mute, ZOO_CONNECTED_STATE);
}

static void part_leave_wait(void)
{
    int i;
    signal(SIGUSR1, exit_thread);
    open_both();
    for (i = 0; i < count; i++) {
        pthread_t thread = start(wait_for_nothing);
        await_sleep();
        pthread_kill(thread, SIGUSR1);
        expect_end(thread, VALUE, i);
        expect_usable("pthread_exit in a handler");
    }
    zookeeper_close(shared);
    printf("%d threads ended in a wait by pthread_exit in a handler\n", count);
}

/* -- a log callback ends its thread */

static atomic_int is_leaving;
static pthread_t leaver;

static void exit_in_log(const char *line)
{
    (void)line;
    if (is_leaving && pthread_equal(leaver, pthread_self()))
        pthread_exit(VALUE);
}

static void *init_and_end(void *unused)
{
    (void)unused;
    pthread_setspecific(key, &key);
    pthread_mutex_lock(&held);
    pthread_cleanup_push(unlock, &held);
    leaver = pthread_self();
    is_leaving = 1;
    zookeeper_init2(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0, exit_in_log);
    pthread_cleanup_pop(0);
    return NULL;
}

static void part_leave_log(void)
{
    int i;
    pthread_key_create(&key, on_destroy);
    shared = connected(TIMEOUT_MS);
    for (i = 0; i < count; i++) {
        expect_end(start(init_and_end), VALUE, i);
        is_leaving = 0;
        expect_usable("pthread_exit in a log callback");
    }
    zookeeper_close(shared);
    printf("%d threads ended in zookeeper_init2 by pthread_exit in a log callback\n", count);
}

/* -- longjmp out of a log callback and out of a wait */

static jmp_buf way_out;
static sigjmp_buf way_out_of_wait;

static void jump_in_log(const char *line)
{
    (void)line;
    if (is_leaving && pthread_equal(leaver, pthread_self())) {
        is_leaving = 0;
        longjmp(way_out, 1);
    }
}

static void jump_in_handler(int signal)
{
    (void)signal;
    siglongjmp(way_out_of_wait, 1);
}

static void *jump_out(void *zh)
{
    struct Stat stat;
    volatile int i, jumps = 0;
    leaver = pthread_self();
    for (i = 0; i < count; i++) {
        /* The second call receives its reply itself, with signals blocked. */
        zoo_exists(zh, "/", 0, &stat);
        if (setjmp(way_out) == 0) {
            is_leaving = 1;
            zoo_exists(zh, "/", 0, &stat);
            is_leaving = 0;
        } else {
            jumps++;
        }
        expect_deliverable("longjmp out of a log callback");
        end_if_cancelled();
    }
    if (jumps == 0)
        die("no log callback was left");
    for (i = 0; i < count; i++) {
        if (sigsetjmp(way_out_of_wait, 1) == 0) {
            thread_id = (int)syscall(SYS_gettid);
            zoo_exists(mute, "/", 0, &stat);
            die("a server that answers nothing has answered");
        }
        thread_id = 0;
        expect_deliverable("siglongjmp out of a wait");
        end_if_cancelled();
        expect_usable("siglongjmp out of a wait");
    }
    return NULL;
}

static void part_leave_jump(void)
{
    pthread_t thread;
    zhandle_t *zh;
    int i;
    signal(SIGUSR1, jump_in_handler);
    open_both();
    zh = zookeeper_init2(hosts, on_nothing, TIMEOUT_MS, NULL, NULL, 0, jump_in_log);
    await_state(zh, ZOO_CONNECTED_STATE);
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    if (pthread_create(&thread, NULL, jump_out, zh) != 0)
        die("no thread");
    for (i = 0; i < count; i++) {
        await_sleep();
        thread_id = 0;
        pthread_kill(thread, SIGUSR1);
    }
    pthread_join(thread, NULL);
    zookeeper_close(zh);
    zookeeper_close(shared);
    printf("%d jumps out of log callbacks, and as many out of waits\n", count);
}

/* -- a thread that may be cancelled at any moment */

static void *wait_and_be_cancelled(void *unused)
{
    int type;
    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &type);
    return wait_for_nothing(unused);
}

static void part_leave_cancelled(void)
{
    int i;
    open_both();
    for (i = 0; i < count; i++) {
        pthread_t thread = start(wait_and_be_cancelled);
        await_sleep();
        pthread_cancel(thread);
        expect_end(thread, PTHREAD_CANCELED, i);
        expect_usable("an asynchronous cancellation");
    }
    zookeeper_close(shared);
    printf("%d threads were cancelled in a wait at once\n", count);
}

int main(int argc, char **argv)
{
    static const struct part PARTS[] = {{"leave-wait", part_leave_wait}, {"leave-log", part_leave_log},
        {"leave-jump", part_leave_jump}, {"leave-cancelled", part_leave_cancelled}};
    return run_part(argc, argv, PARTS, COUNT(PARTS));
}
