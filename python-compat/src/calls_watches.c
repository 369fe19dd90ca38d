/* Persistent watches, and the removal of watches. Each call of add_watch() makes a separate watch, a context that is
 * passed to the library as `watcherCtx`. */
#include "zkmodule.h"

#include <string.h>

/* How many removed watches a session may keep before it sends a request whose completion frees them. */
enum { REMOVED_MAX = 64 };

#ifdef ZOO_HAVE_CALMKEEPER_API
/* Makes the watch of a call persistent. Returns 0 with an exception on failure. */
static int make_persistent(struct context *watch, PyObject *path, int mode)
{
    if (watch) {
        Py_INCREF(path);
        watch->path = path;
        watch->watch_type = mode == ZOO_ADD_WATCH_PERSISTENT ? WATCHTYPE_PERSISTENT : WATCHTYPE_PERSISTENT_RECURSIVE;
        return watch->watch_type;
    }
    return 0;
}

PyDoc_STRVAR(add_watch_doc,
"add_watch($module, handle, path, mode, watcher, /)\n--\n\n\
Leave a watch that stays after an event, until remove_watches(). The node need not exist. Returns OK.\n\
\n\
  mode     ADD_WATCH_PERSISTENT: the watcher hears of the node's creation, change and deletion, and of its list of\n\
           children (CHILD_EVENT); ADD_WATCH_PERSISTENT_RECURSIVE: of the creation, change and deletion of the node and of\n\
           each node below it, and never of a list\n\
  watcher  watcher(handle, type, state, path), on the library's thread; also for session events\n\
\n\
Each call leaves a watch of its own: a callable that is given twice is called twice. Watches survive reconnects, but what\n\
has changed while there was no connection is not reported: read again after a session event with CONNECTED_STATE. On\n\
servers before 3.9 a read of the same path with a watcher turns the persistent watch into one that fires once.\n\
\n\
Needs servers of 3.6: an older one closes the connection, and the call raises UnimplementedException or\n\
ConnectionLossException. Raises BadArgumentsException for another mode or no watcher, NoAuthException,\n\
RequestTimeoutException (no watch is left), NotImplementedError on Apache's library.");

static PyObject *zk_add_watch(PyObject *module, PyObject *args)
{
    (void)module;
    int id, mode, rc = 0;
    PyObject *path = NULL, *callback = NULL, *result = NULL;
    if (!zoo_add_watch) {
        return raise_lacking("zoo_add_watch");
    }
    if (!PyArg_ParseTuple(args, "iO&iO&:add_watch", &id, as_text, &path, &mode, as_callback, &callback)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct context *watch = session && callback ? context_new(session, callback, 1) : NULL;
    if (session && (!callback || watch)) {
        make_persistent(watch, path, mode);
        WAIT(session, rc = zoo_add_watch(session->handle, PyBytes_AS_STRING(path), mode, watch ? on_watch : NULL, watch));
        if (rc != ZOK) {
            context_free(watch);
        } else if (watch) {
            watch->since = ++session->clock;
        }
        session_left_wait(session);
        result = rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aadd_watch_doc,
"aadd_watch($module, handle, path, mode, watcher, completion=None, /)\n--\n\n\
As add_watch(), without waiting. completion(handle, rc)");

static PyObject *zk_aadd_watch(PyObject *module, PyObject *args)
{
    (void)module;
    int id, mode, rc;
    PyObject *path = NULL, *watcher = NULL, *completion = NULL, *result = NULL;
    if (!zoo_aadd_watch) {
        return raise_lacking("zoo_aadd_watch");
    }
    if (!PyArg_ParseTuple(args, "iO&iO&|O&:aadd_watch", &id, as_text, &path, &mode, as_callback, &watcher, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, watcher)) {
        if (make_persistent(request.watch, path, mode)) {
            request.completion->watch_type = request.watch->watch_type;
        }
        SUBMIT(request.session, rc = zoo_aadd_watch(request.session->handle, PyBytes_AS_STRING(path), mode,
                                                    request.watch ? on_watch : NULL, request.watch, on_void,
                                                    request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}
#endif

/* ---- removal ---- */

/* Whether this is an armed persistent watch to which a removal of that type and path applies. */
static int is_meant(const struct context *context, PyObject *path, int type)
{
    return context->is_watch && context->watch_type && context->since && !context->is_being_removed
           && (type == WATCHTYPE_ANY || type == context->watch_type)
           && strcmp(PyBytes_AS_STRING(context->path), PyBytes_AS_STRING(path)) == 0;
}

/* The oldest watch with an equal callable. NULL with an exception if there is none. */
static struct context *find_watch(struct session *session, PyObject *path, int type, PyObject *callback)
{
    PyObject *callbacks = PyList_New(0);
    struct context *context;
    for (context = session->all.next; callbacks && context != &session->all; context = context->next) {
        if (context->callback && is_meant(context, path, type) && PyList_Append(callbacks, context->callback) < 0) {
            Py_CLEAR(callbacks);
        }
    }
    /* The comparison can run Python code, which may change the list of contexts: search it again afterwards. */
    Py_ssize_t at = callbacks ? PySequence_Index(callbacks, callback) : -1;
    PyObject *equal = at < 0 ? NULL : PyList_GetItem(callbacks, at);
    struct context *found = NULL;
    for (context = session->all.next; equal && !found && context != &session->all; context = context->next) {
        if (context->callback == equal && is_meant(context, path, type)) {
            found = context;
        }
    }
    Py_XDECREF(callbacks);
    if (!found && (!PyErr_Occurred() || PyErr_ExceptionMatches(PyExc_ValueError))) {
        PyErr_Clear();
        raise_code(NO_WATCHER);
    }
    return found;
}

void removal_answered(struct session *session, struct context *removal, int rc)
{
    struct context *one = removal->removes;
    if (one && rc != ZOK && rc != NO_WATCHER) {
        one->is_being_removed = 0;
    } else if (one) {
        PyObject *callback = one->callback;
        context_retire(one);
        Py_XDECREF(callback);
    } else if (rc == ZOK) {
        /* A watch that was added in the meantime may still be armed; if it is not, it stays in the list, without
         * events, until the session's end. */
        PyObject *callbacks = PyList_New(0);
        struct context *context = session->all.next;
        while (callbacks && context != &session->all) {
            struct context *next = context->next;
            if (is_meant(context, removal->path, removal->watch_type) && context->since < removal->born) {
                PyObject *callback = context->callback;
                if (callback && PyList_Append(callbacks, callback) < 0) {
                    break;
                }
                context_retire(context);
                Py_XDECREF(callback); /* the list has another reference */
            }
            context = next;
        }
        PyErr_Clear();
        Py_XDECREF(callbacks);
    }
    removal->watch_type = 0;
}

/* A context for the removal, with the watches that it will remove. NULL with an exception on failure. */
static struct context *removal_new(struct session *session, PyObject *path, int type, PyObject *watcher, PyObject *completion)
{
    if (type < WATCHTYPE_CHILD || type > WATCHTYPE_PERSISTENT_RECURSIVE) {
        raise_code(ZBADARGUMENTS);
        return NULL;
    }
    struct context *one = watcher ? find_watch(session, path, type, watcher) : NULL;
    struct context *removal = watcher && !one ? NULL : context_new(session, completion, 0);
    if (removal) {
        Py_INCREF(path);
        removal->path = path;
        removal->watch_type = type;
        removal->removes = one;
        if (one) {
            one->is_being_removed = 1;
        }
    }
    return removal;
}

/* Frees removed watches in a program that makes no asynchronous calls, whose completions would otherwise do that. */
static void free_removed_soon(struct session *session)
{
    int rc;
    struct context *last = context_new(session, NULL, 0);
    if (!last) {
        PyErr_Clear();
        return;
    }
    SUBMIT(session, rc = zoo_aexists(session->handle, "/", 0, on_stat, last));
    if (rc != ZOK) {
        context_free(last);
    }
    session_left_submit(session);
}

PyDoc_STRVAR(remove_watches_doc,
"remove_watches($module, handle, path, type=WATCHTYPE_ANY, watcher=None, local=False, /)\n--\n\n\
Take watches off a path. Returns OK.\n\
\n\
  type     WATCHTYPE_CHILD, WATCHTYPE_DATA (and existence), WATCHTYPE_PERSISTENT, WATCHTYPE_PERSISTENT_RECURSIVE, or\n\
           WATCHTYPE_ANY for all of them; servers before 3.9 know only CHILD, DATA and ANY\n\
  watcher  one that add_watch() was given: the oldest such watch is removed; None: all watches of the path, also those of\n\
           get(), exists() and get_children()\n\
  local    True: only the library forgets them, the server is not told\n\
\n\
A removed watcher is not called any more, except that a call may be under way in the library's thread. With a watcher the\n\
server goes on sending the events, which are dropped, until all watches of the path are removed.\n\
\n\
Raises NoWatcherException if there is no such watch (not if all are removed locally), BadArgumentsException for another type, MarshallingErrorException for a\n\
type that the server does not know; then the watches stay.");

static PyObject *zk_remove_watches(PyObject *module, PyObject *args)
{
    (void)module;
    int id, type = WATCHTYPE_ANY, local = 0, rc;
    PyObject *path = NULL, *watcher = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|iO&p:remove_watches", &id, as_text, &path, &type, as_callback, &watcher, &local)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct context *removal = session ? removal_new(session, path, type, watcher, NULL) : NULL;
    if (removal) {
        const char *node = PyBytes_AS_STRING(path);
        if (watcher) {
            WAIT(session, rc = zoo_remove_watches(session->handle, node, type, on_watch, removal->removes, local));
        } else {
            WAIT(session, rc = zoo_remove_all_watches(session->handle, node, type, local));
        }
        removal_answered(session, removal, rc);
        context_free(removal);
        if (session->removed_count >= REMOVED_MAX && session->removed_count % REMOVED_MAX == 0 && !session->closing) {
            free_removed_soon(session);
        }
        session_left_wait(session);
        result = rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aremove_watches_doc,
"aremove_watches($module, handle, path, type=WATCHTYPE_ANY, watcher=None, local=False, completion=None, /)\n--\n\n\
As remove_watches(), without waiting. completion(handle, rc)");

static PyObject *zk_aremove_watches(PyObject *module, PyObject *args)
{
    (void)module;
    int id, type = WATCHTYPE_ANY, local = 0, rc;
    PyObject *path = NULL, *watcher = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|iO&pO&:aremove_watches", &id, as_text, &path, &type, as_callback, &watcher, &local,
                          as_callback, &completion)) {
        return NULL;
    }
    struct request request = {.session = session_find(id)};
    request.completion = request.session ? removal_new(request.session, path, type, watcher, completion) : NULL;
    if (request.completion) {
        struct context *one = request.completion->removes;
        const char *node = PyBytes_AS_STRING(path);
        /* The header's type has one pointer too many; the library takes the function. */
        void_completion_t *done = (void_completion_t *)on_void;
        if (watcher) {
            SUBMIT(request.session, rc = zoo_aremove_watches(request.session->handle, node, type, on_watch, one, local, done,
                                                             request.completion));
        } else {
            SUBMIT(request.session,
                   rc = zoo_aremove_all_watches(request.session->handle, node, type, local, done, request.completion));
        }
        if (rc != ZOK) {
            removal_answered(request.session, request.completion, rc);
        }
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyMethodDef watch_methods[] = {
#ifdef ZOO_HAVE_CALMKEEPER_API
    {"add_watch", zk_add_watch, METH_VARARGS, add_watch_doc},
    {"aadd_watch", zk_aadd_watch, METH_VARARGS, aadd_watch_doc},
#endif
    {"remove_watches", zk_remove_watches, METH_VARARGS, remove_watches_doc},
    {"aremove_watches", zk_aremove_watches, METH_VARARGS, aremove_watches_doc},
    {NULL, NULL, 0, NULL},
};
