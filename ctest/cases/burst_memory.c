/* needs: script
 * A burst of large requests while the server reads nothing: their memory is freed once they are answered. */
#include "../case.h"

#include <malloc.h>
#include <stdatomic.h>

/* The requests need 300 MB; the spare is for what else changes meanwhile. */
enum { REQUESTS = 600, BYTES = 500 << 10, SPARE_KIB = 16 << 10 };

static atomic_int answered, failed;

static void on_answer(int rc, const struct Stat *stat, const void *data)
{
    (void)stat, (void)data;
    failed += rc != ZOK;
    answered++;
}

static long resident_kib(void)
{
    long size;
    long pages = -1;
    FILE *file = fopen("/proc/self/statm", "r");
    if (file == NULL || fscanf(file, "%ld %ld", &size, &pages) != 2)
        die("statm");
    fclose(file);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

int main(void)
{
    static char value[BYTES];
    zhandle_t *zh;
    long before;
    long grown;
    int i;
    int ms;
    /* Each request in a mapping of its own: what is measured then is what the library keeps, and not what malloc keeps
     * because a small block happens to lie above the freed ones. */
    if (!mallopt(M_MMAP_THRESHOLD, BYTES / 4))
        die("mallopt");
    zh = begin("", on_nothing, NULL, 60000, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    memset(value, 'x', sizeof value);
    if (zoo_set(zh, "/burst", value, BYTES, -1) != ZOK)
        die("set");
    before = resident_kib();
    order("tell hold");
    for (i = 0; i < REQUESTS; i++)
        if (zoo_aset(zh, "/burst", value, BYTES, -1, on_answer, NULL) != ZOK)
            die("aset %d", i);
    fact("queued: %d", resident_kib() - before > REQUESTS / 2 * (BYTES / 1024));
    order("tell release");
    for (ms = 0; answered < REQUESTS && ms < 60000; ms++)
        nap(1);
    fact("answered %d, failed %d", (int)answered, (int)failed);
    for (ms = 0; (grown = resident_kib() - before) > SPARE_KIB && ms < 20000; ms += 50) {
        if (ms % 1000 == 0) /* an idle client, or one that does little */
            zoo_exists(zh, "/", 0, NULL);
        nap(50);
    }
    fprintf(stderr, "%ld KiB more than before the burst\n", grown);
    fact("given back: %d", grown <= SPARE_KIB);
    return zookeeper_close(zh);
}
