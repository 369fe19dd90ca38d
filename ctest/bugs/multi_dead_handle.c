/* needs: proxy
 * zoo_multi on a handle whose session has expired returns ZINVALIDSTATE like every other call; Debian's library returns
 * ZMARSHALLINGERROR, or frees memory twice and aborts; without any operation it waits for ever. */
#include "../case.h"

#include <signal.h>

static void on_alarm(int number)
{
    (void)number;
    die("zoo_multi does not return");
}

int main(void)
{
    zhandle_t *zh = open_case();
    clientid_t id = *zoo_client_id(zh);
    zhandle_t *dead;
    zoo_op_t op;
    zoo_op_result_t result;
    int rc;
    zookeeper_close(zh);
    dead = zookeeper_init(hosts(), on_nothing, SESSION_MS, &id, NULL, 0);
    await_state(dead, ZOO_EXPIRED_SESSION_STATE);
    zoo_check_op_init(&op, "/", -1);
    signal(SIGALRM, on_alarm);
    alarm(5);
    rc = zoo_multi(dead, 1, &op, &result);
    if (rc != ZINVALIDSTATE)
        die("zoo_multi returned %d", rc);
    rc = zoo_amulti(dead, 1, &op, &result, on_void, "never");
    if (rc != ZINVALIDSTATE)
        die("zoo_amulti returned %d", rc);
    rc = zoo_multi(dead, 0, NULL, NULL);
    if (rc != ZINVALIDSTATE)
        die("an empty zoo_multi returned %d", rc);
    return zookeeper_close(dead);
}
