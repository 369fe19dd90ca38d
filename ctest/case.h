/*
 * Code that the differential programs share. A program prints facts that do not vary from run to run; run.py runs it
 * under two libraries and compares their output. Callbacks never print: they record, and the main thread prints the
 * records in the order in which they were made (drain), or sorted if the order is not guaranteed (drain_sorted).
 *
 * Environment, set by run.py: CTEST_HOSTS (host:port[,...]), CTEST_ROOT (this program's own path), CTEST_CONTROL (a
 * socket on which run.py takes one-line commands), CTEST_LIBRARY (the file that must be loaded), CTEST_WAIT_S (how long
 * to wait for an expected event, where the default is too long).
 */
#ifndef CTEST_CASE_H
#define CTEST_CASE_H

/* run.py defines one of the two. */
#if !defined(THREADED) && !defined(CTEST_WITHOUT_THREADS)
#define THREADED
#endif
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zookeeper/zookeeper.h>

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define SESSION_MS 10000 /* what a program asks for when the timeout is not its subject */

/* A printf line on stdout. */
void fact(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "ZNONODE(-101)": the name and the number; valid until four more calls by this thread. */
const char *code(int rc);
/* Prints "what: code". */
void outcome(const char *what, int rc);
/* Ends the program with status 1 and a line on stderr. */
void die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

const char *hosts(void);
/* The i-th address of hosts(). */
const char *host(int i);
const char *root(void);
/* ROOT/name, valid until sixteen more calls by this thread. */
const char *under(const char *name);
/* Sends one command to run.py; returns the answer's text without its final newline, which the caller frees. */
char *control(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Sends one command to run.py, and ignores the answer. */
void order(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A handle, not yet connected, on `where`, which may be hosts() and a chroot; dies if it cannot be made. */
zhandle_t *begin_at(const char *where, const char *chroot, watcher_fn watcher, void *context, int timeout_ms, int flags);
/* begin_at(hosts(), ...). */
zhandle_t *begin(const char *chroot, watcher_fn watcher, void *context, int timeout_ms, int flags);
#ifdef THREADED
/* Waits until zoo_state() is `state`; dies after a long wait. */
void await_state(zhandle_t *zh, int state);
/* A connected handle with a silent default watcher and the chroot ROOT, which is created first. */
zhandle_t *open_case(void);
/* A connected handle with a silent default watcher and without a chroot; ROOT is created. */
zhandle_t *open_plain(void);
/* A handle connected to one address, with the chroot ROOT, which exists already. */
zhandle_t *open_at(const char *where, watcher_fn watcher, void *context);
/* zoo_create with an open ACL; dies unless ZOK. */
void make(zhandle_t *zh, const char *path, const char *data);
#endif
void nap(int ms);

/* Records: a process-wide FIFO. */
void record(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints the next `n` records in order; dies when they do not come. */
void drain(int n);
void drain_sorted(int n);
#ifdef THREADED
/* Waits until everything that the server has sent so far has been delivered, and prints the records, sorted, or "  -". */
void settle(zhandle_t *zh);
#endif
/* Waits `ms`; prints each record that came, or "nothing more". */
void quiet(int ms);
/* How many records have not been printed. */
int records_left(void);
/* Drops all records. */
void forget(void);

/* A watcher that records its context as a name: "NAME: type state path". */
void on_watch(zhandle_t *zh, int type, int state, const char *path, void *context);
/* A watcher that ignores everything. */
void on_nothing(zhandle_t *zh, int type, int state, const char *path, void *context);
const char *event_name(int type);
const char *state_name(int state);

/* Completions that record their result; `data` is a name. */
void on_void(int rc, const void *data);
void on_stat(int rc, const struct Stat *stat, const void *data);
void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data);
void on_string(int rc, const char *value, const void *data);
void on_string_stat(int rc, const char *value, const struct Stat *stat, const void *data);
void on_strings(int rc, const struct String_vector *strings, const void *data);
void on_strings_stat(int rc, const struct String_vector *strings, const struct Stat *stat, const void *data);
void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data);

/* The text of a value for a fact; valid until four more calls by this thread. */
const char *stat_text(const struct Stat *stat);
const char *strings_text(const struct String_vector *strings); /* sorted */
const char *acl_text(const struct ACL_vector *acl);
const char *bytes_text(const char *bytes, int length);

#endif
