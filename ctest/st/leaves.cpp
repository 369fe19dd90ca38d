// Callbacks that do not return, on the single-threaded library: leaves HOSTS. They leave by an exception, which the program's
// loop catches, or by longjmp. The handle goes on, no answer and no event is lost, and its close ends the session.
#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <dirent.h>
#include <functional>
#include <poll.h>
#include <stdexcept>
#include <string>
#include <zookeeper/zookeeper.h>

static const char *hosts;
static std::jmp_buf back;
static int answers;
static int events;

[[noreturn]] static void die(const std::string &what)
{
    std::fprintf(stderr, "leaves: %s\n", what.c_str());
    std::exit(1);
}

static long now_ms()
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void turn(zhandle_t *zh)
{
    struct pollfd entry = {-1, 0, 0};
    struct timeval tv = {0, 0};
    int interest = 0;
    int ready = 0;
    int rc = zookeeper_interest(zh, &entry.fd, &interest, &tv);
    long wait = rc == ZOK ? tv.tv_sec * 1000 + tv.tv_usec / 1000 : 0;
    wait = wait < 50 ? wait : 50; // callbacks may have run above
    entry.events = short((interest & ZOOKEEPER_READ ? POLLIN : 0) | (interest & ZOOKEEPER_WRITE ? POLLOUT : 0));
    if (poll(&entry, entry.fd >= 0, int(wait)) > 0)
        ready = (entry.revents & (POLLIN | POLLHUP | POLLERR) ? ZOOKEEPER_READ : 0) |
                (entry.revents & (POLLOUT | POLLERR) ? ZOOKEEPER_WRITE : 0);
    zookeeper_process(zh, ready);
}

static void until(zhandle_t *zh, const char *what, const std::function<bool()> &holds)
{
    for (long end = now_ms() + 60000; !holds();) {
        if (now_ms() > end)
            die(std::string("in vain: ") + what);
        turn(zh);
    }
}

static void on_session(zhandle_t *, int, int, const char *, void *)
{
}

static void on_event(zhandle_t *, int type, int, const char *, void *)
{
    events += type != ZOO_SESSION_EVENT;
}

static void count(int rc, const struct Stat *, const void *wanted)
{
    if (rc != (wanted == nullptr ? ZOK : *static_cast<const int *>(wanted)))
        die("an answer is " + std::to_string(rc));
    answers++;
}

static void any(int, const struct Stat *, const void *)
{
    answers++;
}

static void on_created(int rc, const char *, const void *)
{
    if (rc != ZOK)
        die("create: " + std::to_string(rc));
    answers++;
}

static void throwing(int, const struct Stat *, const void *)
{
    answers++;
    throw std::runtime_error("from a completion");
}

static void throwing_event(zhandle_t *, int type, int, const char *, void *)
{
    if (type == ZOO_SESSION_EVENT)
        return;
    events++;
    throw std::runtime_error("from a watcher");
}

static void jumping(int, const struct Stat *, const void *)
{
    answers++;
    std::longjmp(back, 1);
}

static void closing(int, const struct Stat *, const void *zh)
{
    answers++;
    if (zookeeper_close(static_cast<zhandle_t *>(const_cast<void *>(zh))) != ZOK)
        die("close in a callback");
    throw std::runtime_error("after a close");
}

static zhandle_t *open_handle()
{
    zhandle_t *zh = zookeeper_init(hosts, on_session, 20000, nullptr, nullptr, 0);
    if (zh == nullptr)
        die("no handle");
    until(zh, "a session", [&] { return zoo_state(zh) == ZOO_CONNECTED_STATE; });
    return zh;
}

// How many exceptions leave the loop until `n` more answers have come.
static int caught_until(zhandle_t *zh, int n)
{
    int caught = 0;
    int wanted = answers + n;
    for (long end = now_ms() + 60000; answers < wanted;) {
        if (now_ms() > end)
            die("answers are missing");
        try {
            turn(zh);
        } catch (const std::runtime_error &) {
            caught++;
        }
    }
    return caught;
}

static void jumps(zhandle_t *zh)
{
    static volatile int times;
    times = 0;
    zoo_aexists(zh, "/", 0, jumping, nullptr);
    zoo_aexists(zh, "/", 0, jumping, nullptr);
    zoo_aexists(zh, "/", 0, count, nullptr);
    static volatile int wanted;
    wanted = answers + 3;
    if (setjmp(back) != 0)
        times = times + 1;
    for (long end = now_ms() + 60000; answers < wanted;) {
        if (now_ms() > end)
            die("answers around a longjmp are missing");
        turn(zh);
    }
    if (times != 2)
        die("longjmp: " + std::to_string(times));
}

static int descriptors()
{
    DIR *directory = opendir("/proc/self/fd");
    int n = 0;
    while (readdir(directory) != nullptr)
        n++;
    closedir(directory);
    return n;
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    hosts = argv[1];
    int before = descriptors();
    for (int way = 0; way < 3; way++) {
        const char *path = way == 0 ? "/leaves0" : way == 1 ? "/leaves1" : "/leaves2";
        static const int gone = ZNONODE;
        zhandle_t *zh = open_handle();
        zoo_acreate(zh, path, "", 0, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL, on_created, nullptr);
        zoo_awexists(zh, path, throwing_event, nullptr, count, nullptr);
        zoo_awexists(zh, path, on_event, nullptr, count, nullptr);
        if (caught_until(zh, 3) != 0)
            die("nothing was thrown");
        if (way == 0) {
            for (int i = 0; i < 20; i++) {
                zoo_aexists(zh, "/", 0, throwing, nullptr);
                zoo_aexists(zh, "/", 0, count, nullptr);
            }
            if (caught_until(zh, 40) != 20)
                die("an exception of a completion was lost");
            events = 0;
            zoo_aset(zh, path, "x", 1, -1, count, nullptr);
            if (caught_until(zh, 1) != 1)
                die("an exception of a watcher was lost");
            until(zh, "the event's second watcher", [&] { return events == 2; });
        } else if (way == 1) {
            jumps(zh);
        } else {
            int wanted = answers + 2;
            zoo_aexists(zh, "/", 0, closing, zh);
            zoo_aexists(zh, "/", 0, any, nullptr);
            try {
                for (;;)
                    turn(zh);
            } catch (const std::runtime_error &) {
            }
            if (answers != wanted)
                die("an answer was lost at the close");
            zh = nullptr;
        }
        if (zh != nullptr) {
            zoo_aexists(zh, "/", 0, count, nullptr);
            caught_until(zh, 1);
            if (zookeeper_close(zh) != ZOK)
                die("close");
        }
        // The server has ended the session, not only lost its connection.
        zh = open_handle();
        zoo_aexists(zh, path, 0, count, &gone);
        caught_until(zh, 1);
        zookeeper_close(zh);
        if (descriptors() != before)
            die("descriptors stay");
    }
    std::puts("ok");
    return 0;
}
