/* logLevel is one variable for the program and the library, whichever of them writes to it. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

#include <string.h>

/* The number of INFO lines that the library writes while it makes a handle that never connects. */
static int info_lines(void)
{
    char line[8192];
    int count = 0;
    FILE *log = tmpfile();
    zhandle_t *zh;

    zoo_set_log_stream(log);
    zh = zookeeper_init("127.0.0.1:1", NULL, 10000, NULL, NULL, 0);
    zookeeper_close(zh);
    zoo_set_log_stream(NULL);
    rewind(log);
    while (fgets(line, sizeof line, log) != NULL)
        count += strstr(line, ":ZOO_INFO@") != NULL;
    fclose(log);
    return count;
}

int main(void)
{
    int level;

    printf("begins at %d\n", (int)logLevel);
    for (level = -6; level < 8; level++) {
        zoo_set_debug_level((ZooLogLevel)level);
        printf("set %d: program sees %d\n", level, (int)logLevel);
    }
    for (level = 0; level < 7; level++) {
        logLevel = (ZooLogLevel)level;
        printf("program writes %d: library's info lines are %s\n", level, info_lines() > 0 ? "on" : "off");
    }
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    printf("function: library's info lines are %s\n", info_lines() > 0 ? "on" : "off");
    return 0;
}
