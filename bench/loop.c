/*
 * loop HOSTS WINDOW COUNT: reads one node COUNT times, with WINDOW requests in flight, each sent by the completion of
 * another. Built with THREADED it uses the multi-threaded library; without, its own loop on the single-threaded one.
 * Prints the processor time and the time of one request, in microseconds.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static zhandle_t *zh;
static atomic_long sent;
static atomic_long answered;
static long wanted;

static void on_event(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    (void)handle, (void)type, (void)state, (void)path, (void)context;
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)value, (void)length, (void)data;
    if (rc != ZOK || stat == NULL) {
        fprintf(stderr, "get: %d\n", rc);
        _exit(1);
    }
    if (sent++ < wanted && zoo_aget(zh, "/zookeeper", 0, on_data, NULL) != ZOK)
        _exit(1);
    answered++;
}

static void wait_a_little(void)
{
#ifdef THREADED
    usleep(1000);
#else
    struct pollfd entry = {-1, 0, 0};
    struct timeval tv = {0, 0};
    int interest = 0;
    int events = 0;
    if (zookeeper_interest(zh, &entry.fd, &interest, &tv) != ZOK)
        return;
    entry.events = (interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0);
    if (poll(&entry, entry.fd >= 0, (int)(tv.tv_sec * 1000 + tv.tv_usec / 1000)) > 0)
        events = (entry.revents & POLLIN ? ZOOKEEPER_READ : 0) | (entry.revents & POLLOUT ? ZOOKEEPER_WRITE : 0);
    zookeeper_process(zh, events);
#endif
}

static double processor_us(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * 1e6 + usage.ru_utime.tv_usec + usage.ru_stime.tv_usec;
}

static double now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1e6 + now.tv_nsec / 1e3;
}

int main(int count, char **words)
{
    double processor;
    double begun;
    long window;
    if (count != 4)
        return 2;
    window = atol(words[2]);
    wanted = atol(words[3]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    zh = zookeeper_init(words[1], on_event, 30000, NULL, NULL, 0);
    while (zh != NULL && zoo_state(zh) != ZOO_CONNECTED_STATE)
        wait_a_little();
    processor = processor_us();
    begun = now_us();
    sent = window;
    while (window-- > 0)
        if (zoo_aget(zh, "/zookeeper", 0, on_data, NULL) != ZOK)
            return 1;
    while (answered < wanted)
        wait_a_little();
    printf("%.2f %.2f\n", (processor_us() - processor) / wanted, (now_us() - begun) / wanted);
    return zookeeper_close(zh) != ZOK;
}
