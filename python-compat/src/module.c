/* `import zookeeper`: assembles the parts of the module. */
#include "zkmodule.h"

#include <dlfcn.h>

PyDoc_STRVAR(module_doc,
"ZooKeeper for Python: the API of zkpython 0.4 over libzookeeper_mt.\n\
\n\
A session is an integer handle: init(), init_ssl() or init_sasl() returns it, everything else takes it first, close()\n\
ends it. Watchers are called as watcher(handle, type, state, path) and completions as completion(handle, rc, ...), on\n\
the library's own thread. Errors raise subclasses of ZooKeeperException. Text and data come as str in which bytes that are not UTF-8\n\
are lone surrogates: value.encode('utf-8', 'surrogateescape') gives the exact bytes.\n\
\n\
Not in zkpython: TLS and SASL; persistent watches (add_watch, remove_watches), whoami, get_ephemerals,\n\
get_all_children_number, multi_read, each with an asynchronous twin whose name begins with a; set_request_timeout, and the\n\
arguments flags and request_timeout of init(). Most of these raise NotImplementedError on Apache's library.");

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "zookeeper",
    .m_doc = module_doc,
    .m_size = -1, /* the library's threads know one interpreter only */
};

/* `zookeeper.library`: the file of the library that the loader has chosen for the module; "" if it is unknown. */
static int library_add_to(PyObject *module)
{
    Dl_info found;
    if (dladdr((void *)zookeeper_init, &found) == 0 || found.dli_fname == NULL) {
        return PyModule_AddStringConstant(module, "library", "");
    }
    PyObject *path = PyUnicode_DecodeFSDefault(found.dli_fname);
    if (path == NULL || PyModule_AddObject(module, "library", path) < 0) {
        Py_XDECREF(path);
        return -1;
    }
    return 0;
}

/* Everything else is hidden (-fvisibility=hidden). Python 3.8's PyMODINIT_FUNC does not make this function visible, so
 * it is done here. */
__attribute__((visibility("default"))) PyMODINIT_FUNC PyInit_zookeeper(void);

PyMODINIT_FUNC PyInit_zookeeper(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (!module) {
        return NULL;
    }
    if (errors_add_to(module) < 0 || constants_add_to(module) < 0 || PyModule_AddFunctions(module, open_methods) < 0
        || PyModule_AddFunctions(module, session_methods) < 0
        || PyModule_AddFunctions(module, sync_methods) < 0 || PyModule_AddFunctions(module, async_methods) < 0
        || PyModule_AddFunctions(module, watch_methods) < 0 || PyModule_AddFunctions(module, read_methods) < 0
        || library_add_to(module) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
