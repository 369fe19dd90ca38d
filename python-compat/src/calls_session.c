/* The functions about existing sessions, and those that concern the whole process. */
#include "zkmodule.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

PyDoc_STRVAR(close_doc,
"close($module, handle, /)\n--\n\n\
End the session and forget the handle; returns OK or an error code, the handle is gone in any case. Calls that still\n\
wait are completed with CLOSING first. From one of the session's own callbacks it returns at once.");

static PyObject *zk_close(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    if (!PyArg_ParseTuple(args, "i:close", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (!session) {
        return NULL;
    }
    int rc = session_close(session);
    sessions_reap_orphans();
    return PyLong_FromLong(rc);
}

PyDoc_STRVAR(client_id_doc,
"client_id($module, handle, /)\n--\n\n\
Return (id, password), with which init() can go on with this session from another handle or process. Before the\n\
session is established it is (0, '').");

static PyObject *zk_client_id(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    if (!PyArg_ParseTuple(args, "i:client_id", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (!session) {
        return NULL;
    }
    const clientid_t *client = zoo_client_id(session->handle);
    if (!client) {
        return raise_code(ZBADARGUMENTS);
    }
    Py_ssize_t length = sizeof client->passwd;
    while (length > 0 && client->passwd[length - 1] == 0) {
        length--;
    }
    return Py_BuildValue("(LN)", (long long)client->client_id, text_to_python(client->passwd, length));
}

PyDoc_STRVAR(set_watcher_doc,
"set_watcher($module, handle, watcher, /)\n--\n\n\
Replace the default watcher; None for none.");

static PyObject *zk_set_watcher(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    PyObject *watcher = NULL;
    if (!PyArg_ParseTuple(args, "iO&:set_watcher", &id, as_callback, &watcher)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (!session) {
        return NULL;
    }
    PyObject *previous = session->watcher;
    Py_XINCREF(watcher);
    session->watcher = watcher;
    Py_XDECREF(previous);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(state_doc,
"state($module, handle, /)\n--\n\n\
Return the state of the connection: one of the ..._STATE constants, or 0 or 999 while there is none.");

static PyObject *zk_state(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    if (!PyArg_ParseTuple(args, "i:state", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    return session ? PyLong_FromLong(zoo_state(session->handle)) : NULL;
}

PyDoc_STRVAR(recv_timeout_doc,
"recv_timeout($module, handle, /)\n--\n\n\
Return the session timeout in milliseconds: what the server has granted, before that what init() asked for.");

static PyObject *zk_recv_timeout(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    if (!PyArg_ParseTuple(args, "i:recv_timeout", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    return session ? PyLong_FromLong(zoo_recv_timeout(session->handle)) : NULL;
}

#ifdef ZOO_HAVE_CALMKEEPER_API
PyDoc_STRVAR(set_request_timeout_doc,
"set_request_timeout($module, handle, milliseconds, /)\n--\n\n\
Set how long requests may wait for their answers, those in flight included; 0, the beginning, for as long as the\n\
connection lives. ZOO_REQUEST_TIMEOUT_MS in the environment sets it for all sessions. Returns OK.\n\
\n\
A call whose time has passed raises RequestTimeoutException, and a completion gets REQUESTTIMEOUT; the server may do it all\n\
the same. The connection lives on, and the late answer is dropped. Requests that wait for a connection are not sent any\n\
more. The watch of a read, or of add_watch(), that timed out is not left.\n\
\n\
Raises BadArgumentsException for a negative number, NotImplementedError on Apache's library.");

static PyObject *zk_set_request_timeout(PyObject *module, PyObject *args)
{
    (void)module;
    int id, timeout, rc;
    if (!zoo_set_request_timeout) {
        return raise_lacking("zoo_set_request_timeout");
    }
    if (!PyArg_ParseTuple(args, "ii:set_request_timeout", &id, &timeout)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (!session) {
        return NULL;
    }
    SUBMIT(session, rc = zoo_set_request_timeout(session->handle, timeout));
    session_left_submit(session);
    return rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
}
#endif

PyDoc_STRVAR(is_unrecoverable_doc,
"is_unrecoverable($module, handle, /)\n--\n\n\
Return True if the session has ended, by expiry or failed authentication: all that is left is close().");

static PyObject *zk_is_unrecoverable(PyObject *module, PyObject *args)
{
    (void)module;
    int id;
    if (!PyArg_ParseTuple(args, "i:is_unrecoverable", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    return session ? PyBool_FromLong(is_unrecoverable(session->handle) == ZINVALIDSTATE) : NULL;
}

PyDoc_STRVAR(zerror_doc,
"zerror($module, code, /)\n--\n\n\
Return the text for an error code.");

static PyObject *zk_zerror(PyObject *module, PyObject *args)
{
    (void)module;
    int code;
    return PyArg_ParseTuple(args, "i:zerror", &code) ? text_to_python(zerror(code), -1) : NULL;
}

PyDoc_STRVAR(set_debug_level_doc,
"set_debug_level($module, level, /)\n--\n\n\
Set the level of the library's log for the whole process: one of the LOG_LEVEL_... constants, 0 for nothing.");

static PyObject *zk_set_debug_level(PyObject *module, PyObject *args)
{
    (void)module;
    int level;
    if (!PyArg_ParseTuple(args, "i:set_debug_level", &level)) {
        return NULL;
    }
    zoo_set_debug_level((ZooLogLevel)level);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(deterministic_conn_order_doc,
"deterministic_conn_order($module, enable, /)\n--\n\n\
If not 0, later init() calls try the servers in the order given instead of shuffling them.");

static PyObject *zk_deterministic_conn_order(PyObject *module, PyObject *args)
{
    (void)module;
    int enable;
    if (!PyArg_ParseTuple(args, "i:deterministic_conn_order", &enable)) {
        return NULL;
    }
    zoo_deterministic_conn_order(enable);
    Py_RETURN_NONE;
}

/* ---- the log's stream ---- */

PyDoc_STRVAR(set_log_stream_doc,
"set_log_stream($module, file, /)\n--\n\n\
Write the library's log to an open file: any object whose fileno() is a writable descriptor. None stands for stderr.\n\
The descriptor is duplicated, so the file may be closed afterwards.");

/* One stream that is never closed; its descriptor is replaced instead. The library's threads may write at any time, so
 * no FILE can ever be closed. */
static FILE *log_file;

static int redirect_log(int descriptor)
{
    if (log_file) {
        return dup3(descriptor, fileno(log_file), O_CLOEXEC) < 0 ? -1 : 0;
    }
    int copy = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    if (copy < 0) {
        return -1;
    }
    log_file = fdopen(copy, "w");
    if (!log_file) {
        close(copy);
        return -1;
    }
    return 0;
}

static PyObject *zk_set_log_stream(PyObject *module, PyObject *args)
{
    (void)module;
    PyObject *file;
    if (!PyArg_ParseTuple(args, "O:set_log_stream", &file)) {
        return NULL;
    }
    if (file == Py_None) {
        zoo_set_log_stream(NULL);
        Py_RETURN_NONE;
    }
    int descriptor = PyObject_HasAttrString(file, "fileno") ? PyObject_AsFileDescriptor(file) : -1;
    if (descriptor < 0) {
        PyErr_SetString(PyExc_ValueError, "set_log_stream needs an open file with a descriptor");
        return NULL;
    }
    int flags = fcntl(descriptor, F_GETFL);
    if (flags < 0 || (flags & O_ACCMODE) == O_RDONLY) {
        PyErr_SetString(PyExc_ValueError, "set_log_stream needs a file that is open for writing");
        return NULL;
    }
    /* Output that the program has already written must stay before the library's. */
    PyObject *flushed = PyObject_HasAttrString(file, "flush") ? PyObject_CallMethod(file, "flush", NULL) : NULL;
    Py_XDECREF(flushed);
    if (PyErr_Occurred()) {
        return NULL;
    }
    if (redirect_log(descriptor) < 0) {
        return PyErr_SetFromErrno(PyExc_OSError);
    }
    zoo_set_log_stream(log_file);
    Py_RETURN_NONE;
}

PyMethodDef session_methods[] = {
    {"close", zk_close, METH_VARARGS, close_doc},
    {"client_id", zk_client_id, METH_VARARGS, client_id_doc},
    {"set_watcher", zk_set_watcher, METH_VARARGS, set_watcher_doc},
    {"state", zk_state, METH_VARARGS, state_doc},
    {"recv_timeout", zk_recv_timeout, METH_VARARGS, recv_timeout_doc},
#ifdef ZOO_HAVE_CALMKEEPER_API
    {"set_request_timeout", zk_set_request_timeout, METH_VARARGS, set_request_timeout_doc},
#endif
    {"is_unrecoverable", zk_is_unrecoverable, METH_VARARGS, is_unrecoverable_doc},
    {"zerror", zk_zerror, METH_VARARGS, zerror_doc},
    {"set_debug_level", zk_set_debug_level, METH_VARARGS, set_debug_level_doc},
    {"set_log_stream", zk_set_log_stream, METH_VARARGS, set_log_stream_doc},
    {"deterministic_conn_order", zk_deterministic_conn_order, METH_VARARGS, deterministic_conn_order_doc},
    {NULL, NULL, 0, NULL},
};
