/* needs: server
 * A request above the server's jute.maxbuffer: the server closes the connection, the request fails, and the session
 * survives. */
#include "../case.h"

int main(void)
{
    int size = 2 * 1024 * 1024;
    char *data = calloc(1, (size_t)size);
    zhandle_t *zh;
    zookeeper_close(open_case());
    zh = open_at(hosts(), on_watch, "default");
    drain(1);
    make(zh, "/n", "");
    outcome("set", zoo_set(zh, "/n", data, size, -1));
    drain(2);
    outcome("exists", zoo_exists(zh, "/n", 0, NULL));
    outcome("aset", zoo_aset(zh, "/n", data, size, -1, on_stat, "aset"));
    drain(3);
    outcome("exists", zoo_exists(zh, "/n", 0, NULL));
    free(data);
    return zookeeper_close(zh);
}
