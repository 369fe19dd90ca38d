/* needs: server
 * A thousand asynchronous calls of all kinds: the completions come in the order of the calls. */
#include "../case.h"

static _Atomic int next;
static _Atomic int disorder;

static void seen(const void *data)
{
    if ((int)(intptr_t)data != next)
        disorder++;
    next++;
}

static void on_any_stat(int rc, const struct Stat *stat, const void *data) { (void)rc, (void)stat; seen(data); }
static void on_any_void(int rc, const void *data) { (void)rc; seen(data); }
static void on_any_string(int rc, const char *value, const void *data) { (void)rc, (void)value; seen(data); }
static void on_any_strings(int rc, const struct String_vector *s, const void *data) { (void)rc, (void)s; seen(data); }
static void on_any_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)rc, (void)value, (void)length, (void)stat;
    seen(data);
}

int main(void)
{
    zhandle_t *zh = open_case();
    int i;
    int rc = ZOK;
    make(zh, "/n", "");
    for (i = 0; i < 1000; i++) {
        const void *data = (const void *)(intptr_t)i;
        switch (i % 6) {
        case 0:
            rc |= zoo_aset(zh, "/n", "x", 1, -1, on_any_stat, data);
            break;
        case 1:
            rc |= zoo_aget(zh, "/n", 0, on_any_data, data);
            break;
        case 2:
            rc |= zoo_adelete(zh, "/none", -1, on_any_void, data);
            break;
        case 3:
            rc |= zoo_async(zh, "/n", on_any_string, data);
            break;
        case 4:
            rc |= zoo_aget_children(zh, "/", 0, on_any_strings, data);
            break;
        case 5:
            rc |= zoo_aexists(zh, "/n", 0, on_any_stat, data);
            break;
        }
    }
    outcome("submitted", rc);
    settle(zh);
    fact("completed %d, out of order %d", next, disorder);
    return zookeeper_close(zh);
}
