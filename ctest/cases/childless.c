/* needs: server
 * Empty lists: the children of a node without any, in every form, and the effect of deallocating them. */
#include "../case.h"

static const char *shape(const struct String_vector *strings)
{
    return strings->data == NULL ? "NULL" : "not NULL";
}

static void on_names(int rc, const struct String_vector *strings, const void *data)
{
    record("%s: %s, count %d, data %s", (const char *)data, code(rc), strings == NULL ? -1 : strings->count,
           strings == NULL ? "-" : shape(strings));
}

static void on_names_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data)
{
    (void)stat;
    on_names(rc, strings, data);
}

int main(void)
{
    zhandle_t *zh = open_case();
    struct String_vector strings = {77, NULL};
    struct Stat stat;
    int rc;
    make(zh, "/n", "");
    rc = zoo_get_children(zh, "/n", 0, &strings);
    fact("zoo_get_children: %s, count %d, data %s", code(rc), strings.count, shape(&strings));
    outcome("deallocated", deallocate_String_vector(&strings));
    fact("  count %d, data %s", strings.count, shape(&strings));
    rc = zoo_get_children2(zh, "/n", 0, &strings, &stat);
    fact("zoo_get_children2: %s, count %d, data %s", code(rc), strings.count, shape(&strings));
    deallocate_String_vector(&strings);
    rc = zoo_wget_children(zh, "/n", on_watch, "w", &strings);
    fact("zoo_wget_children: %s, count %d, data %s", code(rc), strings.count, shape(&strings));
    deallocate_String_vector(&strings);
    rc = zoo_wget_children2(zh, "/n", on_watch, "w", &strings, &stat);
    fact("zoo_wget_children2: %s, count %d, data %s", code(rc), strings.count, shape(&strings));
    deallocate_String_vector(&strings);
    outcome("zoo_aget_children", zoo_aget_children(zh, "/n", 0, on_names, "zoo_aget_children"));
    drain(1);
    outcome("zoo_aget_children2", zoo_aget_children2(zh, "/n", 0, on_names_stat, "zoo_aget_children2"));
    drain(1);
    return zookeeper_close(zh);
}
