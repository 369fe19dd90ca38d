/* Declarations that the parts of the `zookeeper` extension module share. See ../README.md for the design. */
#ifndef ZKMODULE_H
#define ZKMODULE_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "limited.h"

/* Without this the header leaves out the synchronous functions. */
#ifndef THREADED
#define THREADED
#endif
#include <zookeeper/zookeeper.h>

#include "additive.h"

/* ---- sessions: the table behind the integer handles, and the callables that may still be called ---- */

struct session;
struct reads;

/* One Python callable that was passed to the library as `void *`. It stays in its session's list until it cannot be
 * called any more; the GIL guards it. Times are those of the session's clock. */
struct context {
    struct context *previous, *next;
    struct session *session;
    PyObject *callback;    /* NULL: there is nobody to tell (left), only bookkeeping to do */
    struct context *watch; /* completions: the watch that exists only if this call succeeds, or NULL */
    int is_watch;
    int watch_type;          /* a WATCHTYPE_...: of a persistent watch and the call that adds it, and of a removal; else 0 */
    int is_being_removed;    /* persistent watches: a removal of this one is under way */
    unsigned long long born; /* when it was made */
    unsigned long long since; /* persistent watches: when they were found armed, 0 before; later, when they were removed */
    PyObject *path;          /* bytes, owned: the path of a persistent watch and of a removal; else NULL */
    struct context *removes; /* a removal's one watch, NULL for all of the path */
    struct reads *reads;     /* where the library puts the results of amulti_read(), owned; else NULL */
};

struct session {
    int id;             /* what Python knows it by: the index in the table */
    zhandle_t *handle;  /* NULL until zookeeper_init has returned or the first event told us */
    PyObject *watcher;  /* the default watcher, NULL for none */
    struct context all; /* head of the list of contexts */
    struct context removed; /* head of the list of removed watches, oldest first: events for them may be queued */
    int removed_count;
    unsigned long long clock; /* counts contexts and removals */
    struct tag *tag;    /* its completion thread, as soon as that has called us */
    int submitting;     /* threads inside of a call that only queues something */
    int waiting;        /* threads inside of a call that waits for the server */
    int closing;        /* Python may not use it any more */
    int finished;       /* the library is through with it; the last thread to leave frees it */
    struct sasl *sasl;  /* what answers the mechanism's questions, or NULL */
    int orphan;         /* closed from one of its own callbacks: the library frees it later, and so do we */
};

/* All of these need the GIL; those that return pointers return NULL with a Python exception on failure. */
struct session *session_new(void);
struct session *session_find(int id);
void session_discard(struct session *session);
int session_close(struct session *session);
void sessions_reap_orphans(void);

struct context *context_new(struct session *session, PyObject *callback, int is_watch);
void context_free(struct context *context);
/* Moves a watch to the list of removed ones, where it stays until no event for it can be queued. Events and completions
 * are called in order, so this is certain when the completion of a request that is younger than the removal is called.
 * The caller drops the reference in `callback`. */
void context_retire(struct context *watch);
void session_free_removed(struct session *session, unsigned long long born);

/* Called by the dispatchers on the library's threads. */
void session_mark_completion_thread(struct session *session);
extern __thread struct session *session_being_served;

/* The two ways to call the library; both release the GIL during the call. SUBMIT is for calls that only queue a
 * request, WAIT for calls that wait for an answer: close() lets the former finish and interrupts the latter. Each must
 * be followed by its session_left_*(), after which the session may be gone, with all of its contexts. */
#define SUBMIT(session, call) WITHOUT_GIL(session, submitting, call)
#define WAIT(session, call) WITHOUT_GIL(session, waiting, call)
#define WITHOUT_GIL(session, counter, call)                                                                            \
    do {                                                                                                               \
        ++(session)->counter;                                                                                          \
        Py_BEGIN_ALLOW_THREADS                                                                                         \
        call;                                                                                                          \
        Py_END_ALLOW_THREADS                                                                                           \
    } while (0)
void session_left_submit(struct session *session);
void session_left_wait(struct session *session);

/* The contexts that a call passes to the library with its request: one if there is a completion or a watch, else
 * NULL. */
struct request {
    struct session *session;
    struct context *completion, *watch;
};
/* Returns 0 with an exception on failure. */
int request_prepare(struct request *request, int id, PyObject *completion, PyObject *watcher);
/* The Python result of the call. After success the contexts belong to the library and may already be gone. */
PyObject *request_finish(struct request *request, int rc);

/* ---- dispatch: the C callbacks that are passed to the library ---- */

void on_session_watcher(zhandle_t *handle, int type, int state, const char *path, void *session);
void on_watch(zhandle_t *handle, int type, int state, const char *path, void *context);
void on_void(int rc, const void *context);
void on_auth(int rc, const void *context);
void on_stat(int rc, const struct Stat *stat, const void *context);
void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *context);
void on_strings(int rc, const struct String_vector *strings, const void *context);
void on_string(int rc, const char *value, const void *context);
void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *context);

#ifdef ZOO_HAVE_CALMKEEPER_API
void on_number(int rc, int value, const void *context);
void on_infos(int rc, const struct ClientInfo_vector *infos, const void *context);
void on_reads(int rc, const void *context);
PyObject *infos_to_python(const struct ClientInfo_vector *infos);
#endif
void reads_free(struct reads *reads);
PyObject *reads_to_python(struct reads *reads, int rc);

/* Handles the answer to a removal, asynchronous or not. */
void removal_answered(struct session *session, struct context *removal, int rc);

/* Ends the process because SystemExit has been raised. */
void leave_process(void);

/* ---- convert: Python values from and to the library's ---- */

/* "O&" converters. Text is UTF-8 with surrogateescape in both directions, so that any bytes are preserved. */
int as_optional_text(PyObject *object, void *bytes); /* the same; None -> NULL */
int as_text(PyObject *object, void *bytes);  /* str or bytes without NUL -> PyObject *, a bytes object */
int as_data(PyObject *object, void *buffer); /* str or bytes-like -> Py_buffer, at most INT_MAX long */
int as_callback(PyObject *object, void *callback); /* callable -> borrowed PyObject *; None or false -> NULL */

int acl_from_python(PyObject *list, struct ACL_vector *acl); /* 0 and an exception on failure */
void acl_release(struct ACL_vector *acl);                    /* frees what acl_from_python has made */

PyObject *text_to_python(const char *text, Py_ssize_t length); /* None for NULL; length -1: up to the NUL */
PyObject *stat_to_python(const struct Stat *stat);             /* None for NULL */
PyObject *strings_to_python(const struct String_vector *strings);
PyObject *acl_to_python(const struct ACL_vector *acl);

/* ---- errors ---- */

extern PyObject *ZooKeeperException;
PyObject *raise_code(int rc); /* the exception that belongs to an error code; returns NULL */
PyObject *raise_invalid_acl(void);
PyObject *raise_lacking(const char *function); /* the library that is loaded does not have it; returns NULL */
int errors_add_to(PyObject *module);
int constants_add_to(PyObject *module);

/* ---- SASL: a user and a password for Cyrus SASL ---- */

struct sasl;
void sasl_free(struct sasl *sasl); /* and forgets the password */

/* ---- the functions of the Python module, by file ---- */

extern PyMethodDef open_methods[];    /* calls_open.c */
extern PyMethodDef session_methods[]; /* calls_session.c */
extern PyMethodDef sync_methods[];    /* calls_sync.c */
extern PyMethodDef async_methods[];   /* calls_async.c */
extern PyMethodDef watch_methods[];   /* calls_watches.c */
extern PyMethodDef read_methods[];    /* calls_reads.c */

#endif
