/* needs: server
 * One handle in many threads, synchronous and asynchronous calls mixed: no result is lost or mixed up. */
#include "../case.h"

#define THREADS 8
#define ROUNDS 100

static zhandle_t *zh;
static char contents[THREADS][9];
static _Atomic int wrong;
static _Atomic int completed;

static void on_check(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)stat;
    if (rc != ZOK || length != 8 || memcmp(value, data, 8) != 0)
        wrong++;
    completed++;
}

static void *work(void *argument)
{
    int number = (int)(intptr_t)argument;
    char path[32];
    char *content = contents[number];
    int i;
    snprintf(path, sizeof path, "/t%d", number);
    snprintf(content, 9, "node %03d", number);
    make(zh, path, content);
    for (i = 0; i < ROUNDS; i++) {
        char data[16];
        int length = sizeof data;
        if (zoo_get(zh, path, 0, data, &length, NULL) != ZOK || length != 8 || memcmp(data, content, 8) != 0)
            wrong++;
        if (zoo_aget(zh, path, 0, on_check, content) != ZOK)
            wrong++;
    }
    return NULL;
}

int main(void)
{
    pthread_t threads[THREADS];
    int i;
    zh = open_case();
    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, work, (void *)(intptr_t)i);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    settle(zh);
    fact("completed %d, wrong %d", completed, wrong);
    return zookeeper_close(zh);
}
