/* SystemExit in a callback: the process ends, as zkpython's programs expect from sys.exit() in a watcher.
 *
 * zkpython called PyErr_Print for that. Since Python 3 that hangs outside of the main thread: it waits for the main
 * thread to end, which may be waiting for this thread. So this code does the same steps itself: the status, the atexit
 * functions, the open streams. */
#include "zkmodule.h"

#include <stdio.h>
#include <unistd.h>

static int status_of(PyObject *exception)
{
    PyObject *code = PyObject_GetAttrString(exception, "code");
    int status = 1;
    if (code == Py_None) {
        status = 0;
    } else if (code && PyLong_Check(code)) {
        status = (int)PyLong_AsLong(code);
    } else if (code) {
        PyObject *text = PyObject_Str(code);
        if (text) {
            PySys_FormatStderr("%U\n", text);
        }
        Py_XDECREF(text);
    }
    Py_XDECREF(code);
    PyErr_Clear();
    return status;
}

static void call_quietly(PyObject *object, const char *method)
{
    PyObject *result = object ? PyObject_CallMethod(object, method, NULL) : NULL;
    Py_XDECREF(result);
    PyErr_Clear();
}

/* Called with SystemExit raised. Does not return. */
void leave_process(void)
{
    PyObject *type, *exception, *traceback;
    PyErr_Fetch(&type, &exception, &traceback);
    PyErr_NormalizeException(&type, &exception, &traceback);
    int status = status_of(exception);
    call_quietly(PyImport_ImportModule("atexit"), "_run_exitfuncs");
    call_quietly(PySys_GetObject("stdout"), "flush");
    call_quietly(PySys_GetObject("stderr"), "flush");
    fflush(NULL);
    /* Not exit(): its handlers would destroy data that the other threads are using. */
    _exit(status);
}
