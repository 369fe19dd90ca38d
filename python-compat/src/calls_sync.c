/* The functions that wait for the server's answer. Other Python threads, and callbacks, run meanwhile. */
#include "zkmodule.h"

#include <stdlib.h>
#include <string.h>

/* The default of the longest data that get() returns: ZooKeeper's usual limit for a node. */
enum { DEFAULT_GET_LENGTH = 1024 * 1024 };

/* Room for the sequence number that the server may append to a path, and for the final NUL. */
enum { SEQUENCE_ROOM = 64 };

/* Finds the session and, if there is a callback, makes the watch; returns 0 with an exception on failure. */
static int prepare_watch(int id, PyObject *callback, struct session **session, struct context **watch)
{
    *watch = NULL;
    *session = session_find(id);
    if (!*session) {
        return 0;
    }
    if (callback) {
        *watch = context_new(*session, callback, 1);
    }
    return !callback || *watch;
}

/* Called after the call. An armed watch belongs to the library, and may already have fired and been freed. */
static void finish_watch(struct session *session, struct context *watch, int armed)
{
    if (!armed) {
        context_free(watch);
    }
    session_left_wait(session);
}

PyDoc_STRVAR(create_doc,
"create($module, handle, path, data, acl, flags=0, /)\n--\n\n\
Create a node and return its path, which is longer than the one given if SEQUENCE is set.\n\
\n\
  data   str or bytes\n\
  acl    list of {'perms': PERM_... bits, 'scheme': str, 'id': str}\n\
  flags  0 or a combination of EPHEMERAL and SEQUENCE\n\
\n\
Raises NodeExistsException, NoNodeException (no parent), NoChildrenForEphemeralsException, InvalidACLException,\n\
NoAuthException, and what any call can raise: see the module's README.");

static PyObject *zk_create(PyObject *module, PyObject *args)
{
    (void)module;
    int id, flags = 0, rc = 0;
    PyObject *path = NULL, *list, *result = NULL;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "iO&O&O|i:create", &id, as_text, &path, as_data, &data, &list, &flags)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct ACL_vector acl;
    int room = (int)PyBytes_GET_SIZE(path) + SEQUENCE_ROOM;
    char *created = NULL;
    if (session && acl_from_python(list, &acl)) {
        created = malloc((size_t)room);
        if (created) {
            WAIT(session, rc = zoo_create(session->handle, PyBytes_AS_STRING(path), data.buf, (int)data.len, &acl, flags,
                                          created, room));
            session_left_wait(session);
            result = rc == ZOK ? text_to_python(created, -1) : raise_code(rc);
        } else {
            PyErr_NoMemory();
        }
        free(created);
        acl_release(&acl);
    }
    PyBuffer_Release(&data);
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(delete_doc,
"delete($module, handle, path, version=-1, /)\n--\n\n\
Delete a node, if it still has that version; -1 stands for any. Returns OK.\n\
\n\
Raises NoNodeException, BadVersionException, NotEmptyException (it has children), NoAuthException.");

static PyObject *zk_delete(PyObject *module, PyObject *args)
{
    (void)module;
    int id, version = -1, rc = 0;
    PyObject *path = NULL;
    if (!PyArg_ParseTuple(args, "iO&|i:delete", &id, as_text, &path, &version)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (session) {
        WAIT(session, rc = zoo_delete(session->handle, PyBytes_AS_STRING(path), version));
        session_left_wait(session);
    }
    Py_DECREF(path);
    return !session ? NULL : rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
}

PyDoc_STRVAR(exists_doc,
"exists($module, handle, path, watcher=None, /)\n--\n\n\
Return the node's stat as a dict, or None if there is no such node.\n\
\n\
A watcher is called once, when the node is created, changed or deleted; it is set for a missing node too.");

static PyObject *zk_exists(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc = 0;
    PyObject *path = NULL, *callback = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&:exists", &id, as_text, &path, as_callback, &callback)) {
        return NULL;
    }
    struct session *session;
    struct context *watch;
    struct Stat stat;
    if (prepare_watch(id, callback, &session, &watch)) {
        WAIT(session, rc = zoo_wexists(session->handle, PyBytes_AS_STRING(path), watch ? on_watch : NULL, watch, &stat));
        finish_watch(session, watch, rc == ZOK || rc == ZNONODE);
        if (rc == ZOK || rc == ZNONODE) {
            result = stat_to_python(rc == ZOK ? &stat : NULL);
        } else {
            raise_code(rc);
        }
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(get_doc,
"get($module, handle, path, watcher=None, length=1048576, /)\n--\n\n\
Return (data, stat): at most `length` bytes of the node's data as str, and its stat as a dict.\n\
\n\
A watcher is called once, when the node is changed or deleted. Raises NoNodeException, NoAuthException.");

static PyObject *zk_get(PyObject *module, PyObject *args)
{
    (void)module;
    int id, length = DEFAULT_GET_LENGTH, rc = 0;
    PyObject *path = NULL, *callback = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&i:get", &id, as_text, &path, as_callback, &callback, &length)) {
        return NULL;
    }
    struct session *session;
    struct context *watch;
    struct Stat stat;
    char *data = NULL;
    if (length < 0) {
        PyErr_SetString(PyExc_ValueError, "length must not be negative");
    } else if (!(data = malloc(length ? (size_t)length : 1))) {
        PyErr_NoMemory();
    } else if (prepare_watch(id, callback, &session, &watch)) {
        WAIT(session, rc = zoo_wget(session->handle, PyBytes_AS_STRING(path), watch ? on_watch : NULL, watch, data,
                                    &length, &stat));
        finish_watch(session, watch, rc == ZOK);
        if (rc == ZOK) {
            /* A node without data has length -1, for which zkpython's users get "". */
            result = Py_BuildValue("(NN)", text_to_python(data, length < 0 ? 0 : length), stat_to_python(&stat));
        } else {
            raise_code(rc);
        }
    }
    free(data);
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(get_children_doc,
"get_children($module, handle, path, watcher=None, /)\n--\n\n\
Return the names of the node's children as a list, in no particular order.\n\
\n\
A watcher is called once, when a child is created or deleted, or the node is deleted. Raises NoNodeException,\n\
NoAuthException.");

static PyObject *zk_get_children(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc = 0;
    PyObject *path = NULL, *callback = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&:get_children", &id, as_text, &path, as_callback, &callback)) {
        return NULL;
    }
    struct session *session;
    struct context *watch;
    struct String_vector children = {0, NULL};
    if (prepare_watch(id, callback, &session, &watch)) {
        WAIT(session, rc = zoo_wget_children(session->handle, PyBytes_AS_STRING(path), watch ? on_watch : NULL, watch,
                                             &children));
        finish_watch(session, watch, rc == ZOK);
        if (rc == ZOK) {
            result = strings_to_python(&children);
            deallocate_String_vector(&children);
        } else {
            raise_code(rc);
        }
    }
    Py_DECREF(path);
    return result;
}

/* set and set2, which differ in their results. */
static int set_data(PyObject *args, const char *format, struct Stat *stat)
{
    int id, version = -1, rc = 0;
    PyObject *path = NULL;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, format, &id, as_text, &path, as_data, &data, &version)) {
        return 0;
    }
    struct session *session = session_find(id);
    if (session) {
        const char *node = PyBytes_AS_STRING(path);
        if (stat) {
            WAIT(session, rc = zoo_set2(session->handle, node, data.buf, (int)data.len, version, stat));
        } else {
            WAIT(session, rc = zoo_set(session->handle, node, data.buf, (int)data.len, version));
        }
        session_left_wait(session);
        if (rc != ZOK) {
            raise_code(rc);
        }
    }
    PyBuffer_Release(&data);
    Py_DECREF(path);
    return session && rc == ZOK;
}

PyDoc_STRVAR(set_doc,
"set($module, handle, path, data, version=-1, /)\n--\n\n\
Replace the node's data, if it still has that version; -1 stands for any. Returns OK; set2() returns the stat.\n\
\n\
Raises NoNodeException, BadVersionException, NoAuthException.");

static PyObject *zk_set(PyObject *module, PyObject *args)
{
    (void)module;
    return set_data(args, "iO&O&|i:set", NULL) ? PyLong_FromLong(ZOK) : NULL;
}

PyDoc_STRVAR(set2_doc,
"set2($module, handle, path, data, version=-1, /)\n--\n\n\
As set(), but returns the node's new stat as a dict.");

static PyObject *zk_set2(PyObject *module, PyObject *args)
{
    (void)module;
    struct Stat stat;
    return set_data(args, "iO&O&|i:set2", &stat) ? stat_to_python(&stat) : NULL;
}

PyDoc_STRVAR(get_acl_doc,
"get_acl($module, handle, path, /)\n--\n\n\
Return (stat, acl): the node's stat as a dict and its ACL in the form that create() takes.\n\
\n\
Raises NoNodeException, NoAuthException.");

static PyObject *zk_get_acl(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc = 0;
    PyObject *path = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&:get_acl", &id, as_text, &path)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct ACL_vector acl = {0, NULL};
    struct Stat stat;
    if (session) {
        WAIT(session, rc = zoo_get_acl(session->handle, PyBytes_AS_STRING(path), &acl, &stat));
        session_left_wait(session);
        if (rc == ZOK) {
            result = Py_BuildValue("(NN)", stat_to_python(&stat), acl_to_python(&acl));
            deallocate_ACL_vector(&acl);
        } else {
            raise_code(rc);
        }
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(set_acl_doc,
"set_acl($module, handle, path, version, acl, /)\n--\n\n\
Replace the node's ACL, if that still has that version ('aversion' in the stat); -1 stands for any. Returns OK.\n\
\n\
Raises NoNodeException, BadVersionException, InvalidACLException, NoAuthException.");

static PyObject *zk_set_acl(PyObject *module, PyObject *args)
{
    (void)module;
    int id, version, rc = 0;
    PyObject *path = NULL, *list, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&iO:set_acl", &id, as_text, &path, &version, &list)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct ACL_vector acl;
    if (session && acl_from_python(list, &acl)) {
        WAIT(session, rc = zoo_set_acl(session->handle, PyBytes_AS_STRING(path), version, &acl));
        session_left_wait(session);
        acl_release(&acl);
        result = rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
    }
    Py_DECREF(path);
    return result;
}

PyMethodDef sync_methods[] = {
    {"create", zk_create, METH_VARARGS, create_doc},
    {"delete", zk_delete, METH_VARARGS, delete_doc},
    {"exists", zk_exists, METH_VARARGS, exists_doc},
    {"get", zk_get, METH_VARARGS, get_doc},
    {"get_children", zk_get_children, METH_VARARGS, get_children_doc},
    {"set", zk_set, METH_VARARGS, set_doc},
    {"set2", zk_set2, METH_VARARGS, set2_doc},
    {"get_acl", zk_get_acl, METH_VARARGS, get_acl_doc},
    {"set_acl", zk_set_acl, METH_VARARGS, set_acl_doc},
    {NULL, NULL, 0, NULL},
};
