// Older C++ programs put the include into an extern "C" block themselves, and include the log header too.
extern "C" {
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>
}

namespace ns {
struct Id { int value; };
int levels[] = {ZOO_LOG_LEVEL_ERROR, ZOO_LOG_LEVEL_WARN, ZOO_LOG_LEVEL_INFO, ZOO_LOG_LEVEL_DEBUG};
ZooLogLevel level = ZOO_LOG_LEVEL_DEBUG;
ZooWatcherType types[] = {ZWATCHTYPE_CHILD, ZWATCHTYPE_DATA, ZWATCHTYPE_ANY};

int multi(zhandle_t *zh)
{
    zoo_op op;
    zoo_op_result result;
    zoo_delete_op_init(&op, "/a", -1);
    LOG_DEBUG(LOGCALLBACK(zh), "%d", op.type);
    return zoo_multi(zh, 1, &op, &result) == ZOK ? op.delete_op.version : result.err;
}
} // namespace ns

void set(zhandle_t *zh)
{
    zoo_set_debug_level(ns::level);
    zoo_set_log_stream(stderr);
    zoo_set_log_callback(zh, [](const char *) {});
}
