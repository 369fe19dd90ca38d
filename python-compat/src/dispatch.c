/* The C functions that the library calls on its own threads: take the GIL, build the arguments, call Python.
 *
 * An exception in a callback is printed and forgotten, except SystemExit (leave.c).
 */
#include "zkmodule.h"

#include <pthread.h>
#include <unistd.h>

static int interpreter_is_leaving(void)
{
    return !Py_IsInitialized() || interpreter_is_finalizing();
}

/* During its shutdown the interpreter ends, by pthread_exit, any other thread that asks for the GIL. That must not
 * unwind the library's frames below, so such a thread waits here until the process is gone. (Python 3.14 does this
 * itself.) */
static void stay(void *unused)
{
    (void)unused;
    for (;;) {
        pause();
    }
}

static void with_python(struct session *session, void (*deliver)(void *), void *delivery)
{
    if (interpreter_is_leaving()) {
        return;
    }
    pthread_cleanup_push(stay, NULL);
    PyGILState_STATE gil = PyGILState_Ensure();
    struct session *outer = session_being_served;
    session_being_served = session;
    deliver(delivery);
    session_being_served = outer;
    PyGILState_Release(gil);
    pthread_cleanup_pop(0);
}

/* Steals `arguments`; NULL means that building them has raised an exception. */
static void call(PyObject *callback, PyObject *arguments)
{
    PyObject *result = arguments ? PyObject_CallObject(callback, arguments) : NULL;
    if (!result && PyErr_ExceptionMatches(PyExc_SystemExit)) {
        leave_process();
    } else if (!result) {
        PyErr_Print();
    }
    Py_XDECREF(result);
    Py_XDECREF(arguments);
}

/* ---- watchers ---- */

struct event {
    zhandle_t *handle;
    int type, state;
    const char *path;
    void *receiver;
};

static void tell_watcher(PyObject *callback, const struct session *session, const struct event *event)
{
    if (!callback) {
        return;
    }
    Py_INCREF(callback); /* the callback can replace or drop itself */
    call(callback, Py_BuildValue("(iiiN)", session->id, event->type, event->state, text_to_python(event->path, -1)));
    Py_DECREF(callback);
}

static void deliver_to_session(void *delivery)
{
    struct event *event = delivery;
    struct session *session = event->receiver;
    if (!session->handle) {
        session->handle = event->handle; /* connected before zookeeper_init has returned to us */
    }
    session_mark_completion_thread(session);
    tell_watcher(session->watcher, session, event);
}

void on_session_watcher(zhandle_t *handle, int type, int state, const char *path, void *session)
{
    struct event event = {handle, type, state, path, session};
    with_python(session, deliver_to_session, &event);
}

static void deliver_to_watch(void *delivery)
{
    struct event *event = delivery;
    struct context *context = event->receiver;
    session_mark_completion_thread(context->session);
    tell_watcher(context->callback, context->session, event);
    if (event->type != ZOO_SESSION_EVENT) {
        if (!context->watch_type) {
            context_free(context); /* it fires once; session events before that leave it in place */
        }
    } else if (event->state == ZOO_EXPIRED_SESSION_STATE || event->state == ZOO_AUTH_FAILED_STATE) {
        Py_CLEAR(context->callback); /* nothing can follow, so what it keeps alive may go before the close */
    }
}

void on_watch(zhandle_t *handle, int type, int state, const char *path, void *context)
{
    struct event event = {handle, type, state, path, context};
    with_python(((struct context *)context)->session, deliver_to_watch, &event);
}

/* ---- completions ---- */

enum shape { VOID, AUTH, STAT, DATA, STRINGS, STRING, ACL_LIST, NUMBER, INFOS, READS };

struct completion {
    enum shape shape;
    int rc;
    struct context *context;
    const struct Stat *stat;
    const char *text;
    int length;
    const struct String_vector *strings;
    const struct ACL_vector *acl;
    const struct ClientInfo_vector *infos;
};

static PyObject *arguments_of(const struct completion *completion)
{
    int id = completion->context->session->id, rc = completion->rc;
    switch (completion->shape) {
    case STAT:
        return Py_BuildValue("(iiN)", id, rc, stat_to_python(completion->stat));
    case DATA:
        return Py_BuildValue("(iiNN)", id, rc,
                             text_to_python(completion->length < 0 ? NULL : completion->text, completion->length),
                             stat_to_python(completion->stat));
    case STRINGS:
        return Py_BuildValue("(iiN)", id, rc, strings_to_python(completion->strings));
    case STRING:
        return Py_BuildValue("(iiN)", id, rc, text_to_python(completion->text, -1));
    case ACL_LIST:
        return Py_BuildValue("(iiNN)", id, rc, acl_to_python(completion->acl), stat_to_python(completion->stat));
    case NUMBER:
        return Py_BuildValue("(iii)", id, rc, completion->length);
    case READS:
        return Py_BuildValue("(iiN)", id, rc, reads_to_python(completion->context->reads, rc));
    case INFOS:
#ifdef ZOO_HAVE_CALMKEEPER_API
        return Py_BuildValue("(iiN)", id, rc, infos_to_python(completion->infos));
#endif
    case VOID:
    case AUTH:
        break;
    }
    return Py_BuildValue("(ii)", id, rc);
}

/* Whether the call's watch is armed: exists() also watches for a missing node. */
static int watch_is_armed(const struct completion *completion)
{
    return completion->rc == ZOK || (completion->shape == STAT && completion->rc == ZNONODE);
}

static void deliver_completion(void *delivery)
{
    struct completion *completion = delivery;
    struct context *context = completion->context;
    if (completion->shape != AUTH) { /* those come on the I/O thread */
        session_mark_completion_thread(context->session);
        session_free_removed(context->session, context->born);
    }
    if (context->watch && !watch_is_armed(completion)) {
        context_free(context->watch);
    } else if (context->watch && context->watch_type) {
        context->watch->since = ++context->session->clock; /* a persistent one, which no event has freed */
    } else if (context->watch_type) {
        removal_answered(context->session, context, completion->rc);
    }
    context->watch = NULL;
    if (context->callback) {
        call(context->callback, arguments_of(completion));
    }
    context_free(context);
}

/* A call with neither a callback nor a watch has no context, and needs nothing here. */
static void complete(struct completion *completion, const void *context)
{
    if (context) {
        completion->context = (struct context *)context;
        with_python(completion->context->session, deliver_completion, completion);
    }
}

void on_void(int rc, const void *context)
{
    complete(&(struct completion){.shape = VOID, .rc = rc}, context);
}

void on_auth(int rc, const void *context)
{
    complete(&(struct completion){.shape = AUTH, .rc = rc}, context);
}

void on_stat(int rc, const struct Stat *stat, const void *context)
{
    complete(&(struct completion){.shape = STAT, .rc = rc, .stat = stat}, context);
}

void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *context)
{
    complete(&(struct completion){.shape = DATA, .rc = rc, .text = value, .length = length, .stat = stat}, context);
}

void on_strings(int rc, const struct String_vector *strings, const void *context)
{
    complete(&(struct completion){.shape = STRINGS, .rc = rc, .strings = strings}, context);
}

void on_string(int rc, const char *value, const void *context)
{
    complete(&(struct completion){.shape = STRING, .rc = rc, .text = value}, context);
}

void on_acl(int rc, struct ACL_vector *acl, struct Stat *stat, const void *context)
{
    complete(&(struct completion){.shape = ACL_LIST, .rc = rc, .acl = acl, .stat = stat}, context);
}

#ifdef ZOO_HAVE_CALMKEEPER_API
void on_number(int rc, int value, const void *context)
{
    complete(&(struct completion){.shape = NUMBER, .rc = rc, .length = value}, context);
}

void on_infos(int rc, const struct ClientInfo_vector *infos, const void *context)
{
    complete(&(struct completion){.shape = INFOS, .rc = rc, .infos = infos}, context);
}

void on_reads(int rc, const void *context)
{
    complete(&(struct completion){.shape = READS, .rc = rc}, context);
}
#endif
