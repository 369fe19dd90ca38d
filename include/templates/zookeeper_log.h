/**
 * @file zookeeper_log.h
 * Lets a program write lines into the library's log, in the library's form:
 *
 *     2026-01-31 23:59:59,123:PID(0xTHREAD):ZOO_INFO@function@line: text
 *
 * A line is at most 4094 bytes long, without its newline; a longer one is cut.
 */
#ifndef ZK_LOG_H_
#define ZK_LOG_H_

#include "zookeeper.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The most detailed level that is written: a ZooLogLevel, or 0 for none. Set by zoo_set_debug_level(), or directly. The
 * default is ZOO_LOG_LEVEL_INFO.
 */
extern ZOOAPI ZooLogLevel logLevel;

/** The first argument of the macros below for a line that goes to the destination of the handle's lines. */
#define LOGCALLBACK(_zh) zoo_get_log_callback(_zh)

/** The first argument of the macros below for a line that goes to the log stream. */
#define LOGSTREAM NULL

/**
 * LOG_ERROR(callback, format, ...) to LOG_DEBUG: write a line if its level is on; the arguments after the callback are
 * those of printf(). If the level is off, a macro costs one comparison and does not evaluate its arguments.
 *
 * Each of these macros is an `if` without an `else`: inside another `if` put braces around it.
 */
#define LOG_ERROR(_cb, ...) \
    CALMKEEPER_LOG_IF(logLevel >= ZOO_LOG_LEVEL_ERROR, _cb, ZOO_LOG_LEVEL_ERROR, __VA_ARGS__)
/** As LOG_ERROR(), for warnings. */
#define LOG_WARN(_cb, ...) CALMKEEPER_LOG_IF(logLevel >= ZOO_LOG_LEVEL_WARN, _cb, ZOO_LOG_LEVEL_WARN, __VA_ARGS__)
/** As LOG_ERROR(), for events of connections and sessions. */
#define LOG_INFO(_cb, ...) CALMKEEPER_LOG_IF(logLevel >= ZOO_LOG_LEVEL_INFO, _cb, ZOO_LOG_LEVEL_INFO, __VA_ARGS__)
/** As LOG_ERROR(), for details. */
#define LOG_DEBUG(_cb, ...) CALMKEEPER_LOG_IF(logLevel == ZOO_LOG_LEVEL_DEBUG, _cb, ZOO_LOG_LEVEL_DEBUG, __VA_ARGS__)

/** The common part of the four macros; not for programs. */
#define CALMKEEPER_LOG_IF(_on, _cb, _level, ...) \
    if (_on) log_message(_cb, _level, __LINE__, __func__, __VA_ARGS__)

/**
 * Writes one line, whatever the level: to `callback`, without a newline, or if that is null to the log stream, with
 * one. `format` and the following arguments are those of printf().
 */
ZOOAPI void log_message(log_callback_fn callback, ZooLogLevel curLevel, int line, const char *funcName,
        const char *format, ...);

/** The stream for the log lines: the one given to zoo_set_log_stream(), or stderr. */
@ zoo_get_log_stream

#ifdef __cplusplus
}
#endif

#endif /* ZK_LOG_H_ */
