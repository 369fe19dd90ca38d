/* needs: server
 * After the last zookeeper_close the process has one thread again, even when a server's name was being looked up:
 * programs may then fork, unshare or drop privileges. */
#include "../case.h"
#include "../proc.h"

#include <netdb.h>
#include <stdatomic.h>

#include <dlfcn.h>

static atomic_int slow, looking;

int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    static int (*next)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    if (next == NULL)
        *(void **)&next = dlsym(RTLD_NEXT, "getaddrinfo");
    if (slow) {
        looking = 1;
        nap(5000);
    }
    return next(node, service, hints, found);
}

int main(void)
{
    char named[64];
    zhandle_t *zh;
    int ms;
    int before = threads(); /* 1, but for what a sanitizer adds */
    snprintf(named, sizeof named, "localhost%s", strrchr(hosts(), ':'));
    zh = begin_at(named, "", on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    fact("more than one thread meanwhile: %d", threads() > before);
    slow = 1;
    zoo_set_servers_resolution_delay(zh, 1);
    for (ms = 0; !looking && ms < 20000; ms++) {
        zoo_exists(zh, "/", 0, NULL);
        nap(1);
    }
    fact("a name is being looked up: %d", (int)looking);
    slow = 0;
    outcome("close", zookeeper_close(zh));
    /* A joined thread leaves the list a moment later, whereas a lookup takes five seconds. */
    for (ms = 0; threads() > before && ms < 1000; ms++)
        nap(1);
    fact("further threads after the close: %d", threads() - before);
    return 0;
}
