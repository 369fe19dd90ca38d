/* The functions that begin a session: plain, with TLS, with SASL. */
#include "zkmodule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Apache's headers declare these only together with the headers of OpenSSL and Cyrus SASL, and a library built without
 * those lacks the functions, as Debian's does. */
struct sasl_answer {
    unsigned long id;
    int (*function)(void);
    void *context;
};
struct sasl_settings {
    const char *service, *host, *mechanisms;
    const struct sasl_answer *answers;
};
__attribute__((weak)) zhandle_t *zookeeper_init_ssl(const char *hosts, const char *cert, watcher_fn watcher, int recv_timeout,
                                                    const clientid_t *client, void *context, int flags);
__attribute__((weak)) zhandle_t *zookeeper_init_sasl(const char *hosts, watcher_fn watcher, int recv_timeout,
                                                     const clientid_t *client, void *context, int flags, log_callback_fn log,
                                                     struct sasl_settings *settings);

/* ---- the answers to a mechanism's questions ---- */

/* Question numbers of Cyrus SASL. */
enum { ANSWER_END = 0, ANSWER_USER = 0x4001, ANSWER_AUTHNAME = 0x4002, ANSWER_PASS = 0x4004, ANSWER_REALM = 0x4008 };
enum { SASL_ANSWERED = 0, SASL_FAILED = -1 };

struct secret {
    unsigned long length;
    char bytes[1];
};
struct sasl {
    struct sasl_answer answers[5];
    struct secret *password; /* NULL for none */
    char *user, *realm;      /* NULL for none */
};

void sasl_free(struct sasl *sasl)
{
    if (!sasl) {
        return;
    }
    for (unsigned long i = 0; sasl->password && i < sasl->password->length; i++) {
        ((volatile char *)sasl->password->bytes)[i] = 0;
    }
    free(sasl->password);
    free(sasl->user);
    free(sasl->realm);
    free(sasl);
}

/* Called on a thread of the library, without the GIL. */
static int answer_name(void *context, int id, const char **result, unsigned *length)
{
    struct sasl *sasl = context;
    (void)id;
    *result = sasl->user;
    if (length) {
        *length = sasl->user ? (unsigned)strlen(sasl->user) : 0;
    }
    return SASL_ANSWERED;
}

static int answer_realm(void *context, int id, const char **offered, const char **result)
{
    struct sasl *sasl = context;
    (void)id;
    (void)offered;
    *result = sasl->realm;
    return SASL_ANSWERED;
}

static int answer_password(void *connection, void *context, int id, struct secret **result)
{
    struct sasl *sasl = context;
    (void)connection;
    (void)id;
    *result = sasl->password;
    return sasl->password ? SASL_ANSWERED : SASL_FAILED;
}

/* Returns NULL with an exception on failure. The arguments are bytes objects or NULL. */
static struct sasl *sasl_new(PyObject *user, PyObject *password, PyObject *realm)
{
    struct sasl *sasl = calloc(1, sizeof *sasl);
    if (!sasl) {
        PyErr_NoMemory();
        return NULL;
    }
    int short_of_memory = (user && !(sasl->user = strdup(PyBytes_AS_STRING(user))))
                          || (realm && !(sasl->realm = strdup(PyBytes_AS_STRING(realm))));
    if (password) {
        size_t length = (size_t)PyBytes_GET_SIZE(password);
        sasl->password = calloc(1, sizeof *sasl->password + length);
        if (sasl->password) {
            sasl->password->length = length;
            memcpy(sasl->password->bytes, PyBytes_AS_STRING(password), length);
        }
        short_of_memory |= !sasl->password;
    }
    if (short_of_memory) {
        sasl_free(sasl);
        PyErr_NoMemory();
        return NULL;
    }
    typedef int (*answer_function)(void);
    typedef void (*any_function)(void); /* each is called with its own type, which the id says */
    const struct sasl_answer answers[] = {
        {ANSWER_REALM, (answer_function)(any_function)answer_realm, sasl},
        {ANSWER_USER, (answer_function)(any_function)answer_name, sasl},
        {ANSWER_AUTHNAME, (answer_function)(any_function)answer_name, sasl},
        {ANSWER_PASS, (answer_function)(any_function)answer_password, sasl},
        {ANSWER_END, NULL, NULL},
    };
    memcpy(sasl->answers, answers, sizeof answers);
    return sasl;
}

/* ---- what the three have in common ---- */

struct opening {
    PyObject *hosts;    /* bytes, owned */
    PyObject *watcher;  /* borrowed, or NULL */
    PyObject *pair;     /* an earlier session, borrowed, or NULL */
    int timeout;
    int flags;           /* of zookeeper_init() */
    int request_timeout; /* in milliseconds, 0 to leave it as the environment says */
    PyObject *cert;     /* bytes, owned; NULL for a session without zookeeper_init_ssl */
    struct sasl *sasl;  /* owned; NULL for one without zookeeper_init_sasl */
    struct sasl_settings settings;
};

/* 1 if `pair` asks for an earlier session, 0 for a new one, -1 with an exception. */
static int parse_client_id(PyObject *pair, clientid_t *client)
{
    memset(client, 0, sizeof *client);
    if (!pair || pair == Py_None) {
        return 0;
    }
    PyObject *items = PySequence_Tuple(pair);
    Py_buffer password;
    if (!items || !PyArg_ParseTuple(items, "LO&;client_id must be a pair (id, password)", &client->client_id, as_data,
                                    &password)) {
        Py_XDECREF(items);
        return -1;
    }
    /* Shorter passwords are padded with NULs, which client_id() leaves out. */
    size_t length = (size_t)password.len < sizeof client->passwd ? (size_t)password.len : sizeof client->passwd;
    memcpy(client->passwd, password.buf, length);
    PyBuffer_Release(&password);
    Py_DECREF(items);
    return client->client_id != -1; /* zkpython: -1 stands for none */
}

static zhandle_t *call_library(struct opening *how, const clientid_t *client, struct session *session)
{
    const char *hosts = PyBytes_AS_STRING(how->hosts);
    /* The module's own watcher is always set, with the session as its context, so set_watcher() only has to change a
     * reference, and an event that is being delivered at that moment always has a valid context. */
    if (how->cert) {
        return zookeeper_init_ssl(hosts, PyBytes_AS_STRING(how->cert), on_session_watcher, how->timeout, client, session,
                                  how->flags);
    }
    if (how->sasl) {
        return zookeeper_init_sasl(hosts, on_session_watcher, how->timeout, client, session, how->flags, NULL,
                                   &how->settings);
    }
    return zookeeper_init(hosts, on_session_watcher, how->timeout, client, session, how->flags);
}

/* Returns 0 with an exception for deadlines that the library does not have, or that are out of range. */
static int check_deadlines(const struct opening *how)
{
    if (how->request_timeout < 0) {
        raise_code(ZBADARGUMENTS);
        return 0;
    }
#ifdef ZOO_HAVE_CALMKEEPER_API
    if (zoo_set_request_timeout) {
        return 1;
    }
#endif
    if (how->request_timeout || (how->flags & EXPIRE_LOCALLY)) {
        raise_lacking(how->request_timeout ? "request timeout" : "local expiry");
        return 0;
    }
    return 1;
}

/* The handle as a Python object; takes over what the opening owns. */
static PyObject *open_session(struct opening *how)
{
    clientid_t client;
    int resume = check_deadlines(how) ? parse_client_id(how->pair, &client) : -1;
    sessions_reap_orphans();
    struct session *session = resume < 0 ? NULL : session_new();
    PyObject *result = NULL;
    if (session) {
        Py_XINCREF(how->watcher);
        session->watcher = how->watcher;
        session->sasl = how->sasl;
        zhandle_t *handle;
        int error;
        Py_BEGIN_ALLOW_THREADS
        errno = 0;
        handle = call_library(how, resume ? &client : NULL, session);
        error = errno;
#ifdef ZOO_HAVE_CALMKEEPER_API
        if (handle && how->request_timeout) {
            zoo_set_request_timeout(handle, how->request_timeout); /* covers requests in flight too */
        }
#endif
        Py_END_ALLOW_THREADS
        if (handle) {
            session->handle = handle;
            result = PyLong_FromLong(session->id);
        } else {
            session_discard(session);
            PyErr_Format(ZooKeeperException, "no zookeeper handle: %s", strerror(error));
        }
    } else {
        sasl_free(how->sasl);
    }
    Py_DECREF(how->hosts);
    Py_XDECREF(how->cert);
    return result;
}

/* ---- the functions ---- */

PyDoc_STRVAR(init_doc,
"init($module, hosts, watcher=None, recv_timeout=10000, client_id=None, /, *, flags=0, request_timeout=0)\n--\n\n\
Start a session and return its handle; it is usable once the watcher has been called with CONNECTED_STATE, and calls\n\
made before that wait for it.\n\
\n\
  hosts         'host:port,host:port,...', at the end optionally '/path' to which all paths are then relative\n\
  watcher       the default watcher: watcher(handle, type, state, path) for session events\n\
  recv_timeout  session timeout asked for, in milliseconds\n\
  client_id     (id, password) of an earlier session, from client_id(), to go on with that\n\
  flags         READONLY: a server without a quorum will do, for reads, until there is one that has it;\n\
                NO_LOG_CLIENTENV: do not log the lines about the environment; EXPIRE_LOCALLY: the session also expires,\n\
                without a server's word, when no server has said anything for 4/3 of its timeout; or-ed\n\
  request_timeout  as set_request_timeout() sets, in milliseconds; 0 leaves ZOO_REQUEST_TIMEOUT_MS of the environment, if\n\
                set, in force\n\
\n\
EXPIRE_LOCALLY and request_timeout raise NotImplementedError on Apache's library. ZOO_LOCAL_EXPIRY=1 in the environment\n\
sets that flag for all sessions. Only the environment has ZOO_RECONNECT_FORGET_ZXID=1, for servers whose data was wiped:\n\
a session that all of them turn away for two session timeouts asks as one that has seen nothing, and can then read data\n\
older than what it has read before.\n\
\n\
TLS and SASL can be set by the environment, see init_ssl() and init_sasl(). Raises ZooKeeperException if the host list\n\
cannot be used.");

static PyObject *zk_init(PyObject *module, PyObject *args, PyObject *named)
{
    (void)module;
    static char *names[] = {"", "", "", "", "flags", "request_timeout", NULL};
    struct opening how = {.timeout = 10000};
    if (!PyArg_ParseTupleAndKeywords(args, named, "O&|O&iO$ii:init", names, as_text, &how.hosts, as_callback, &how.watcher,
                                     &how.timeout, &how.pair, &how.flags, &how.request_timeout)) {
        return NULL;
    }
    return open_session(&how);
}

PyDoc_STRVAR(init_ssl_doc,
"init_ssl($module, hosts, cert, watcher=None, recv_timeout=10000, client_id=None, /, *, flags=0, request_timeout=0)\n--\n\n\
Like init(), with TLS: the ports in `hosts` are the servers' secure ones.\n\
\n\
  cert          files in PEM, divided by commas: 'CA', or 'CA,CERTIFICATE,KEY' where servers demand a certificate of\n\
                their clients, or 'CA,CERTIFICATE,KEY,PASSWORD' for a key with a password\n\
\n\
The environment decides the rest: ZOO_TLS_VERIFY=full also checks the servers' names, ZOO_TLS_SERVER_NAME gives a name\n\
that the host list lacks, ZOO_TLS_MIN=1.3 refuses older versions. ZOO_TLS_CA, ZOO_TLS_CERT and ZOO_TLS_KEY secure the\n\
sessions of init() and init_sasl().\n\
\n\
Raises ZooKeeperException if a file cannot be used; the library's log says why. Raises NotImplementedError if the\n\
library has no TLS.");

static PyObject *zk_init_ssl(PyObject *module, PyObject *args, PyObject *named)
{
    (void)module;
    static char *names[] = {"", "", "", "", "", "flags", "request_timeout", NULL};
    struct opening how = {.timeout = 10000};
    if (!zookeeper_init_ssl) {
        PyErr_SetString(PyExc_NotImplementedError, "the library has no TLS");
        return NULL;
    }
    if (!PyArg_ParseTupleAndKeywords(args, named, "O&O&|O&iO$ii:init_ssl", names, as_text, &how.hosts, as_text, &how.cert,
                                     as_callback, &how.watcher, &how.timeout, &how.pair, &how.flags,
                                     &how.request_timeout)) {
        return NULL;
    }
    return open_session(&how);
}

PyDoc_STRVAR(init_sasl_doc,
"init_sasl($module, hosts, watcher=None, recv_timeout=10000, client_id=None, /, *, mechanism='DIGEST-MD5', user=None,\n\
          password=None, realm=None, service='zookeeper', host=None, flags=0, request_timeout=0)\n--\n\n\
Like init(), with SASL: each connection is authenticated before anything else is sent.\n\
\n\
  mechanism     'DIGEST-MD5', 'GSSAPI' (Kerberos), or others of Cyrus SASL's, divided by commas\n\
  user          who; for GSSAPI the ticket says that\n\
  password      str or bytes; not needed for GSSAPI\n\
  realm         where a server offers several\n\
  service       the first part of the servers' principal\n\
  host          its second part, where that is not what the host list calls the server\n\
\n\
Credentials that the server refuses end the session: the watcher is called with AUTH_FAILED_STATE and calls raise\n\
AuthFailedException. ZOO_SASL_MECHANISM, ZOO_SASL_USER and ZOO_SASL_PASSWORD_FILE in the environment authenticate the\n\
sessions of init() and init_ssl(); ZOO_TLS_CA adds TLS to this one. Cyrus' library has to be installed (libsasl2).\n\
\n\
Raises NotImplementedError if the ZooKeeper library has no SASL.");

static PyObject *zk_init_sasl(PyObject *module, PyObject *args, PyObject *named)
{
    (void)module;
    static char *names[] = {"", "", "", "", "mechanism", "user", "password", "realm", "service", "host",
                            "flags", "request_timeout", NULL};
    struct opening how = {.timeout = 10000};
    PyObject *texts[6] = {NULL}; /* bytes, owned; in the order of the names */
    PyObject *result = NULL;
    if (!zookeeper_init_sasl) {
        PyErr_SetString(PyExc_NotImplementedError, "the library has no SASL");
        return NULL;
    }
    int is_parsed = PyArg_ParseTupleAndKeywords(
        args, named, "O&|O&iO$O&O&O&O&O&O&ii:init_sasl", names, as_text, &how.hosts, as_callback, &how.watcher, &how.timeout,
        &how.pair, as_optional_text, &texts[0], as_optional_text, &texts[1], as_optional_text, &texts[2], as_optional_text,
        &texts[3], as_optional_text, &texts[4], as_optional_text, &texts[5], &how.flags, &how.request_timeout);
    how.sasl = is_parsed ? sasl_new(texts[1], texts[2], texts[3]) : NULL;
    if (how.sasl) {
        how.settings.mechanisms = texts[0] ? PyBytes_AS_STRING(texts[0]) : "DIGEST-MD5";
        how.settings.service = texts[4] ? PyBytes_AS_STRING(texts[4]) : "zookeeper";
        how.settings.host = texts[5] ? PyBytes_AS_STRING(texts[5]) : NULL;
        how.settings.answers = how.sasl->answers;
        result = open_session(&how);
    } else if (is_parsed) {
        Py_DECREF(how.hosts);
    }
    for (size_t i = 0; is_parsed && i < sizeof texts / sizeof *texts; i++) {
        Py_XDECREF(texts[i]);
    }
    return result;
}

PyMethodDef open_methods[] = {
    {"init", (PyCFunction)(void (*)(void))zk_init, METH_VARARGS | METH_KEYWORDS, init_doc},
    {"init_ssl", (PyCFunction)(void (*)(void))zk_init_ssl, METH_VARARGS | METH_KEYWORDS, init_ssl_doc},
    {"init_sasl", (PyCFunction)(void (*)(void))zk_init_sasl, METH_VARARGS | METH_KEYWORDS, init_sasl_doc},
    {NULL, NULL, 0, NULL},
};
