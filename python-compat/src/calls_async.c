/* The functions that queue a request and return OK. Their completion is called later, exactly once, on the library's
 * completion thread (add_auth: on its I/O thread). They raise exceptions only for errors that are found before anything
 * is sent; the completion is not called then. */
#include "zkmodule.h"

int request_prepare(struct request *request, int id, PyObject *completion, PyObject *watcher)
{
    request->completion = request->watch = NULL;
    request->session = session_find(id);
    if (!request->session) {
        return 0;
    }
    if (watcher && !(request->watch = context_new(request->session, watcher, 1))) {
        return 0;
    }
    if (completion || watcher) {
        request->completion = context_new(request->session, completion, 0);
        if (!request->completion) {
            context_free(request->watch);
            return 0;
        }
        request->completion->watch = request->watch;
    }
    return 1;
}

PyObject *request_finish(struct request *request, int rc)
{
    if (rc != ZOK) {
        context_free(request->watch);
        context_free(request->completion);
    }
    session_left_submit(request->session);
    return rc == ZOK ? PyLong_FromLong(rc) : raise_code(rc);
}

PyDoc_STRVAR(acreate_doc,
"acreate($module, handle, path, data, acl, flags=0, completion=None, /)\n--\n\n\
As create(), without waiting. completion(handle, rc, path)");

static PyObject *zk_acreate(PyObject *module, PyObject *args)
{
    (void)module;
    int id, flags = 0, rc;
    PyObject *path = NULL, *list, *completion = NULL, *result = NULL;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "iO&O&O|iO&:acreate", &id, as_text, &path, as_data, &data, &list, &flags, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    struct ACL_vector acl;
    if (acl_from_python(list, &acl)) {
        if (request_prepare(&request, id, completion, NULL)) {
            SUBMIT(request.session, rc = zoo_acreate(request.session->handle, PyBytes_AS_STRING(path), data.buf,
                                                     (int)data.len, &acl, flags, on_string, request.completion));
            result = request_finish(&request, rc);
        }
        acl_release(&acl);
    }
    PyBuffer_Release(&data);
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(adelete_doc,
"adelete($module, handle, path, version=-1, completion=None, /)\n--\n\n\
As delete(), without waiting. completion(handle, rc)");

static PyObject *zk_adelete(PyObject *module, PyObject *args)
{
    (void)module;
    int id, version = -1, rc;
    PyObject *path = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|iO&:adelete", &id, as_text, &path, &version, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session, rc = zoo_adelete(request.session->handle, PyBytes_AS_STRING(path), version, on_void,
                                                 request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aexists_doc,
"aexists($module, handle, path, watcher=None, completion=None, /)\n--\n\n\
As exists(), without waiting. completion(handle, rc, stat); rc is NONODE and stat None if there is no such node.");

static PyObject *zk_aexists(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *watcher = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&O&:aexists", &id, as_text, &path, as_callback, &watcher, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, watcher)) {
        SUBMIT(request.session, rc = zoo_awexists(request.session->handle, PyBytes_AS_STRING(path),
                                                  request.watch ? on_watch : NULL, request.watch, on_stat,
                                                  request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aget_doc,
"aget($module, handle, path, watcher=None, completion=None, /)\n--\n\n\
As get(), without waiting and without a limit. completion(handle, rc, data, stat); data and stat are None unless rc is\n\
OK, and data is None for a node that was created without any.");

static PyObject *zk_aget(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *watcher = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&O&:aget", &id, as_text, &path, as_callback, &watcher, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, watcher)) {
        SUBMIT(request.session, rc = zoo_awget(request.session->handle, PyBytes_AS_STRING(path),
                                               request.watch ? on_watch : NULL, request.watch, on_data,
                                               request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aset_doc,
"aset($module, handle, path, data, version=-1, completion=None, /)\n--\n\n\
As set2(), without waiting. completion(handle, rc, stat)");

static PyObject *zk_aset(PyObject *module, PyObject *args)
{
    (void)module;
    int id, version = -1, rc;
    PyObject *path = NULL, *completion = NULL, *result = NULL;
    Py_buffer data;
    if (!PyArg_ParseTuple(args, "iO&O&|iO&:aset", &id, as_text, &path, as_data, &data, &version, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session, rc = zoo_aset(request.session->handle, PyBytes_AS_STRING(path), data.buf,
                                              (int)data.len, version, on_stat, request.completion));
        result = request_finish(&request, rc);
    }
    PyBuffer_Release(&data);
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aget_children_doc,
"aget_children($module, handle, path, watcher=None, completion=None, /)\n--\n\n\
As get_children(), without waiting. completion(handle, rc, names); names is [] unless rc is OK.");

static PyObject *zk_aget_children(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *watcher = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&O&:aget_children", &id, as_text, &path, as_callback, &watcher, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, watcher)) {
        SUBMIT(request.session, rc = zoo_awget_children(request.session->handle, PyBytes_AS_STRING(path),
                                                        request.watch ? on_watch : NULL, request.watch, on_strings,
                                                        request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

#define ASYNC_DOC                                                                                                      \
    "($module, handle, path, completion=None, /)\n--\n\n"                                                              \
    "Make this server catch up with the leader: a read queued after it sees all that was written before.\n"            \
    "completion(handle, rc, path)\n\n"                                                                                 \
    "zkpython calls it async, which Python 3.7 made a keyword: use async_, or getattr(zookeeper, 'async')."
PyDoc_STRVAR(async_doc, "async" ASYNC_DOC);
PyDoc_STRVAR(async_underscore_doc, "async_" ASYNC_DOC);

static PyObject *zk_async(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&:async", &id, as_text, &path, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session,
               rc = zoo_async(request.session->handle, PyBytes_AS_STRING(path), on_string, request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aget_acl_doc,
"aget_acl($module, handle, path, completion=None, /)\n--\n\n\
As get_acl(), without waiting. completion(handle, rc, acl, stat); note that get_acl() returns (stat, acl).");

static PyObject *zk_aget_acl(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&|O&:aget_acl", &id, as_text, &path, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session,
               rc = zoo_aget_acl(request.session->handle, PyBytes_AS_STRING(path), on_acl, request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(aset_acl_doc,
"aset_acl($module, handle, path, version, acl, completion=None, /)\n--\n\n\
As set_acl(), without waiting. completion(handle, rc)");

static PyObject *zk_aset_acl(PyObject *module, PyObject *args)
{
    (void)module;
    int id, version, rc;
    PyObject *path = NULL, *list, *completion = NULL, *result = NULL;
    if (!PyArg_ParseTuple(args, "iO&iO|O&:aset_acl", &id, as_text, &path, &version, &list, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    struct ACL_vector acl;
    if (acl_from_python(list, &acl)) {
        if (request_prepare(&request, id, completion, NULL)) {
            SUBMIT(request.session, rc = zoo_aset_acl(request.session->handle, PyBytes_AS_STRING(path), version, &acl,
                                                      on_void, request.completion));
            result = request_finish(&request, rc);
        }
        acl_release(&acl);
    }
    Py_DECREF(path);
    return result;
}

PyDoc_STRVAR(add_auth_doc,
"add_auth($module, handle, scheme, credentials, completion=None, /)\n--\n\n\
Tell the server who we are, e.g. add_auth(handle, 'digest', 'user:password'); also again after each reconnect.\n\
completion(handle, rc); if rc is AUTHFAILED the session ends with AUTH_FAILED_STATE.");

static PyObject *zk_add_auth(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *scheme = NULL, *completion = NULL, *result = NULL;
    Py_buffer credentials;
    if (!PyArg_ParseTuple(args, "iO&O&|O&:add_auth", &id, as_text, &scheme, as_data, &credentials, as_callback,
                          &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session, rc = zoo_add_auth(request.session->handle, PyBytes_AS_STRING(scheme), credentials.buf,
                                                  (int)credentials.len, on_auth, request.completion));
        result = request_finish(&request, rc);
    }
    PyBuffer_Release(&credentials);
    Py_DECREF(scheme);
    return result;
}

PyMethodDef async_methods[] = {
    {"acreate", zk_acreate, METH_VARARGS, acreate_doc},
    {"adelete", zk_adelete, METH_VARARGS, adelete_doc},
    {"aexists", zk_aexists, METH_VARARGS, aexists_doc},
    {"aget", zk_aget, METH_VARARGS, aget_doc},
    {"aset", zk_aset, METH_VARARGS, aset_doc},
    {"aget_children", zk_aget_children, METH_VARARGS, aget_children_doc},
    {"async", zk_async, METH_VARARGS, async_doc},
    {"async_", zk_async, METH_VARARGS, async_underscore_doc},
    {"aget_acl", zk_aget_acl, METH_VARARGS, aget_acl_doc},
    {"aset_acl", zk_aset_acl, METH_VARARGS, aset_acl_doc},
    {"add_auth", zk_add_auth, METH_VARARGS, add_auth_doc},
    {NULL, NULL, 0, NULL},
};
