/* needs: readonly
 * A transaction on a read-only server: Debian's library aborts the process. */
#include "../case.h"

int main(void)
{
    zhandle_t *zh = begin("", on_nothing, NULL, SESSION_MS, ZOO_READONLY);
    zoo_op_t op;
    zoo_op_result_t result;
    int rc;
    await_state(zh, 5);
    zoo_delete_op_init(&op, "/a", -1);
    rc = zoo_multi(zh, 1, &op, &result);
    if (rc != ZNOTREADONLY)
        die("zoo_multi returned %s", code(rc));
    return zookeeper_close(zh);
}
