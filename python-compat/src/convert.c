/* Values of the library as Python sees them, and back.
 *
 * Text and data are `str`, which zkpython programs concatenate, compare and print. ZooKeeper's data need not be UTF-8,
 * so bytes that are not become lone surrogates (PEP 383, "surrogateescape") instead of an exception, and those turn
 * into the same bytes again on their way back. `bytes` are accepted wherever `str` is.
 */
#include "zkmodule.h"

#include <stdlib.h>
#include <string.h>

static PyObject *encoded(PyObject *text)
{
    return PyUnicode_AsEncodedString(text, "utf-8", "surrogateescape");
}

int as_text(PyObject *object, void *result)
{
    PyObject **bytes = result;
    if (!object) { /* a later argument was bad: clean up */
        Py_CLEAR(*bytes);
        return 1;
    }
    PyObject *converted = NULL;
    if (PyUnicode_Check(object)) {
        converted = encoded(object);
    } else if (PyBytes_Check(object)) {
        Py_INCREF(object);
        converted = object;
    } else {
        raise_expected("expected str or bytes", object);
    }
    if (!converted) {
        return 0;
    }
    if (memchr(PyBytes_AS_STRING(converted), 0, (size_t)PyBytes_GET_SIZE(converted))) {
        Py_DECREF(converted);
        PyErr_SetString(PyExc_ValueError, "embedded null character");
        return 0;
    }
    *bytes = converted;
    return Py_CLEANUP_SUPPORTED;
}

int as_optional_text(PyObject *object, void *result)
{
    return object == Py_None ? 1 : as_text(object, result);
}

int as_data(PyObject *object, void *result)
{
    Py_buffer *buffer = result;
    if (!object) {
        PyBuffer_Release(buffer);
        return 1;
    }
    int failed;
    if (PyUnicode_Check(object)) {
        PyObject *bytes = encoded(object);
        failed = !bytes || PyObject_GetBuffer(bytes, buffer, PyBUF_SIMPLE) < 0;
        Py_XDECREF(bytes); /* the buffer keeps its own reference */
    } else if (PyObject_CheckBuffer(object)) {
        failed = PyObject_GetBuffer(object, buffer, PyBUF_SIMPLE) < 0;
    } else {
        raise_expected("expected str or a bytes-like object", object);
        failed = 1;
    }
    if (failed) {
        return 0;
    }
    if (buffer->len > INT_MAX) {
        PyBuffer_Release(buffer);
        PyErr_SetString(PyExc_OverflowError, "data is too long for the ZooKeeper protocol");
        return 0;
    }
    return Py_CLEANUP_SUPPORTED;
}

/* False values mean "none", because programs pass the 0 of the C API's watch flag. */
int as_callback(PyObject *object, void *result)
{
    PyObject **callback = result;
    *callback = NULL;
    if (PyCallable_Check(object)) {
        *callback = object;
        return 1;
    }
    int truth = PyObject_IsTrue(object);
    if (truth > 0) {
        raise_expected("expected a callable or None", object);
    }
    return truth == 0;
}

/* ---- ACLs: lists of {"perms": int, "scheme": str, "id": str} ---- */

void acl_release(struct ACL_vector *acl)
{
    for (int i = 0; i < acl->count; i++) {
        free(acl->data[i].id.scheme);
        free(acl->data[i].id.id);
    }
    free(acl->data);
    acl->data = NULL;
    acl->count = 0;
}

static char *copied_text(PyObject *object)
{
    PyObject *bytes = NULL;
    if (!as_text(object, &bytes)) {
        return NULL;
    }
    char *copy = strdup(PyBytes_AS_STRING(bytes));
    Py_DECREF(bytes);
    if (!copy) {
        PyErr_NoMemory();
    }
    return copy;
}

static int entry_from_python(PyObject *entry, struct ACL *acl)
{
    if (!PyDict_Check(entry)) {
        raise_invalid_acl();
        return 0;
    }
    PyObject *perms = PyDict_GetItemString(entry, "perms");
    PyObject *scheme = PyDict_GetItemString(entry, "scheme");
    PyObject *id = PyDict_GetItemString(entry, "id");
    if (!perms || !scheme || !id) {
        raise_invalid_acl();
        return 0;
    }
    acl->id.scheme = copied_text(scheme);
    acl->id.id = acl->id.scheme ? copied_text(id) : NULL;
    if (!acl->id.id) {
        return 0;
    }
    if (!PyLong_Check(perms)) {
        raise_expected("\"perms\" must be an int", perms);
        return 0;
    }
    long value = PyLong_AsLong(perms);
    if (value < INT32_MIN || value > INT32_MAX) {
        PyErr_SetString(PyExc_OverflowError, "\"perms\" does not fit into 32 bits");
    }
    acl->perms = (int32_t)value;
    return !PyErr_Occurred();
}

int acl_from_python(PyObject *list, struct ACL_vector *acl)
{
    acl->count = 0;
    acl->data = NULL;
    if (!PyList_Check(list)) {
        raise_invalid_acl();
        return 0;
    }
    Py_ssize_t count = PyList_GET_SIZE(list);
    if (count > INT_MAX / (Py_ssize_t)sizeof(struct ACL)) {
        PyErr_SetString(PyExc_OverflowError, "too many ACL entries");
        return 0;
    }
    acl->data = calloc(count ? (size_t)count : 1, sizeof *acl->data);
    if (!acl->data) {
        PyErr_NoMemory();
        return 0;
    }
    acl->count = (int32_t)count;
    for (Py_ssize_t i = 0; i < count; i++) {
        PyObject *entry = PyList_GetItem(list, i); /* checks again: comparing keys can run code that shortens the list */
        Py_XINCREF(entry);
        int good = entry && entry_from_python(entry, &acl->data[i]);
        Py_XDECREF(entry);
        if (!good) {
            acl_release(acl);
            return 0;
        }
    }
    return 1;
}

PyObject *acl_to_python(const struct ACL_vector *acl)
{
    int count = acl && acl->count > 0 ? acl->count : 0;
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        const struct ACL *from = &acl->data[i];
        PyObject *entry = Py_BuildValue("{s:i,s:N,s:N}", "perms", from->perms, "scheme",
                                        text_to_python(from->id.scheme, -1), "id", text_to_python(from->id.id, -1));
        if (!entry) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, entry);
        }
    }
    return list;
}

/* ---- results ---- */

PyObject *text_to_python(const char *text, Py_ssize_t length)
{
    if (!text) {
        Py_RETURN_NONE;
    }
    return PyUnicode_DecodeUTF8(text, length < 0 ? (Py_ssize_t)strlen(text) : length, "surrogateescape");
}

/* zxids, times and the owner are unsigned, as in zkpython. */
PyObject *stat_to_python(const struct Stat *stat)
{
    if (!stat) {
        Py_RETURN_NONE;
    }
    return Py_BuildValue("{s:K,s:K,s:K,s:K,s:i,s:i,s:i,s:K,s:i,s:i,s:K}",
                         "czxid", (unsigned long long)stat->czxid,
                         "mzxid", (unsigned long long)stat->mzxid,
                         "ctime", (unsigned long long)stat->ctime,
                         "mtime", (unsigned long long)stat->mtime,
                         "version", stat->version,
                         "cversion", stat->cversion,
                         "aversion", stat->aversion,
                         "ephemeralOwner", (unsigned long long)stat->ephemeralOwner,
                         "dataLength", stat->dataLength,
                         "numChildren", stat->numChildren,
                         "pzxid", (unsigned long long)stat->pzxid);
}

PyObject *strings_to_python(const struct String_vector *strings)
{
    int count = strings && strings->count > 0 ? strings->count : 0;
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        PyObject *item = text_to_python(strings->data[i], -1);
        if (!item) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, item);
        }
    }
    return list;
}

#ifdef ZOO_HAVE_CALMKEEPER_API
/* In the form of an ACL's identities. */
PyObject *infos_to_python(const struct ClientInfo_vector *infos)
{
    int count = infos && infos->count > 0 ? infos->count : 0;
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        const struct ClientInfo *from = &infos->data[i];
        PyObject *entry = Py_BuildValue("{s:N,s:N}", "scheme", text_to_python(from->authScheme, -1), "id",
                                        text_to_python(from->user, -1));
        if (!entry) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, entry);
        }
    }
    return list;
}
#endif
