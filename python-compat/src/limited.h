/* Replacements for parts that the stable ABI (Py_LIMITED_API, from 3.11 on) lacks or has only as functions, so that one
 * wheel serves every later Python. */
#ifndef ZKLIMITED_H
#define ZKLIMITED_H

#ifdef Py_LIMITED_API
#define PyBytes_AS_STRING PyBytes_AsString
#define PyBytes_GET_SIZE PyBytes_Size
#define PyList_GET_SIZE PyList_Size
#define PyList_SET_ITEM PyList_SetItem

/* Python 3.13 introduced the public name; each version exports one of the two. */
__attribute__((weak)) int Py_IsFinalizing(void);
__attribute__((weak)) int _Py_IsFinalizing(void);

static inline int interpreter_is_finalizing(void)
{
    return Py_IsFinalizing ? Py_IsFinalizing() : _Py_IsFinalizing && _Py_IsFinalizing();
}
#elif PY_VERSION_HEX >= 0x030D0000
#define interpreter_is_finalizing Py_IsFinalizing
#else
#define interpreter_is_finalizing _Py_IsFinalizing
#endif

/* Raises a TypeError "expected WHAT, not TYPE", where TYPE is the object's. */
static inline void raise_expected(const char *expected, PyObject *object)
{
#ifdef Py_LIMITED_API
    PyObject *name = PyType_GetName(Py_TYPE(object));
    if (name) {
        PyErr_Format(PyExc_TypeError, "%s, not %.100U", expected, name);
        Py_DECREF(name);
    }
#else
    PyErr_Format(PyExc_TypeError, "%s, not %.100s", expected, Py_TYPE(object)->tp_name);
#endif
}

#endif
