/* needs: server
 * zoo_get_children and zoo_get_children2, sync and async: counts, empty results, errors, many names, NULL results. */
#include "../case.h"

static zhandle_t *zh;

static void both(const char *path)
{
    struct String_vector strings = {-7, NULL};
    struct Stat stat;
    int rc = zoo_get_children(zh, path, 0, &strings);
    fact("children of %s: %s %s", path, code(rc), rc == ZOK ? strings_text(&strings) : "");
    if (rc == ZOK)
        deallocate_String_vector(&strings);
    else
        fact("  untouched: %d", strings.count == -7 && strings.data == NULL);
    strings.count = -7;
    strings.data = NULL;
    memset(&stat, 0xee, sizeof stat);
    rc = zoo_get_children2(zh, path, 0, &strings, &stat);
    fact("children2: %s %s %s", code(rc), rc == ZOK ? strings_text(&strings) : "", rc == ZOK ? stat_text(&stat) : "");
    if (rc == ZOK)
        deallocate_String_vector(&strings);
    else
        fact("  untouched: %d %d", strings.count == -7, stat.version == (int32_t)0xeeeeeeee);
}

int main(void)
{
    char path[64];
    struct String_vector strings;
    struct Stat stat;
    int i;
    zh = open_case();
    make(zh, "/none", "");
    make(zh, "/three", "");
    make(zh, "/three/a", "");
    make(zh, "/three/b", "");
    make(zh, "/three/\xc3\xa9", "");
    make(zh, "/three/a/deep", "");
    make(zh, "/many", "");
    for (i = 0; i < 100; i++) {
        snprintf(path, sizeof path, "/many/name%03d", i);
        make(zh, path, "");
    }
    both("/none");
    both("/three");
    both("/three/a");
    both("/");
    both("/nothing");
    both("/bad/");
    outcome("many", zoo_get_children(zh, "/many", 0, &strings));
    fact("  %d, %s", strings.count, strings_text(&strings));
    deallocate_String_vector(&strings);
    outcome("NULL vector", zoo_get_children(zh, "/three", 0, NULL));
    outcome("NULL vector 2", zoo_get_children2(zh, "/three", 0, NULL, &stat));

    outcome("aget_children", zoo_aget_children(zh, "/three", 0, on_strings, "three"));
    outcome("aget_children empty", zoo_aget_children(zh, "/none", 0, on_strings, "none"));
    outcome("aget_children no node", zoo_aget_children(zh, "/nothing", 0, on_strings, "nothing"));
    outcome("aget_children bad path", zoo_aget_children(zh, "/a//b", 0, on_strings, "bad"));
    outcome("aget_children2", zoo_aget_children2(zh, "/three", 0, on_strings_stat, "three"));
    outcome("aget_children2 empty", zoo_aget_children2(zh, "/none", 0, on_strings_stat, "none"));
    outcome("aget_children2 no node", zoo_aget_children2(zh, "/nothing", 0, on_strings_stat, "nothing"));
    outcome("aget_children2 bad path", zoo_aget_children2(zh, "", 0, on_strings_stat, "bad"));
    drain(6);
    settle(zh);
    return zookeeper_close(zh);
}
