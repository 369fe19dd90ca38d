/* needs: proxy
 * A time limit of requests: the request fails, the connection stays, and the late answer does no harm. Then a session
 * that expires although no server can be reached. Debian's library has neither, so the program looks the call up by
 * name. */
#include "../additions.h"

static int connections(void)
{
    char *accepted = control("accepted");
    int count = atoi(accepted);
    free(accepted);
    return count;
}

int main(void)
{
    int (*set_timeout)(zhandle_t *, int);
    zhandle_t *zh;
    char data[8];
    int length = sizeof data;
    int before;
    set_timeout = (int (*)(zhandle_t *, int))symbol("zoo_set_request_timeout");
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_nothing, NULL);
    make(zh, "/n", "data");
    check("no handle", set_timeout(NULL, 1), ZBADARGUMENTS);
    check("a negative limit", set_timeout(zh, -1), ZBADARGUMENTS);
    check("a limit", set_timeout(zh, 300), ZOK);
    before = connections();
    order("hold");
    check("held up", zoo_get(zh, "/n", 0, data, &length, NULL), ZREQUESTTIMEOUT);
    check("asynchronously", zoo_aexists(zh, "/n", 0, on_stat, "exists"), ZOK);
    drain(1);
    check("credentials", zoo_add_auth(zh, "digest", "u:p", 3, on_void, "auth"), ZOK);
    drain(1);
    check("no limit", set_timeout(zh, 0), ZOK);
    order("release");
    check("the next one", zoo_get(zh, "/n", 0, data, &length, NULL), ZOK);
    if (length != 4 || memcmp(data, "data", 4) != 0)
        die("it got the answer of another");
    /* The credentials whose call timed out count nevertheless. */
    check("created by the user", zoo_create(zh, "/mine", "", 0, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0), ZOK);
    if (connections() != before)
        die("%d connections instead of %d", connections(), before);
    zookeeper_close(zh);

    zh = begin_at(hosts(), root(), on_nothing, NULL, 4000, ZOO_EXPIRE_LOCALLY);
    await_state(zh, ZOO_CONNECTED_STATE);
    order("refuse");
    await_state(zh, ZOO_EXPIRED_SESSION_STATE);
    check("expired", zoo_exists(zh, "/n", 0, NULL), ZINVALIDSTATE);
    return zookeeper_close(zh);
}
