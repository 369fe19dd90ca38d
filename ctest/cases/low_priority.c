/* needs: server
 * Two threads share a handle on a CPU that other processes keep busy. One of the two has the policy SCHED_IDLE: the kernel
 * may keep it off the CPU for seconds, even in the middle of a call. The calls of the other thread must succeed meanwhile,
 * and the connection must not be lost: reading from the socket must never depend on the idle thread. */
#include "../case.h"

#include <sched.h>
#include <stdatomic.h>

enum { BUSY = 6, CALLS = 500 };

static zhandle_t *zh;
static atomic_int over, losses;
static atomic_long slow_calls;

static void on_session(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)path, (void)context;
    losses += type == ZOO_SESSION_EVENT && state != ZOO_CONNECTED_STATE;
}

static void *burn(void *nothing)
{
    while (!over)
        ;
    return nothing;
}

static void *call_slowly(void *nothing)
{
    struct sched_param none = {0};
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0)
        die("SCHED_IDLE: %s", strerror(errno));
    while (!over) {
        zoo_exists(zh, "/", 0, NULL);
        slow_calls++;
    }
    return nothing;
}

int main(void)
{
    pthread_t busy[BUSY];
    pthread_t slow;
    cpu_set_t one;
    int i;
    zh = begin("", on_session, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    CPU_ZERO(&one);
    CPU_SET(sched_getcpu(), &one);
    /* Binds this thread and those that it starts from now on; the threads of the handle stay unbound. */
    if (sched_setaffinity(0, sizeof one, &one) != 0)
        die("sched_setaffinity: %s", strerror(errno));
    for (i = 0; i < BUSY; i++)
        pthread_create(&busy[i], NULL, burn, NULL);
    pthread_create(&slow, NULL, call_slowly, NULL);
    for (i = 0; i < CALLS; i++) {
        int rc = zoo_exists(zh, "/", 0, NULL);
        if (rc != ZOK)
            die("call %d beside %ld slow ones: %s", i, (long)slow_calls, code(rc));
        nap(5);
    }
    over = 1;
    for (i = 0; i < BUSY; i++)
        pthread_join(busy[i], NULL);
    pthread_join(slow, NULL);
    fact("%d calls, the connection was lost %d times", CALLS, (int)losses);
    return zookeeper_close(zh);
}
