/* A program that writes into the library's log, and redirects the log. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

static void to_syslog(const char *message)
{
    fprintf(stderr, "app: %s\n", message);
}

void say(zhandle_t *zh, int attempts)
{
    LOG_INFO(LOGCALLBACK(zh), "attempt %d of %s", attempts, ZOO_VERSION);
    LOG_WARN(LOGSTREAM, "no arguments");
    LOG_DEBUG(LOGCALLBACK(zh), "%p", (void *)zh);
    if (attempts > 10) {
        LOG_ERROR(LOGCALLBACK(zh), "giving up");
    }
}

int main(void)
{
    FILE *log = fopen("/dev/null", "a");
    zhandle_t *zh;

    zoo_set_log_stream(log);
    if (zoo_get_log_stream() != log)
        return 1;
    logLevel = ZOO_LOG_LEVEL_DEBUG;
    zh = zookeeper_init2("localhost:2181", NULL, 4000, NULL, NULL, 0, to_syslog);
    if (zoo_get_log_callback(zh) != to_syslog)
        return 2;
    zoo_set_log_callback(zh, NULL);
    log_message(to_syslog, ZOO_LOG_LEVEL_INFO, __LINE__, __func__, "%s", "direct");
    say(zh, 11);
    return zookeeper_close(zh);
}
