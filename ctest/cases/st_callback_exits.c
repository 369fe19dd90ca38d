/* needs: server
 * A completion of the single-threaded library ends the thread that runs the loop: the program's clean-up handlers and
 * destructors run, as after any pthread_exit, and its lock is free. */
#include "../loop.h"

static pthread_key_t key;
static pthread_mutex_t held = PTHREAD_MUTEX_INITIALIZER;
static int cleaned, destroyed;

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

static void on_exists(int rc, const struct Stat *stat, const void *data)
{
    (void)rc, (void)stat, (void)data;
    pthread_exit((void *)5);
}

static void *run_loop(void *unused)
{
    zhandle_t *zh = begin("", NULL, NULL, SESSION_MS, 0);
    int asked = 0;
    (void)unused;
    pthread_setspecific(key, &key);
    pthread_mutex_lock(&held);
    pthread_cleanup_push(unlock, &held);
    for (;;) {
        struct step step = ask(zh);
        answer(zh, &step, 50);
        if (zoo_state(zh) == ZOO_CONNECTED_STATE && !asked++)
            zoo_aexists(zh, "/", 0, on_exists, NULL);
    }
    pthread_cleanup_pop(0);
    return NULL;
}

int main(void)
{
    pthread_t thread;
    void *value = NULL;
    pthread_key_create(&key, on_destroy);
    if (pthread_create(&thread, NULL, run_loop, NULL) != 0)
        die("no thread");
    pthread_join(thread, &value);
    fact("the thread ended with %ld; %d clean-up handlers and %d destructors ran", (long)value, cleaned, destroyed);
    fact("the lock is %s", pthread_mutex_trylock(&held) == 0 ? "free" : "held for ever");
    return 0;
}
