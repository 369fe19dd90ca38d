/* needs: nothing
 * The lines that zookeeper_init and zookeeper_close log, in order, through the handle's callback. */
#include "../case.h"

#include <regex.h>

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[64][4096];
static int count;

static void on_log(const char *message)
{
    pthread_mutex_lock(&lock);
    if (count < COUNT(lines))
        snprintf(lines[count++], sizeof lines[0], "%s", message);
    pthread_mutex_unlock(&lock);
}

/* Replaces parts that vary between runs and libraries: time, pid, thread, function and line number, pointers, the
 * version. */
static void normalise(char *line, const char *pattern, const char *with)
{
    regex_t regex;
    regmatch_t match[1];
    char rest[4096];
    if (regcomp(&regex, pattern, REG_EXTENDED) != 0)
        die("regcomp %s", pattern);
    if (regexec(&regex, line, 1, match, 0) == 0) {
        snprintf(rest, sizeof rest, "%s", line + match[0].rm_eo);
        snprintf(line + match[0].rm_so, sizeof lines[0] - (size_t)match[0].rm_so, "%s%s", with, rest);
    }
    regfree(&regex);
}

static void print_init_lines(const char *what, int wanted)
{
    int i;
    nap(50);
    fact("-- %s", what);
    pthread_mutex_lock(&lock);
    for (i = 0; i < count && i < wanted; i++) {
        normalise(lines[i], "^[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2},[0-9]{3}:[0-9]+\\(0x[0-9a-f]+\\):", "STAMP:");
        normalise(lines[i], "@[a-z_0-9]+@[0-9]+: ", "@FUNC@LINE: ");
        normalise(lines[i], "zookeeper C client [0-9.]+( \\(calmkeeper [0-9.]+\\))?", "zookeeper C client VERSION");
        normalise(lines[i], "watcher=0x[0-9a-f]+", "watcher=PTR");
        normalise(lines[i], "context=0x[0-9a-f]+", "context=PTR");
        fact("%s", lines[i]);
    }
    count = 0;
    pthread_mutex_unlock(&lock);
}

int main(void)
{
    clientid_t mine;
    zhandle_t *zh;
    memset(&mine, 0, sizeof mine);
    mine.client_id = 0xabc;
    memcpy(mine.passwd, "secret", 6);

    zh = zookeeper_init2("127.0.0.1:1", on_watch, 10000, NULL, NULL, 0, on_log);
    zookeeper_close(zh);
    print_init_lines("plain", 9);
    zh = zookeeper_init2("127.0.0.1:1,127.0.0.1:2/chroot", NULL, 5000, &mine, &mine, ZOO_READONLY, on_log);
    zookeeper_close(zh);
    print_init_lines("chroot, id, context, read-only", 9);
    zh = zookeeper_init2("127.0.0.1:1", NULL, 5000, NULL, NULL, ZOO_NO_LOG_CLIENTENV, on_log);
    zookeeper_close(zh);
    print_init_lines("ZOO_NO_LOG_CLIENTENV", 1);
    return 0;
}
