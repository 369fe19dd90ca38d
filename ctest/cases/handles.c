/* needs: server
 * Several handles in one process: each has its own session, watchers and contexts. */
#include "../case.h"

int main(void)
{
    static const char *const NAMES[] = {"h0", "h1", "h2", "h3"};
    zhandle_t *zh[4];
    int i;
    int j;
    zookeeper_close(open_case());
    for (i = 0; i < 4; i++) {
        zh[i] = begin(root(), on_watch, (void *)NAMES[i], SESSION_MS, 0);
        drain(1);
    }
    for (i = 0; i < 4; i++)
        for (j = 0; j < i; j++)
            if (zoo_client_id(zh[i])->client_id == zoo_client_id(zh[j])->client_id)
                fact("%d and %d share a session", i, j);
    make(zh[0], "/n", "");
    for (i = 0; i < 4; i++)
        outcome(NAMES[i], zoo_exists(zh[i], "/n", 1, NULL));
    zoo_set(zh[2], "/n", "x", 1, -1);
    drain_sorted(4);
    for (i = 0; i < 4; i++)
        outcome("close", zookeeper_close(zh[i]));
    quiet(100);
    return 0;
}
