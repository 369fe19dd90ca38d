/* Reads that servers offer since 3.6 and 3.7: identities, ephemeral nodes, numbers of descendants, several reads at
 * once. */
#include "zkmodule.h"

#include <stdlib.h>
#include <string.h>

#ifndef ZOO_HAVE_CALMKEEPER_API

void reads_free(struct reads *reads)
{
    (void)reads;
}

PyObject *reads_to_python(struct reads *reads, int rc)
{
    (void)reads;
    (void)rc;
    return PyList_New(0);
}

PyMethodDef read_methods[] = {{NULL, NULL, 0, NULL}};

#else

/* The default of the longest data that a read returns: ZooKeeper's usual limit for a node. */
enum { DEFAULT_READ_LENGTH = 1024 * 1024 };

/* The behaviour of older servers, for help(). */
#define NEEDS(version)                                                                                                 \
    "Needs servers of " version ": an older one closes the connection, and the call raises UnimplementedException or\n" \
    "ConnectionLossException. Raises NotImplementedError on Apache's library."

PyDoc_STRVAR(whoami_doc,
"whoami($module, handle, /)\n--\n\n"
"Return who the server takes the session for: a list of {'scheme': str, 'id': str}, such as 'ip' and the address, and\n"
"'digest' and the user.\n\n" NEEDS("3.7"));

static PyObject *zk_whoami(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc = 0;
    if (!zoo_whoami) {
        return raise_lacking("zoo_whoami");
    }
    if (!PyArg_ParseTuple(args, "i:whoami", &id)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (!session) {
        return NULL;
    }
    struct ClientInfo_vector infos = {0, NULL};
    WAIT(session, rc = zoo_whoami(session->handle, &infos));
    session_left_wait(session);
    if (rc != ZOK) {
        return raise_code(rc);
    }
    PyObject *result = infos_to_python(&infos);
    deallocate_ClientInfo_vector(&infos);
    return result;
}

PyDoc_STRVAR(awhoami_doc,
"awhoami($module, handle, completion=None, /)\n--\n\n\
As whoami(), without waiting. completion(handle, rc, identities); identities is [] unless rc is OK.");

static PyObject *zk_awhoami(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *completion = NULL;
    if (!zoo_awhoami) {
        return raise_lacking("zoo_awhoami");
    }
    if (!PyArg_ParseTuple(args, "i|O&:awhoami", &id, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (!request_prepare(&request, id, completion, NULL)) {
        return NULL;
    }
    SUBMIT(request.session, rc = zoo_awhoami(request.session->handle, on_infos, request.completion));
    return request_finish(&request, rc);
}

PyDoc_STRVAR(get_ephemerals_doc,
"get_ephemerals($module, handle, prefix='/', /)\n--\n\n"
"Return the paths of this session's ephemeral nodes that start with `prefix`, as a list in no particular order. The\n"
"comparison is by bytes: '/app/wor' selects '/app/worker-1'.\n\n"
"Raises BadArgumentsException for a prefix that does not start with a slash. " NEEDS("3.6"));

static PyObject *zk_get_ephemerals(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc = 0;
    PyObject *prefix = NULL, *result = NULL;
    if (!zoo_get_ephemerals) {
        return raise_lacking("zoo_get_ephemerals");
    }
    if (!PyArg_ParseTuple(args, "i|O&:get_ephemerals", &id, as_text, &prefix)) {
        return NULL;
    }
    struct session *session = session_find(id);
    struct String_vector paths = {0, NULL};
    if (session) {
        const char *start = prefix ? PyBytes_AS_STRING(prefix) : "/";
        WAIT(session, rc = zoo_get_ephemerals(session->handle, start, &paths));
        session_left_wait(session);
        if (rc == ZOK) {
            result = strings_to_python(&paths);
            deallocate_String_vector(&paths);
        } else {
            raise_code(rc);
        }
    }
    Py_XDECREF(prefix);
    return result;
}

PyDoc_STRVAR(aget_ephemerals_doc,
"aget_ephemerals($module, handle, prefix='/', completion=None, /)\n--\n\n\
As get_ephemerals(), without waiting. completion(handle, rc, paths); paths is [] unless rc is OK.");

static PyObject *zk_aget_ephemerals(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *prefix = NULL, *completion = NULL, *result = NULL;
    if (!zoo_aget_ephemerals) {
        return raise_lacking("zoo_aget_ephemerals");
    }
    if (!PyArg_ParseTuple(args, "i|O&O&:aget_ephemerals", &id, as_text, &prefix, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session,
               rc = zoo_aget_ephemerals(request.session->handle, prefix ? PyBytes_AS_STRING(prefix) : "/", on_strings,
                                        request.completion));
        result = request_finish(&request, rc);
    }
    Py_XDECREF(prefix);
    return result;
}

PyDoc_STRVAR(get_all_children_number_doc,
"get_all_children_number($module, handle, path, /)\n--\n\n"
"Return the number of a node's descendants: its children, their children and so on, without the node.\n\n"
"Raises NoNodeException. " NEEDS("3.6"));

static PyObject *zk_get_all_children_number(PyObject *module, PyObject *args)
{
    (void)module;
    int id, number = 0, rc = 0;
    PyObject *path = NULL;
    if (!zoo_get_all_children_number) {
        return raise_lacking("zoo_get_all_children_number");
    }
    if (!PyArg_ParseTuple(args, "iO&:get_all_children_number", &id, as_text, &path)) {
        return NULL;
    }
    struct session *session = session_find(id);
    if (session) {
        WAIT(session, rc = zoo_get_all_children_number(session->handle, PyBytes_AS_STRING(path), &number));
        session_left_wait(session);
    }
    Py_DECREF(path);
    return !session ? NULL : rc == ZOK ? PyLong_FromLong(number) : raise_code(rc);
}

PyDoc_STRVAR(aget_all_children_number_doc,
"aget_all_children_number($module, handle, path, completion=None, /)\n--\n\n\
As get_all_children_number(), without waiting. completion(handle, rc, number); number is 0 unless rc is OK.");

static PyObject *zk_aget_all_children_number(PyObject *module, PyObject *args)
{
    (void)module;
    int id, rc;
    PyObject *path = NULL, *completion = NULL, *result = NULL;
    if (!zoo_aget_all_children_number) {
        return raise_lacking("zoo_aget_all_children_number");
    }
    if (!PyArg_ParseTuple(args, "iO&|O&:aget_all_children_number", &id, as_text, &path, as_callback, &completion)) {
        return NULL;
    }
    struct request request;
    if (request_prepare(&request, id, completion, NULL)) {
        SUBMIT(request.session, rc = zoo_aget_all_children_number(request.session->handle, PyBytes_AS_STRING(path),
                                                                  on_number, request.completion));
        result = request_finish(&request, rc);
    }
    Py_DECREF(path);
    return result;
}

/* ---- several reads with one request ---- */

/* One read, and the memory for its result. */
struct read {
    PyObject *path; /* bytes, owned */
    char *data;     /* get: the buffer; NULL: this is get_children */
    struct Stat stat;
    struct String_vector names;
};

struct reads {
    int count;
    struct read *each;
    zoo_op_t *ops;
    zoo_op_result_t *results;
};

void reads_free(struct reads *reads)
{
    for (int i = 0; reads && i < reads->count; i++) {
        Py_XDECREF(reads->each[i].path);
        free(reads->each[i].data);
        if (reads->results[i].err == ZOK && !reads->each[i].data) {
            deallocate_String_vector(&reads->each[i].names);
        }
    }
    if (reads) {
        free(reads->each);
        free(reads->ops);
        free(reads->results);
        free(reads);
    }
}

/* Converts one entry of the list: a pair (kind, path). Returns 0 with an exception on failure. */
static int read_from_python(PyObject *item, int length, struct read *read, zoo_op_t *op)
{
    const char *kind;
    PyObject *pair = PySequence_Tuple(item);
    int is_good = pair && PyArg_ParseTuple(pair, "sO&;a read must be a pair (kind, path)", &kind, as_text, &read->path);
    if (is_good && strcmp(kind, "get") == 0) {
        read->data = malloc(length ? (size_t)length : 1);
        if (read->data) {
            zoo_get_op_init(op, PyBytes_AS_STRING(read->path), read->data, length, &read->stat);
        } else {
            PyErr_NoMemory();
        }
    } else if (is_good && strcmp(kind, "get_children") == 0) {
        zoo_get_children_op_init(op, PyBytes_AS_STRING(read->path), &read->names);
    } else if (is_good) {
        PyErr_SetString(PyExc_ValueError, "the kind of a read must be 'get' or 'get_children'");
    }
    Py_XDECREF(pair);
    return !PyErr_Occurred();
}

static struct reads *reads_from_python(PyObject *list, int length)
{
    if (length < 0) {
        PyErr_SetString(PyExc_ValueError, "length must not be negative");
        return NULL;
    }
    PyObject *items = PySequence_Tuple(list);
    Py_ssize_t count = items ? PyTuple_Size(items) : 0;
    struct reads *reads = items ? calloc(1, sizeof *reads) : NULL;
    if (reads && count <= INT_MAX) {
        reads->each = calloc((size_t)count + 1, sizeof *reads->each);
        reads->ops = calloc((size_t)count + 1, sizeof *reads->ops);
        reads->results = calloc((size_t)count + 1, sizeof *reads->results);
    }
    if (items && !(reads && reads->each && reads->ops && reads->results)) {
        PyErr_NoMemory();
    }
    for (Py_ssize_t i = 0; i < count && !PyErr_Occurred(); i++) {
        reads->count = (int)i + 1;
        reads->results[i].err = ZSYSTEMERROR; /* there is no list to free */
        read_from_python(PyTuple_GetItem(items, i), length, &reads->each[i], &reads->ops[i]);
    }
    Py_XDECREF(items);
    if (PyErr_Occurred()) {
        reads_free(reads);
        return NULL;
    }
    return reads;
}

static PyObject *value_of(const struct read *read, const zoo_op_result_t *result)
{
    if (result->err != ZOK) {
        Py_RETURN_NONE;
    }
    if (!read->data) {
        return strings_to_python(&read->names);
    }
    /* As get(): a node without data has length -1. */
    return Py_BuildValue("(NN)", text_to_python(read->data, result->valuelen < 0 ? 0 : result->valuelen),
                         stat_to_python(&read->stat));
}

PyObject *reads_to_python(struct reads *reads, int rc)
{
    int count = rc == ZOK ? reads->count : 0;
    PyObject *list = PyList_New(count);
    for (int i = 0; list && i < count; i++) {
        PyObject *pair = Py_BuildValue("(iN)", reads->results[i].err, value_of(&reads->each[i], &reads->results[i]));
        if (!pair) {
            Py_CLEAR(list);
        } else {
            PyList_SET_ITEM(list, i, pair);
        }
    }
    return list;
}

PyDoc_STRVAR(multi_read_doc,
"multi_read($module, handle, reads, length=1048576, /)\n--\n\n"
"Do several reads with one request, which leave no watches. Returns a list of as many pairs (rc, value).\n"
"\n"
"  reads   list of ('get', path) and ('get_children', path)\n"
"  length  how many bytes of a node's data are returned at most\n"
"\n"
"The reads fail one by one: rc is OK or the code of that read, such as NONODE, and then value is None. Else value is what\n"
"the call of that name returns: (data, stat) or the list of names.\n"
"\n"
"Raises BadArgumentsException for a bad path, ValueError for another kind of read; otherwise only if the server has not\n"
"answered. " NEEDS("3.6"));

static PyObject *zk_multi_read(PyObject *module, PyObject *args)
{
    (void)module;
    int id, length = DEFAULT_READ_LENGTH, rc = 0;
    PyObject *list, *result = NULL;
    if (!zoo_multi_read) {
        return raise_lacking("zoo_multi_read");
    }
    if (!PyArg_ParseTuple(args, "iO|i:multi_read", &id, &list, &length)) {
        return NULL;
    }
    struct reads *reads = reads_from_python(list, length);
    struct session *session = reads ? session_find(id) : NULL;
    if (session) {
        WAIT(session, rc = zoo_multi_read(session->handle, reads->count, reads->ops, reads->results));
        session_left_wait(session);
        result = rc == ZOK ? reads_to_python(reads, rc) : raise_code(rc);
    }
    reads_free(reads);
    return result;
}

PyDoc_STRVAR(amulti_read_doc,
"amulti_read($module, handle, reads, length=1048576, completion=None, /)\n--\n\n\
As multi_read(), without waiting. completion(handle, rc, results); results is [] unless rc is OK.");

static PyObject *zk_amulti_read(PyObject *module, PyObject *args)
{
    (void)module;
    int id, length = DEFAULT_READ_LENGTH, rc;
    PyObject *list, *completion = NULL;
    if (!zoo_amulti_read) {
        return raise_lacking("zoo_amulti_read");
    }
    if (!PyArg_ParseTuple(args, "iO|iO&:amulti_read", &id, &list, &length, as_callback, &completion)) {
        return NULL;
    }
    struct reads *reads = reads_from_python(list, length);
    struct request request = {.session = reads ? session_find(id) : NULL};
    /* Needed even without a completion: the context owns the memory that the library writes to. */
    request.completion = request.session ? context_new(request.session, completion, 0) : NULL;
    if (!request.completion) {
        reads_free(reads);
        return NULL;
    }
    request.completion->reads = reads;
    SUBMIT(request.session, rc = zoo_amulti_read(request.session->handle, reads->count, reads->ops, reads->results, on_reads,
                                                 request.completion));
    return request_finish(&request, rc);
}

PyMethodDef read_methods[] = {
    {"whoami", zk_whoami, METH_VARARGS, whoami_doc},
    {"awhoami", zk_awhoami, METH_VARARGS, awhoami_doc},
    {"get_ephemerals", zk_get_ephemerals, METH_VARARGS, get_ephemerals_doc},
    {"aget_ephemerals", zk_aget_ephemerals, METH_VARARGS, aget_ephemerals_doc},
    {"get_all_children_number", zk_get_all_children_number, METH_VARARGS, get_all_children_number_doc},
    {"aget_all_children_number", zk_aget_all_children_number, METH_VARARGS, aget_all_children_number_doc},
    {"multi_read", zk_multi_read, METH_VARARGS, multi_read_doc},
    {"amulti_read", zk_amulti_read, METH_VARARGS, amulti_read_doc},
    {NULL, NULL, 0, NULL},
};

#endif
