/* Exceptions and constants: one row each, so that the module, its tests and its documentation can be compared. */
#include "zkmodule.h"

PyObject *ZooKeeperException;
static PyObject *SystemErrorException;

/* The code of an exception, its name, the exception object, and whether it is also a SystemErrorException. For three
 * codes zkpython 0.4 raised SystemErrorException, and Apache's later sources raise a separate class; ours is caught by
 * handlers for either. */
static struct error {
    int code;
    const char *name;
    int also_system_error;
    PyObject *exception;
} errors[] = {
    {ZSYSTEMERROR, "SystemErrorException", 0, NULL}, /* first: it is a base of others */
    {ZRUNTIMEINCONSISTENCY, "RuntimeInconsistencyException", 0, NULL},
    {ZDATAINCONSISTENCY, "DataInconsistencyException", 0, NULL},
    {ZCONNECTIONLOSS, "ConnectionLossException", 0, NULL},
    {ZMARSHALLINGERROR, "MarshallingErrorException", 0, NULL},
    {ZUNIMPLEMENTED, "UnimplementedException", 0, NULL},
    {ZOPERATIONTIMEOUT, "OperationTimeoutException", 0, NULL},
    {ZBADARGUMENTS, "BadArgumentsException", 0, NULL},
    {ZINVALIDSTATE, "InvalidStateException", 1, NULL},
    {ZAPIERROR, "ApiErrorException", 0, NULL},
    {ZNONODE, "NoNodeException", 0, NULL},
    {ZNOAUTH, "NoAuthException", 0, NULL},
    {ZBADVERSION, "BadVersionException", 0, NULL},
    {ZNOCHILDRENFOREPHEMERALS, "NoChildrenForEphemeralsException", 0, NULL},
    {ZNODEEXISTS, "NodeExistsException", 0, NULL},
    {ZNOTEMPTY, "NotEmptyException", 0, NULL},
    {ZSESSIONEXPIRED, "SessionExpiredException", 0, NULL},
    {ZINVALIDCALLBACK, "InvalidCallbackException", 0, NULL},
    {ZINVALIDACL, "InvalidACLException", 0, NULL},
    {ZAUTHFAILED, "AuthFailedException", 0, NULL},
    {ZCLOSING, "ClosingException", 1, NULL},
    {ZNOTHING, "NothingException", 1, NULL},
    {ZSESSIONMOVED, "SessionMovedException", 0, NULL},
    /* Codes without an exception in zkpython, whose handlers are written for SystemErrorException. Apache's header does
     * not define all of them. */
    {NO_WATCHER, "NoWatcherException", 1, NULL},
    {REQUEST_TIMEOUT, "RequestTimeoutException", 1, NULL},
    {QUOTA_EXCEEDED, "QuotaExceededException", 1, NULL},
};
#define ERRORS (sizeof errors / sizeof errors[0])

/* Codes without an exception class of their own raise SystemErrorException, as in zkpython; the text has the code. */
PyObject *raise_code(int rc)
{
    PyObject *exception = SystemErrorException;
    for (size_t i = 0; i < ERRORS; i++) {
        if (errors[i].code == rc) {
            exception = errors[i].exception;
        }
    }
    PyErr_SetString(exception, zerror(rc));
    return NULL;
}

PyObject *raise_invalid_acl(void)
{
    return raise_code(ZINVALIDACL);
}

PyObject *raise_lacking(const char *function)
{
    return PyErr_Format(PyExc_NotImplementedError, "the library has no %s", function);
}

static PyObject *new_exception(PyObject *module, const char *name, PyObject *base)
{
    char qualified[80];
    PyOS_snprintf(qualified, sizeof qualified, "zookeeper.%s", name);
    PyObject *exception = PyErr_NewException(qualified, base, NULL);
    if (exception) {
        Py_INCREF(exception);
        if (PyModule_AddObject(module, name, exception) < 0) {
            Py_DECREF(exception);
            Py_CLEAR(exception);
        }
    }
    return exception;
}

int errors_add_to(PyObject *module)
{
    ZooKeeperException = new_exception(module, "ZooKeeperException", PyExc_Exception);
    for (size_t i = 0; ZooKeeperException && i < ERRORS; i++) {
        PyObject *base = errors[i].also_system_error ? SystemErrorException : ZooKeeperException;
        errors[i].exception = new_exception(module, errors[i].name, base);
        if (!errors[i].exception) {
            return -1;
        }
        if (errors[i].code == ZSYSTEMERROR) {
            SystemErrorException = errors[i].exception;
        }
    }
    return ZooKeeperException ? 0 : -1;
}

/* For objects of the library the table has addresses: their values come from the loaded library. */
static const struct {
    const char *name;
    const int *object;
    int value;
} constants[] = {
    {"PERM_READ", &ZOO_PERM_READ, 0},
    {"PERM_WRITE", &ZOO_PERM_WRITE, 0},
    {"PERM_CREATE", &ZOO_PERM_CREATE, 0},
    {"PERM_DELETE", &ZOO_PERM_DELETE, 0},
    {"PERM_ADMIN", &ZOO_PERM_ADMIN, 0},
    {"PERM_ALL", &ZOO_PERM_ALL, 0},
    {"EPHEMERAL", &ZOO_EPHEMERAL, 0},
    {"SEQUENCE", &ZOO_SEQUENCE, 0},
    {"EXPIRED_SESSION_STATE", &ZOO_EXPIRED_SESSION_STATE, 0},
    {"AUTH_FAILED_STATE", &ZOO_AUTH_FAILED_STATE, 0},
    {"CONNECTING_STATE", &ZOO_CONNECTING_STATE, 0},
    {"ASSOCIATING_STATE", &ZOO_ASSOCIATING_STATE, 0},
    {"CONNECTED_STATE", &ZOO_CONNECTED_STATE, 0},
    {"CREATED_EVENT", &ZOO_CREATED_EVENT, 0},
    {"DELETED_EVENT", &ZOO_DELETED_EVENT, 0},
    {"CHANGED_EVENT", &ZOO_CHANGED_EVENT, 0},
    {"CHILD_EVENT", &ZOO_CHILD_EVENT, 0},
    {"SESSION_EVENT", &ZOO_SESSION_EVENT, 0},
    {"NOTWATCHING_EVENT", &ZOO_NOTWATCHING_EVENT, 0},
    {"LOG_LEVEL_ERROR", NULL, ZOO_LOG_LEVEL_ERROR},
    {"LOG_LEVEL_WARN", NULL, ZOO_LOG_LEVEL_WARN},
    {"LOG_LEVEL_INFO", NULL, ZOO_LOG_LEVEL_INFO},
    {"LOG_LEVEL_DEBUG", NULL, ZOO_LOG_LEVEL_DEBUG},
    {"OK", NULL, ZOK},
    {"SYSTEMERROR", NULL, ZSYSTEMERROR},
    {"RUNTIMEINCONSISTENCY", NULL, ZRUNTIMEINCONSISTENCY},
    {"DATAINCONSISTENCY", NULL, ZDATAINCONSISTENCY},
    {"CONNECTIONLOSS", NULL, ZCONNECTIONLOSS},
    {"MARSHALLINGERROR", NULL, ZMARSHALLINGERROR},
    {"UNIMPLEMENTED", NULL, ZUNIMPLEMENTED},
    {"OPERATIONTIMEOUT", NULL, ZOPERATIONTIMEOUT},
    {"BADARGUMENTS", NULL, ZBADARGUMENTS},
    {"INVALIDSTATE", NULL, ZINVALIDSTATE},
    {"APIERROR", NULL, ZAPIERROR},
    {"NONODE", NULL, ZNONODE},
    {"NOAUTH", NULL, ZNOAUTH},
    {"BADVERSION", NULL, ZBADVERSION},
    {"NOCHILDRENFOREPHEMERALS", NULL, ZNOCHILDRENFOREPHEMERALS},
    {"NODEEXISTS", NULL, ZNODEEXISTS},
    {"NOTEMPTY", NULL, ZNOTEMPTY},
    {"SESSIONEXPIRED", NULL, ZSESSIONEXPIRED},
    {"INVALIDCALLBACK", NULL, ZINVALIDCALLBACK},
    {"INVALIDACL", NULL, ZINVALIDACL},
    {"AUTHFAILED", NULL, ZAUTHFAILED},
    {"CLOSING", NULL, ZCLOSING},
    {"NOTHING", NULL, ZNOTHING},
    {"SESSIONMOVED", NULL, ZSESSIONMOVED},
    {"NOWATCHER", NULL, NO_WATCHER},
    {"REQUESTTIMEOUT", NULL, REQUEST_TIMEOUT},
    {"QUOTAEXCEEDED", NULL, QUOTA_EXCEEDED},
    {"ADD_WATCH_PERSISTENT", NULL, 0},
    {"ADD_WATCH_PERSISTENT_RECURSIVE", NULL, 1},
    {"WATCHTYPE_CHILD", NULL, WATCHTYPE_CHILD},
    {"WATCHTYPE_DATA", NULL, WATCHTYPE_DATA},
    {"WATCHTYPE_ANY", NULL, WATCHTYPE_ANY},
    {"WATCHTYPE_PERSISTENT", NULL, WATCHTYPE_PERSISTENT},
    {"WATCHTYPE_PERSISTENT_RECURSIVE", NULL, WATCHTYPE_PERSISTENT_RECURSIVE},
    {"READONLY", NULL, ZOO_READONLY},
    {"NO_LOG_CLIENTENV", NULL, 2},
    {"EXPIRE_LOCALLY", NULL, EXPIRE_LOCALLY},
};

int constants_add_to(PyObject *module)
{
    for (size_t i = 0; i < sizeof constants / sizeof constants[0]; i++) {
        int value = constants[i].object ? *constants[i].object : constants[i].value;
        if (PyModule_AddIntConstant(module, constants[i].name, value) < 0) {
            return -1;
        }
    }
    return PyModule_AddStringConstant(module, "__version__", ZOO_VERSION);
}
