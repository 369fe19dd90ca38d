/*
 * The journal of one process: its calls and callbacks, one line each, written at once so that a killed process leaves a
 * complete journal. Times are microseconds of CLOCK_MONOTONIC, the same for all processes.
 *
 *   H handle time                                      zookeeper_init
 *   S handle time state sid                            session event at the default watcher
 *   Z handle time state                                zoo_state, whenever it has changed (polled)
 *   > id handle mode kind time path value expected     an operation begins; mode s (sync) or a (async)
 *   < id time rc version mzxid value                   its result, or its completion's
 *   ! id time rc                                       the async call itself said no
 *   A watch handle time path version mzxid             a data watch was asked for by a get that saw this and succeeded
 *   F watch handle time type path                      it fired (session events are left out)
 *   X handle time / C handle time rc                   zookeeper_close begins / has returned
 *   Q handle time                                      quiet: works, all watches armed, does nothing more until told
 */
#ifndef CHAOS_JOURNAL_H
#define CHAOS_JOURNAL_H

#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define NOTHING "-"
#define CREATED_IN 256 /* directories for the nodes with unique names */

static int journal_file = -1;
static atomic_long next_number = 1;

static long long microseconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000000LL + now.tv_nsec / 1000;
}

static void journal_open(const char *path)
{
    journal_file = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (journal_file < 0) {
        perror(path);
        exit(2);
    }
}

__attribute__((format(printf, 1, 2))) static void journal(const char *format, ...)
{
    char line[512];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (length < 0 || length >= (int)sizeof line || write(journal_file, line, length) != length)
        abort(); /* a journal with holes would accuse the library */
}

/* Records the beginning of an operation; returns its id. */
static long begin(int handle, char mode, const char *kind, const char *path, const char *value, int expected)
{
    long id = atomic_fetch_add(&next_number, 1);
    journal("> %ld %d %c %s %lld %s %s %d\n", id, handle, mode, kind, microseconds(), path, value, expected);
    return id;
}

static void end(long id, int rc, int version, long long mzxid, const char *value)
{
    journal("< %ld %lld %d %d %lld %s\n", id, microseconds(), rc, version, mzxid, *value ? value : NOTHING);
}

#endif
