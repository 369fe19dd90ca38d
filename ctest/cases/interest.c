/* needs: proxy
 * zookeeper_interest and zookeeper_process, which the threaded library exports too: arguments, return codes, and their
 * results for an idle connection, a dead handle and a refused one. */
#include "../case.h"

int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);
int zookeeper_process(zhandle_t *zh, int events);

int main(void)
{
    int fd = -7;
    int interest = -7;
    struct timeval tv = {-7, -7};
    clientid_t id;
    int rc = ZOK;
    int i;
    zhandle_t *zh = open_case();
    outcome("NULL fd", zookeeper_interest(zh, NULL, &interest, &tv));
    outcome("NULL interest", zookeeper_interest(zh, &fd, NULL, &tv));
    outcome("NULL tv", zookeeper_interest(zh, &fd, &interest, NULL));
    outcome("interest", zookeeper_interest(zh, &fd, &interest, &tv));
    fact("fd is one: %d, interest %d, wait within a third of the timeout: %d", fd >= 0, interest,
         tv.tv_sec >= 0 && tv.tv_sec * 1000 + tv.tv_usec / 1000 <= SESSION_MS / 3);
    outcome("process nothing", zookeeper_process(zh, 0));
    /* The library's own thread reads too, so a single ZOK may be a coincidence. */
    for (i = 0; i < 5 && (rc = zookeeper_process(zh, ZOOKEEPER_READ)) == ZOK; i++)
        nap(20);
    outcome("process reading with nothing to read", rc);
    outcome("the session lives", zoo_exists(zh, "/", 0, NULL));
    id = *zoo_client_id(zh);
    zookeeper_close(zh);
    fact("-- expired");
    zh = zookeeper_init(hosts(), on_nothing, SESSION_MS, &id, NULL, 0);
    await_state(zh, ZOO_EXPIRED_SESSION_STATE);
    nap(50);
    outcome("interest", zookeeper_interest(zh, &fd, &interest, &tv));
    outcome("process", zookeeper_process(zh, ZOOKEEPER_READ));
    zookeeper_close(zh);
    return 0;
}
