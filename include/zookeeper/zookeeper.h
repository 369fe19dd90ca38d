/* Generated: see include/templates. Calmkeeper, Apache License 2.0. */
/**
 * @file zookeeper.h
 * The C interface to ZooKeeper.
 *
 * The interface is that of Apache ZooKeeper 3.8.0's C libraries, the multi-threaded libzookeeper_mt and the
 * single-threaded libzookeeper_st; programs written for them compile and run unchanged. For libzookeeper_mt define
 * THREADED before the include: the header then declares the synchronous calls. Without it, for libzookeeper_st, it
 * declares zookeeper_interest() and zookeeper_process() instead. libzookeeper_mt exports all of them in either case.
 *
 * The following holds for all calls, unless the text of a call says otherwise.
 *
 * @par Parameters
 * Parameters of the same name have the same meaning everywhere. `zh` is the handle. `path` is the node. `version` is
 * the version that the node must have, -1 for any. `watch`, if not 0, sets a watch that calls the handle's own watcher;
 * `watcher`, if not null, sets a watch that calls this function with `watcherCtx`. `completion` is called once with the
 * result, and gets `data` as its last argument. `stat` receives the node's status and may be null.
 *
 * @par Paths
 * A path is absolute, a C string in UTF-8, with parts between single slashes; no part is "." or "..", none ends with a
 * slash, and bytes 0x01 to 0x1e are not allowed. If the handle's host list has a chroot, paths are relative to it, and
 * results do not contain it.
 *
 * @par
 * A chroot is a convenience and no protection. As in Apache's library it is put before the path, and only the whole is
 * checked: below the chroot "/app" a path without the leading slash is accepted, "lock" is the node "/applock", outside
 * of the chroot, and a path of less than two bytes is the node "/app" itself, whatever the byte.
 *
 * @par Units
 * Lengths are in bytes, times in milliseconds. Versions are counts of changes.
 *
 * @par Results
 * A call returns ZOK (0) or a negative number of enum ZOO_ERRORS; zerror() names it. Every call may return:
 * - ZBADARGUMENTS for a null handle or path, an invalid path, or another argument out of range;
 * - ZINVALIDSTATE when the session has ended (expired, refused, being closed), and in a forked child, which has the
 *   handle but not its threads (in libzookeeper_st a child may continue to use a handle, see zookeeper_interest()).
 *   zoo_client_id(), zoo_recv_timeout(), zoo_state() and zoo_get_context() give a child what the parent had, and so
 *   does zoo_get_current_server(), unless another thread used the handle at the fork: then it may return null;
 * - ZMARSHALLINGERROR when a request cannot be built, for example without memory, or when too many requests are queued;
 * - ZSYSTEMERROR in a signal handler that has interrupted the library, see zookeeper_init(); a synchronous call also in
 *   a log callback on the thread that reads the socket.
 *
 * @par
 * A server or the connection can add these, which a completion gets as `rc` and a synchronous call returns:
 * - ZCONNECTIONLOSS: the connection broke before the answer; the operation may or may not have happened;
 * - ZOPERATIONTIMEOUT: the connection was dropped, because nothing came for two thirds of the session timeout;
 * - ZREQUESTTIMEOUT: the time limit of requests, if there is one, has passed, see zoo_set_request_timeout();
 * - ZSESSIONEXPIRED, ZAUTHFAILED, ZCLOSING: the session ended first;
 * - ZMARSHALLINGERROR, ZRUNTIMEINCONSISTENCY: the server has sent a message that is not valid, or was not requested;
 * - ZNOAUTH: the session lacks the permission;
 * - ZNOTREADONLY: a write, and the server is in read-only mode;
 * - ZTHROTTLEDOP: the server is overloaded and did not execute the operation.
 *
 * @par
 * "Own codes" are the further codes of a call.
 *
 * @par Lengths
 * The length of a value may be -1 for no value; any other negative length is ZBADARGUMENTS.
 *
 * @par Waiting
 * Calls made while there is no connection wait for one. If the attempt in progress fails, they fail with its code.
 * During a pause between attempts they fail with the code of the last failure (ZCONNECTIONLOSS if that was an answer that
 * could not be read), after as long as the attempt that failed had taken: a sixtieth of the session timeout at most, and
 * a few milliseconds where a server refused. If that attempt got no answer in time, they fail after two thirds of the
 * session timeout. In any case they fail after that long, or when the session ends.
 *
 * @par Ownership
 * The library copies its arguments: when a call returns, even an asynchronous one, its paths, values, access control
 * lists and credentials may be changed or freed. Memory for results must stay: in zoo_amulti() until the completion has
 * been called. Lists that a synchronous call returns belong to the caller, who frees them with
 * deallocate_String_vector() or deallocate_ACL_vector(). The strings, lists and status passed to a callback belong to
 * the library and are valid until the callback returns.
 *
 * @par errno
 * A call that succeeds leaves errno unchanged. Only calls whose text says so report by errno.
 *
 * @par Threads
 * Any number of threads may use a handle. Callbacks of a handle run one at a time on a thread of the library, in the
 * order of the answers and events. They may call the library, even synchronously. (In libzookeeper_st they run in the
 * calls of the program's loop, see zookeeper_interest().) Log callbacks are different, see log_callback_fn. A thread
 * that is cancelled (pthread_cancel) inside a call ends when the call returns. POSIX lets a thread of the type
 * PTHREAD_CANCEL_ASYNCHRONOUS call no function of the library: such a thread may end anywhere in the call.
 *
 * @par Watches
 * A watch fires once, except those of zoo_add_watch(): after the event, read again to set a new one. Watches survive
 * reconnects. The same function with the same context on the same path counts as one watch.
 *
 * @par Completions
 * An asynchronous call that returns ZOK calls its completion exactly once; one that returns an error never calls it. A null
 * completion discards the answer.
 *
 * @par Exceptions
 * A C++ exception that leaves a callback ends in std::terminate. In libzookeeper_st it passes through
 * zookeeper_interest() or zookeeper_process() to the program, as with Apache's library; the handle continues with the
 * next call of either. An exception that leaves a log callback, or a callback in zookeeper_close(), ends the process in
 * libzookeeper_st too. A longjmp out of a callback is possible only in libzookeeper_st. It leaks some memory, and the
 * handle with its descriptors if the callback has called zookeeper_close(). The thread can no longer be cancelled
 * then, and the next call must not be made from deeper in the stack than the call that was left.
 */
#ifndef ZOOKEEPER_H_
#define ZOOKEEPER_H_

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>

#ifdef HAVE_OPENSSL_H
#include <openssl/ossl_typ.h>
#endif
#ifdef HAVE_CYRUS_SASL_H
#include <sasl/sasl.h>
#endif

#include "proto.h"
#include "zookeeper_version.h"
#include "recordio.h"
#include "zookeeper.jute.h"

/** Marks exported declarations. Empty on the systems for which this library is made. */
#ifndef ZOOAPI
#define ZOOAPI
#endif

/**
 * The codes that calls return and completions get as `rc`. The library makes those from -1 to -99, servers make those
 * from -101 on. The library makes some of these too: ZREQUESTTIMEOUT, ZCLOSING, and the code of a session's end for calls
 * that wait.
 */
enum ZOO_ERRORS {
    /** Success. */
    ZOK = 0,
    /**
     * The system refused something, or the call cannot be made in this place; also marks the range of system and
     * server-side errors.
     */
    ZSYSTEMERROR = -1,
    /** The library found its own state contradictory. */
    ZRUNTIMEINCONSISTENCY = -2,
    /** The server found a data inconsistency. */
    ZDATAINCONSISTENCY = -3,
    /** The connection to the server was lost before the answer came; the operation may or may not have happened. */
    ZCONNECTIONLOSS = -4,
    /** A message could not be encoded or decoded. */
    ZMARSHALLINGERROR = -5,
    /** The operation is not implemented. */
    ZUNIMPLEMENTED = -6,
    /** No answer within two thirds of the session timeout. */
    ZOPERATIONTIMEOUT = -7,
    /** The arguments are not valid. */
    ZBADARGUMENTS = -8,
    /** The handle is not in a state for this call. */
    ZINVALIDSTATE = -9,
    /** No quorum of the new configuration is connected. */
    ZNEWCONFIGNOQUORUM = -13,
    /** A reconfiguration is in progress already. */
    ZRECONFIGINPROGRESS = -14,
    /** The TLS connection failed. */
    ZSSLCONNECTIONERROR = -15,
    /** Marks the range of errors the server returns for an operation. */
    ZAPIERROR = -100,
    /** The node does not exist. */
    ZNONODE = -101,
    /** The session lacks the permission. */
    ZNOAUTH = -102,
    /** The node's version is not the requested one. */
    ZBADVERSION = -103,
    /** An ephemeral node may not have children. */
    ZNOCHILDRENFOREPHEMERALS = -108,
    /** The node exists already. */
    ZNODEEXISTS = -110,
    /** The node has children. */
    ZNOTEMPTY = -111,
    /** The server has expired the session. */
    ZSESSIONEXPIRED = -112,
    /** The callback is not valid. */
    ZINVALIDCALLBACK = -113,
    /** The ACL is not valid. */
    ZINVALIDACL = -114,
    /** Authentication failed. */
    ZAUTHFAILED = -115,
    /** The handle is being closed. */
    ZCLOSING = -116,
    /** There is nothing to read. */
    ZNOTHING = -117,
    /** The session moved to another server, so the operation was ignored. */
    ZSESSIONMOVED = -118,
    /** A read-only server got a request that changes state. */
    ZNOTREADONLY = -119,
    /** The operation would need an ephemeral node on a local session. */
    ZEPHEMERALONLOCALSESSION = -120,
    /** No such watcher is registered. */
    ZNOWATCHER = -121,
    /** No answer within the time limit of requests: the operation may or may not happen. The connection stays. */
    ZREQUESTTIMEOUT = -122,
    /** Dynamic reconfiguration is switched off. */
    ZRECONFIGDISABLED = -123,
    /** The server demands SASL authentication, and the session has none. */
    ZSESSIONCLOSEDREQUIRESASLAUTH = -124,
    /** The write would exceed a quota, and the server enforces it (since 3.7). */
    ZQUOTAEXCEEDED = -125,
    /** The server throttled the operation. */
    ZTHROTTLEDOP = -127
};

#ifdef __cplusplus
extern "C" {
#endif

/** The level of detail of the log: each level includes those before it. */
typedef enum {
    ZOO_LOG_LEVEL_ERROR = 1, /**< Failures: of an attempt, a connection, a session. */
    ZOO_LOG_LEVEL_WARN = 2,  /**< What an operator may have to look at. */
    ZOO_LOG_LEVEL_INFO = 3,  /**< Connections and sessions as they come and go. */
    ZOO_LOG_LEVEL_DEBUG = 4  /**< Single requests and replies. */
} ZooLogLevel;

/*
 * Access control
 */

/** Permission to read a node's data and list its children. */
extern ZOOAPI const int ZOO_PERM_READ;
/** Permission to change a node's data. */
extern ZOOAPI const int ZOO_PERM_WRITE;
/** Permission to create children of a node. */
extern ZOOAPI const int ZOO_PERM_CREATE;
/** Permission to delete children of a node. */
extern ZOOAPI const int ZOO_PERM_DELETE;
/** Permission to change a node's access control list. */
extern ZOOAPI const int ZOO_PERM_ADMIN;
/** All five permissions. */
extern ZOOAPI const int ZOO_PERM_ALL;
/** Everybody: scheme `world`, id `anyone`. */
extern ZOOAPI struct Id ZOO_ANYONE_ID_UNSAFE;
/** Every identity that the session has authenticated as, by any scheme; the server replaces it by those identities. */
extern ZOOAPI struct Id ZOO_AUTH_IDS;
/** Everybody has all permissions. Not for nodes that matter. */
extern ZOOAPI struct ACL_vector ZOO_OPEN_ACL_UNSAFE;
/** Everybody may read. */
extern ZOOAPI struct ACL_vector ZOO_READ_ACL_UNSAFE;
/** The creator of the node has all permissions; the session must have authenticated. */
extern ZOOAPI struct ACL_vector ZOO_CREATOR_ALL_ACL;

/*
 * Create modes
 */

/** Create mode: the node stays until it is deleted. */
extern ZOOAPI const int ZOO_PERSISTENT;
/** Create mode: the server deletes the node when the session that created it ends. */
extern ZOOAPI const int ZOO_EPHEMERAL;
/** Create mode: persistent, and the server appends a ten-digit number that grows under the parent. */
extern ZOOAPI const int ZOO_PERSISTENT_SEQUENTIAL;
/** Create mode: ephemeral, with a number appended. */
extern ZOOAPI const int ZOO_EPHEMERAL_SEQUENTIAL;
/** Create mode: the server may delete the node some time after its last child has gone. */
extern ZOOAPI const int ZOO_CONTAINER;
/**
 * Create mode: the server may delete the node once it has had no children and no change for its time to live. Servers
 * take it only with `zookeeper.extendedTypesEnabled`.
 */
extern ZOOAPI const int ZOO_PERSISTENT_WITH_TTL;
/** Create mode: with a time to live and a number appended. */
extern ZOOAPI const int ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL;
/**
 * From the time when modes were flags: appends a number. Equal to `ZOO_PERSISTENT_SEQUENTIAL`, and or-ed with
 * `ZOO_EPHEMERAL` equal to `ZOO_EPHEMERAL_SEQUENTIAL`.
 */
extern ZOOAPI const int ZOO_SEQUENCE;

/*
 * States, as returned by zoo_state() and passed to watchers
 */

/** State (-112): the server has expired the session. Final; only `zookeeper_close` is left. */
extern ZOOAPI const int ZOO_EXPIRED_SESSION_STATE;
/** State (-113): the server has refused the credentials. Final; only `zookeeper_close` is left. */
extern ZOOAPI const int ZOO_AUTH_FAILED_STATE;
/** State (1): a connection is being made. */
extern ZOOAPI const int ZOO_CONNECTING_STATE;
/** State (2): connected, and waiting for the server to confirm the session. */
extern ZOOAPI const int ZOO_ASSOCIATING_STATE;
/** State (3): the session is established. */
extern ZOOAPI const int ZOO_CONNECTED_STATE;
/** State (5): connected to a server that has lost its quorum and only answers reads. */
extern ZOOAPI const int ZOO_READONLY_STATE;
/** State (7): connected, and the TLS handshake is under way. */
extern ZOOAPI const int ZOO_SSL_CONNECTING_STATE;
/** State (999): no connection has been tried yet. */
extern ZOOAPI const int ZOO_NOTCONNECTED_STATE;

/*
 * Events, as passed to watchers
 */

/** Event (1): the node was created. Only a watch set by an exists call or by `zoo_add_watch` sees it. */
extern ZOOAPI const int ZOO_CREATED_EVENT;
/** Event (2): the node was deleted. */
extern ZOOAPI const int ZOO_DELETED_EVENT;
/** Event (3): the node's data was set. */
extern ZOOAPI const int ZOO_CHANGED_EVENT;
/**
 * Event (4): a child was created or deleted. Only a watch set by a get-children call, or a persistent one that is not
 * recursive, sees it.
 */
extern ZOOAPI const int ZOO_CHILD_EVENT;
/** Event (-1): the state of the session changed. Every watcher sees it. */
extern ZOOAPI const int ZOO_SESSION_EVENT;
/** Event (-2): the server gave up the watch. Present servers never send it. */
extern ZOOAPI const int ZOO_NOTWATCHING_EVENT;

/** The node with the ensemble's configuration. A chroot does not apply to it. */
#define ZOO_CONFIG_NODE "/zookeeper/config"

/** Flag of zookeeper_init(): a server that has lost its quorum is accepted, until one with a quorum is found. */
#define ZOO_READONLY 1

/** Flag of zookeeper_init(): do not log the lines about the program's environment. */
#define ZOO_NO_LOG_CLIENTENV 2

/**
 * Flag of zookeeper_init(): the session also expires without a message from a server, when no server has sent anything
 * for 4/3 of its timeout. The servers have ended the session by then, unless none of them was running. Without this
 * flag, as with Apache's library, a session whose servers are unreachable waits for them for ever. ZOO_LOCAL_EXPIRY=1
 * in the environment sets it for all handles.
 */
#define ZOO_EXPIRE_LOCALLY 0x10000

/*
 * Types
 */

/** A connection to an ensemble, with its session. Made by zookeeper_init(), ended by zookeeper_close(). */
typedef struct _zhandle zhandle_t;

/** The files of a TLS connection, from the string "ca,cert,key,password". */
typedef struct _zcert {
    char *certstr; /**< The whole string. */
    char *ca;      /**< The file of the CA's certificates. */
    char *cert;    /**< The file of the client's certificate. */
    char *key;     /**< The file of its key. */
    char *passwd;  /**< The key's password. */
} zcert_t;

/** A socket with the data of TLS. The library never returns one. */
typedef struct _zsock {
    int sock;      /**< The descriptor. */
    zcert_t *cert; /**< The files, null without TLS. */
#ifdef HAVE_OPENSSL_H
    SSL *ssl_sock;    /**< OpenSSL's connection. */
    SSL_CTX *ssl_ctx; /**< OpenSSL's settings. */
#endif
} zsock_t;

/**
 * Identifies a session, so that another connection or process can continue it. All zero until the first connection. A
 * program that knows both members can take the session over.
 */
typedef struct {
    int64_t client_id; /**< The session's id. */
    char passwd[16];   /**< Its password. */
} clientid_t;

/** Receives session events (`path` "", `type` `ZOO_SESSION_EVENT`) and changes to watched nodes. */
typedef void (*watcher_fn)(zhandle_t *zh, int type, int state, const char *path, void *watcherCtx);

/**
 * Receives each log line of a handle in place of the log stream, without a newline at its end; a text that itself ends
 * with a newline keeps that. Called by any thread that works for the handle, also by several at once: threads of the
 * application inside a call, the library's I/O thread, the completion thread, and threads that resolve names. It
 * should not block, and must not make synchronous calls.
 */
typedef void (*log_callback_fn)(const char *message);

/** Completion of a call that yields nothing but `rc`, one of `enum ZOO_ERRORS`. */
typedef void (*void_completion_t)(int rc, const void *data);

/** Completion of a call that yields a node's status. `stat` is null unless `rc` is `ZOK`. */
typedef void (*stat_completion_t)(int rc, const struct Stat *stat, const void *data);

/**
 * Completion of a call that yields a node's data: `value_len` bytes, not NUL-terminated. A node without data gives a
 * null `value` and `value_len` -1.
 */
typedef void (*data_completion_t)(int rc, const char *value, int value_len, const struct Stat *stat, const void *data);

/** Completion of a call that yields a list of names. */
typedef void (*strings_completion_t)(int rc, const struct String_vector *strings, const void *data);

/** Completion of a call that yields a list of names and the parent's status. */
typedef void (*strings_stat_completion_t)(int rc,
                                          const struct String_vector *strings,
                                          const struct Stat *stat,
                                          const void *data);

/** Completion of a call that yields a path. */
typedef void (*string_completion_t)(int rc, const char *value, const void *data);

/** Completion of a call that yields a path and the status of its node. */
typedef void (*string_stat_completion_t)(int rc, const char *string, const struct Stat *stat, const void *data);

/** Completion of a call that yields an access control list and the node's status. */
typedef void (*acl_completion_t)(int rc, struct ACL_vector *acl, struct Stat *stat, const void *data);

/*
 * The handle
 */

/**
 * Makes a handle and begins to connect in the background. Returns at once with a usable handle: calls made before there
 * is a connection wait for it.
 *
 * @param host          "host:port,host:port,..." with an optional "/chroot" at the end. A host is a name, an IPv4 address or an
 *                      IPv6 address, which may stand in brackets. Each name may have several addresses. The order is
 *                      shuffled, see zoo_deterministic_conn_order().
 * @param fn            the handle's watcher, for session events and the nodes watched with `watch`. May be null.
 * @param recv_timeout  the session timeout to ask for, in milliseconds; see zoo_recv_timeout() for what the server grants.
 * @param clientid      null for a new session, or the zoo_client_id() of the session to continue.
 * @param context       for the watcher, as its `watcherCtx`, and for zoo_get_context().
 * @param flags         0, or ZOO_READONLY, ZOO_NO_LOG_CLIENTENV and ZOO_EXPIRE_LOCALLY or-ed.
 *
 * `host` and `clientid` may be freed when the call returns. `fn` may be called, with `context`, before it returns, and
 * until zookeeper_close() has returned. The call blocks while names are resolved. The threads of the handle end with
 * zookeeper_close(). The thread that calls completions and watchers has the caller's signal mask; the other threads of the
 * library block all signals except those of faults.
 *
 * A signal handler may call the library, even if it interrupts a call, as long as it has not interrupted a malloc,
 * free or fork of the program's own. A handler that interrupts the wait of a call may call everything, and may leave it
 * by siglongjmp() or pthread_exit(): the wait for a reply, for the end of zookeeper_close(), and for the names in
 * zookeeper_init() and zoo_set_servers(). What the call has allocated is lost then, and so is a handle whose close was
 * left. A call works for microseconds, and waits otherwise. It also works while zookeeper_init() asks the system for the
 * user's name, which it logs unless ZOO_NO_LOG_CLIENTENV is given, and, in libzookeeper_st, while host names are
 * resolved. A handler that interrupts a call at work must return, as it may have interrupted malloc, or a thread that
 * holds a lock. In such a handler:
 * - zoo_state(), is_unrecoverable(), zoo_client_id(), zoo_recv_timeout(), zoo_get_context(), zoo_set_context() and
 *   zoo_set_watcher() work.
 * - zookeeper_close() leaves the close to a thread of the library, and waits for it at most a second, or not at all if
 *   the interrupted call holds a lock.
 * - zookeeper_init() and its variants return null with errno EDEADLK.
 * - All other calls with a handle return ZSYSTEMERROR or null, and do nothing.
 * - The functions that allocate and free vectors and callbacks, here and in zookeeper.jute.h, must not be called, as
 *   malloc() and free() must not.
 *
 * A call that sends a request blocks signals from then on until it waits or ends.
 *
 * @return null, with errno set, on failure: EINVAL for a host list that cannot be parsed, or the reason why none
 * of its names could be resolved, for example ENOENT; EAGAIN or EMFILE when there are no threads or descriptors.
 */
ZOOAPI zhandle_t *zookeeper_init(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
        void *context, int flags);

/** zookeeper_init() that sends the handle's log lines to `log_callback`, from the very first one on. */
ZOOAPI zhandle_t *zookeeper_init2(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
        void *context, int flags, log_callback_fn log_callback);

#ifdef HAVE_OPENSSL_H
/**
 * zookeeper_init() over TLS. `cert` is "ca[,cert[,key[,password]]]", with files in PEM: the CA's certificates, the
 * client's certificate with its chain, its key, and the key's password. With two fields the second file holds
 * certificate and key. A changed file is read again when a connection is made. The ZOO_TLS_* variables are described in
 * docs/OPERATORS.md.
 *
 * The server's certificate must come from the CA; with ZOO_TLS_VERIFY=full it must be for the server's name as well.
 *
 * @return null, with errno set, also when the files cannot be used: EINVAL, or the reason why a file cannot be read.
 *      The log names the file if it, or the directory that is named with it, exists: it may be a password in the wrong
 *      place. Exported whatever OpenSSL's headers are, and without that library.
 */
ZOOAPI zhandle_t *zookeeper_init_ssl(const char *host, const char *cert, watcher_fn fn, int recv_timeout,
        const clientid_t *clientid, void *context, int flags);
#endif

/** Frees the content of a zsock_t. Declared for programs that use it; neither this library nor Apache's exports it. */
ZOOAPI void close_zsock(zsock_t *zsock);

#ifdef HAVE_CYRUS_SASL_H
/**
 * The parameters of a SASL exchange: service name, server's host name, mechanisms, and the callbacks that give the
 * credentials.
 */
typedef struct zoo_sasl_params {
    const char *service;              /**< The service's name, null for "zookeeper". */
    const char *host;                 /**< The server's name, null for that of the host list. */
    const char *mechlist;             /**< The mechanisms, with commas. */
    const sasl_callback_t *callbacks; /**< Give the credentials. Must stay until the handle is closed. */
} zoo_sasl_params_t;

/**
 * zookeeper_init2() with SASL by Cyrus SASL, which the program has initialised or this library loads. A null `host`
 * means the server's name in the host list; for DIGEST-MD5 it means "zk-sasl-md5", the name that every ZooKeeper server
 * uses for itself: with another name the server refuses the credentials. A null `service` means "zookeeper"; with null
 * `sasl_params` the call is zookeeper_init2(). `callbacks` must stay until the handle is closed; they are called on a
 * thread of the library, in libzookeeper_st in zookeeper_process(). zookeeper_close() waits for a running one without
 * limit, except when it is itself called in a callback of the library. Exported whatever Cyrus' headers are.
 *
 * Refused credentials end the session: ZOO_AUTH_FAILED_STATE, and ZAUTHFAILED for all pending calls. So does a password
 * file that cannot be read when the handle first authenticates; later, such a file only makes the attempt fail, and
 * another attempt follows.
 */
ZOOAPI zhandle_t *zookeeper_init_sasl(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
                                      void *context, int flags, log_callback_fn log_callback,
                                      zoo_sasl_params_t *sasl_params);

/**
 * Makes callbacks that answer with a user, a realm and a password. The password is the first line of the regular file
 * `password_file`; if that is null, the user is asked at the terminal. A relative name refers to the working directory
 * at the time of zookeeper_init_sasl(). The caller frees the array with free() when no handle uses it any more; what
 * it points to is never freed.
 */
ZOOAPI sasl_callback_t *zoo_sasl_make_basic_callbacks(const char *user, const char *realm, const char *password_file);

/**
 * Makes a password from the `content_len` bytes of a file: at most `buf_len` bytes at `buf`, their number in
 * `passwd_len`.
 *
 * @return SASL_OK, or another code of Cyrus SASL.
 */
typedef int (*zoo_sasl_password_callback_t)(const char *content, size_t content_len, void *context, char *buf,
                                            size_t buf_len, size_t *passwd_len);

/** The source of a password. If `callback` is null, the password is the file's first line. */
typedef struct zoo_sasl_password {
    const char *password_file;             /**< A regular file. */
    void *context;                         /**< For the callback. */
    zoo_sasl_password_callback_t callback; /**< Makes the password of the file's content; may be null. */
} zoo_sasl_password_t;

/** zoo_sasl_make_basic_callbacks() with a password that is made from a file of at most 1,023 bytes. */
ZOOAPI sasl_callback_t *zoo_sasl_make_password_callbacks(const char *user, const char *realm,
                                                         zoo_sasl_password_t *password);
#endif

/**
 * Ends the session and frees the handle, which must not be used any more. The server deletes the session's ephemeral
 * nodes. Pending calls are completed with ZCLOSING before this call returns; no callback comes after it. Waits at most
 * a few seconds for the server. In one of the handle's own callbacks it returns at once, and the handle is freed when
 * that callback has returned.
 *
 * In a forked child the descriptors of the handle are already closed (in libzookeeper_st this call closes them), and
 * the parent's session is left alone. The child does not free the memory.
 *
 * @return ZOK, even when the server could not be told; ZBADARGUMENTS for a null handle, and while another call closes
 *      it; in libzookeeper_st ZSYSTEMERROR in a signal handler that has interrupted the library: then nothing was done.
 */
ZOOAPI int zookeeper_close(zhandle_t *zh);

/**
 * The session's identity, for zookeeper_init() elsewhere. All zero until the first connection. It belongs to the handle
 * and is updated with it.
 */
ZOOAPI const clientid_t *zoo_client_id(zhandle_t *zh);

/** The session timeout in milliseconds: the granted one, or the requested one before the first session. */
ZOOAPI int zoo_recv_timeout(zhandle_t *zh);

/** The context that was given to zookeeper_init() or zoo_set_context(). */
ZOOAPI const void *zoo_get_context(zhandle_t *zh);

/** Replaces the context, also for later watches with `watch`. The library does not free it. */
ZOOAPI void zoo_set_context(zhandle_t *zh, void *context);

/**
 * Replaces the handle's watcher, null for none, and returns the previous one. The previous one may still be called, for
 * an event that is being delivered and for watches that were set with it.
 */
ZOOAPI watcher_fn zoo_set_watcher(zhandle_t *zh, watcher_fn newFn);

/** One of the ZOO_*_STATE; 0 for a null handle, and between the loss of a connection and the next attempt. */
ZOOAPI int zoo_state(zhandle_t *zh);

/**
 * ZOK while the session may still be alive, even after a long time without a connection; ZINVALIDSTATE once it has
 * expired or was refused, when only zookeeper_close() is left; ZBADARGUMENTS for a null handle.
 */
ZOOAPI int is_unrecoverable(zhandle_t *zh);

/**
 * The address of the session's server. Writes as much of it as fits to `addr`, which has `*addr_len` bytes, sets
 * `*addr_len` to the length of the whole address, and returns `addr`; null without an established session, or with a
 * read-only one.
 */
ZOOAPI struct sockaddr *zookeeper_get_connected_host(zhandle_t *zh, struct sockaddr *addr, socklen_t *addr_len);

/** The meaning of an error code, in a few words. Positive numbers are taken for errno values. The text must not be
 * freed. */
ZOOAPI const char *zerror(int c);

/*
 * The list of servers
 */

/**
 * Replaces the list of servers; the form is zookeeper_init()'s, without a chroot. If the server in use is not on the
 * new list, the handle moves to one that is; if the list has grown or shrunk, some handles move, so that all clients
 * together are spread evenly. Nothing happens if the servers are the same.
 *
 * Blocks while names are resolved.
 *
 * @return ZOK. On an error the old list stays: ZBADARGUMENTS with errno EINVAL for a list that cannot be parsed;
 *      ZSYSTEMERROR with errno set, mostly ENOENT, when none of its names can be resolved, which may be temporary.
 */
ZOOAPI int zoo_set_servers(zhandle_t *zh, const char *hosts);

/**
 * Sets how often names are looked up again while connected, in milliseconds: -1 for never, 0 for the default, once a
 * minute; less than a second counts as one second. After a lost connection they are looked up in any case. Numeric
 * addresses are never looked up, and a look-up does not delay the connection. In libzookeeper_st names are looked up in
 * zookeeper_interest(), before an attempt and at most once a minute, whatever the value.
 *
 * @return ZOK, or ZBADARGUMENTS below -1.
 */
ZOOAPI int zoo_set_servers_resolution_delay(zhandle_t *zh, int delay_ms);

/** Makes the next connection go to the next server of the list. Does not end the present one. */
ZOOAPI void zoo_cycle_next_server(zhandle_t *zh);

/**
 * "address:port" of the server in use or being tried, with an IPv6 address in brackets; ":0" before the first attempt,
 * null for a null handle. The text belongs to the calling thread, and is valid until that thread's next call of this
 * function.
 */
ZOOAPI const char *zoo_get_current_server(zhandle_t *zh);

/** If not 0, handles made from now on try their servers in the order of their lists. Holds for the whole process. */
ZOOAPI void zoo_deterministic_conn_order(int yesOrNo);

#ifndef THREADED
/*
 * For programs with an event loop, on libzookeeper_st, which has no threads. Its handles work only inside calls: a
 * request is sent by the call that makes it, or by the next turn of the loop; everything else happens in the two calls
 * below. They wait only for name look-ups, before an attempt and at most once a minute, and for SASL mechanisms that
 * wait. Callbacks run in these two calls and in zookeeper_close(), and may make any call, even zookeeper_close(). A
 * handle has two descriptors, the socket and a poll; only the socket is to be watched.
 *
 * A loop calls zookeeper_interest(), waits for the events that it names, and calls zookeeper_process() with the events
 * that have occurred. A program that forks may continue to use a handle either in the parent or in the child: the child
 * takes it over with its first call of zookeeper_interest() or zookeeper_process(), and a zookeeper_close() before that
 * leaves the parent's session alone.
 *
 * The multi-threaded library has its own threads and needs neither call; they exist because Apache's library exports
 * them, and only report.
 */

/**
 * Bit of the interest and event masks of `zookeeper_interest` and `zookeeper_process`: the socket is or should become
 * writable.
 */
extern ZOOAPI const int ZOOKEEPER_WRITE;
/** Bit of the same masks: the socket is or should become readable. */
extern ZOOAPI const int ZOOKEEPER_READ;

/**
 * Says what to wait for: sets `*fd` to the socket, -1 for none, `*interest` to ZOOKEEPER_READ and ZOOKEEPER_WRITE or-ed,
 * and `*tv` to the longest time to wait, at most a third of the session timeout. Does the work that is due: connects,
 * pings, drops a silent server. Between two attempts there is no socket, and the next attempt is due when `*tv` has
 * passed. A loop that makes no call in such a pause and comes back too late gets a timer's descriptor in later pauses.
 *
 * @return ZOK, ZBADARGUMENTS for null pointers, ZINVALIDSTATE when the session has ended, or the reason why the
 *      connection has just been dropped: ZOPERATIONTIMEOUT, ZCONNECTIONLOSS, ZSESSIONEXPIRED, ZAUTHFAILED, and the others
 *      that zookeeper_process() may return. The loop continues after these.
 */
ZOOAPI int zookeeper_interest(zhandle_t *zh, int *fd, int *interest, struct timeval *tv);

/**
 * Says what has happened to the socket: `events` is ZOOKEEPER_READ and ZOOKEEPER_WRITE or-ed, 0 for nothing. Reads,
 * writes and calls back.
 *
 * @return ZOK, ZNOTHING when there was no answer to read, ZBADARGUMENTS for a null handle, ZINVALIDSTATE without a
 *      connection or when the session has ended, or the reason why the connection has just ended: ZCONNECTIONLOSS;
 *      ZOPERATIONTIMEOUT, because this call does the work that is due as well; ZSESSIONEXPIRED; ZAUTHFAILED;
 *      ZMARSHALLINGERROR and ZRUNTIMEINCONSISTENCY for messages that a server must not send. In libzookeeper_mt, where
 *      the threads have done the work, ZNOTHING or ZOK.
 */
ZOOAPI int zookeeper_process(zhandle_t *zh, int events);
#else
/**
 * Bit of the interest and event masks of `zookeeper_interest` and `zookeeper_process`: the socket is or should become
 * writable.
 */
extern ZOOAPI const int ZOOKEEPER_WRITE;
/** Bit of the same masks: the socket is or should become readable. */
extern ZOOAPI const int ZOOKEEPER_READ;
#endif

/*
 * Log
 */

/** Sets the level for all handles: a ZooLogLevel, by default ZOO_LOG_LEVEL_INFO; 0 turns the log off. */
ZOOAPI void zoo_set_debug_level(ZooLogLevel level);

/**
 * Sets the stream for all handles without a callback; null for stderr, the default. The stream must stay open until it
 * has been replaced and all calls that were made before have returned.
 */
ZOOAPI void zoo_set_log_stream(FILE *stream);

/** The handle's log callback; null for none and for a null handle. */
ZOOAPI log_callback_fn zoo_get_log_callback(const zhandle_t *zh);

/** Sends the handle's log lines to `callback`, or with null back to the stream; see log_callback_fn. */
ZOOAPI void zoo_set_log_callback(zhandle_t *zh, log_callback_fn callback);

/**
 * Counters of one handle since its start, and the state of its reconnect policy. The end of a name gives the unit of a
 * time. Later versions add fields at the end only.
 */
struct zoo_reconnect_stats {
    /** Connection attempts started. */
    int64_t attempts;
    /** Attempts that were refused, or that found the server unreachable (EHOSTUNREACH). */
    int64_t refused;
    /** Attempts that got no TCP connection in time. */
    int64_t connect_timeouts;
    /** Attempts that the server accepted and then closed without a session. */
    int64_t closed_early;
    /** Attempts that the server accepted and did not answer in time. */
    int64_t handshake_timeouts;
    /** Sessions established or resumed. */
    int64_t established;
    /** Established connections lost. */
    int64_t lost;
    /** 1 when a server declared the session expired. */
    int64_t expired;
    /** Pauses chosen by the policy, added up. */
    int64_t paused_ms;
    /** The latest of these pauses. */
    int64_t last_pause_ms;
    /** Time until the next attempt may start; 0 while connected or connecting. */
    int64_t next_attempt_ms;
    /** Failed sweeps that widen the pause; 0 once there is a session. */
    int64_t availability_level;
    /** Signs of an overloaded ensemble that widen the pause; falls with time connected. */
    int64_t congestion_level;
    /** Requests answered. */
    int64_t replies;
    /** The time from call to reply, added up over these requests. */
    int64_t latency_us;
    /** Requests that failed with their connection. */
    int64_t failed;
    /** Requests that have no answer at the moment. */
    int64_t pending;
    /** Callbacks that wait for the completion thread at the moment. */
    int64_t queued_callbacks;
    /** Watches armed now. */
    int64_t watches;
    /** Name resolutions after the first. */
    int64_t resolutions;
    /** Attempts that failed on this host: no descriptor, port or memory, or no route (ENETUNREACH). */
    int64_t local_failures;
    /**
     * Rank of the session: how many sessions its server had created before it in the same server life. -1 when
     * unknown.
     */
    int64_t rank;
    /** The rank counted from 1, and increased with each server life that the session has outlived; -1 when unknown. */
    int64_t effective_rank;
    /** The longest pause that the policy could have chosen the last time. */
    int64_t window_ms;
    /**
     * The reason for that length: 0 none, 1 the first attempt after a loss, 2 the step to the next server, 3 passes
     * over the list without an answer, 4 the rank, 5 the fleet's size, 6 a refusal, 7 a server that is starting, 8
     * servers that answer too slowly, 9 servers that cut sessions young, 10 the pause of the previous handle.
     */
    int64_t window_reason;
    /** 1 while the request of the current or next attempt waits at one server for a long time. */
    int64_t parked;
};

/**
 * Writes the handle's counters to `stats`, which has `size` bytes, normally `sizeof(struct zoo_reconnect_stats)`. An
 * older, shorter structure is filled as far as it goes. Not in Apache's library.
 *
 * @return ZOK, or ZBADARGUMENTS for null pointers.
 */
ZOOAPI int zoo_get_reconnect_stats(zhandle_t *zh, struct zoo_reconnect_stats *stats, size_t size);

/** The version of the interface, equal to ZOO_VERSION of the library's own headers. The text must not be freed. */
ZOOAPI const char *zoo_version_str(void);

/** The version of this library itself, such as "1.2.3". The text must not be freed. Not in Apache's library. */
ZOOAPI const char *calmkeeper_version_str(void);

/*
 * Credentials
 */

/**
 * Presents credentials now and after each reconnect. `scheme` is "digest" with a `cert` of "user:password", or another
 * scheme that the servers know; `cert` has `certLen` bytes and may be null with length 0. The library keeps a copy
 * until the handle is closed.
 *
 * @param completion  gets ZOK; ZAUTHFAILED if the credentials were refused, which ends the session; or the reason why
 *      the connection broke. It is called once, for the first answer. After ZREQUESTTIMEOUT the credentials stay and
 *      the answer still counts.
 */
ZOOAPI int zoo_add_auth(zhandle_t *zh, const char *scheme, const char *cert, int certLen, void_completion_t completion,
        const void *data);

/*
 * Asynchronous calls
 */

/**
 * Creates a node. `value` has `valuelen` bytes; null with -1 creates it without data. `mode` is one of the create
 * modes.
 *
 * @param completion  gets the node's path, with its number for a sequential mode. Own codes: ZNONODE, the parent
 *      does not exist; ZNODEEXISTS; ZNOCHILDRENFOREPHEMERALS, the parent is ephemeral; ZINVALIDACL, the list is empty
 *      or not valid.
 */
ZOOAPI int zoo_acreate(zhandle_t *zh, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
        int mode, string_completion_t completion, const void *data);

/**
 * zoo_acreate() with a time to live of 1 to 2^40 - 1 milliseconds for the two modes that have one, -1 for the others.
 */
ZOOAPI int zoo_acreate_ttl(zhandle_t *zh, const char *path, const char *value, int valuelen,
        const struct ACL_vector *acl, int mode, int64_t ttl, string_completion_t completion, const void *data);

/** zoo_acreate() whose completion gets the status too. */
ZOOAPI int zoo_acreate2(zhandle_t *zh, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
        int mode, string_stat_completion_t completion, const void *data);

/** zoo_acreate_ttl() whose completion gets the status too. */
ZOOAPI int zoo_acreate2_ttl(zhandle_t *zh, const char *path, const char *value, int valuelen,
        const struct ACL_vector *acl, int mode, int64_t ttl, string_stat_completion_t completion, const void *data);

/**
 * Deletes a node. Own codes: ZNONODE; ZBADVERSION, its data version is not `version`; ZNOTEMPTY, it has children.
 */
ZOOAPI int zoo_adelete(zhandle_t *zh, const char *path, int version, void_completion_t completion, const void *data);

/**
 * Asks whether a node exists. The watch is set in either case; it fires when the node is created or deleted, or its
 * data is set.
 *
 * @param completion  gets its status. Own code: ZNONODE.
 */
ZOOAPI int zoo_aexists(zhandle_t *zh, const char *path, int watch, stat_completion_t completion, const void *data);

/** zoo_aexists() with a separate watcher. */
ZOOAPI int zoo_awexists(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        stat_completion_t completion, const void *data);

/**
 * Reads a node.
 *
 * @param completion  gets its data and status. Own code: ZNONODE, after which no watch is set.
 */
ZOOAPI int zoo_aget(zhandle_t *zh, const char *path, int watch, data_completion_t completion, const void *data);

/** zoo_aget() with a separate watcher. */
ZOOAPI int zoo_awget(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        data_completion_t completion, const void *data);

/** zoo_aget() of ZOO_CONFIG_NODE, whatever the chroot. */
ZOOAPI int zoo_agetconfig(zhandle_t *zh, int watch, data_completion_t completion, const void *data);

/** zoo_agetconfig() with a separate watcher. */
ZOOAPI int zoo_awgetconfig(zhandle_t *zh, watcher_fn watcher, void *watcherCtx, data_completion_t completion,
        const void *data);

/**
 * Changes the ensemble's members: either `joining` ("server.4=host:2888:3888;2181", several with commas) and `leaving`
 * (ids with commas), or `members`, the whole new list; the other arguments are null. `version` is the version of the
 * configuration to be changed, -1 for any.
 *
 * @param dc  gets the new configuration and its status. Own codes: ZRECONFIGINPROGRESS;
 *      ZNEWCONFIGNOQUORUM; ZBADVERSION; ZRECONFIGDISABLED, the servers do not allow reconfiguration; ZUNIMPLEMENTED.
 */
ZOOAPI int zoo_areconfig(zhandle_t *zh, const char *joining, const char *leaving, const char *members, int64_t version,
        data_completion_t dc, const void *data);

/**
 * Sets a node's data: `buflen` bytes, null with -1 for none.
 *
 * @param completion  gets the status after the change. Own codes: ZNONODE; ZBADVERSION.
 */
ZOOAPI int zoo_aset(zhandle_t *zh, const char *path, const char *buffer, int buflen, int version,
        stat_completion_t completion, const void *data);

/**
 * Lists a node's children. The watch fires when a child is created or deleted, or the node itself is deleted.
 *
 * @param completion  gets their names without the path, in no particular order. Own code: ZNONODE, after which no
 *      watch is set.
 */
ZOOAPI int zoo_aget_children(zhandle_t *zh, const char *path, int watch, strings_completion_t completion,
        const void *data);

/** zoo_aget_children() with a separate watcher. */
ZOOAPI int zoo_awget_children(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        strings_completion_t completion, const void *data);

/** zoo_aget_children() whose completion gets the status of the parent too. */
ZOOAPI int zoo_aget_children2(zhandle_t *zh, const char *path, int watch, strings_stat_completion_t completion,
        const void *data);

/** zoo_aget_children2() with a separate watcher. */
ZOOAPI int zoo_awget_children2(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        strings_stat_completion_t completion, const void *data);

/**
 * Makes the server catch up with the leader: later reads on this handle see every write that was completed anywhere
 * before this call.
 *
 * @param completion  gets the path.
 */
ZOOAPI int zoo_async(zhandle_t *zh, const char *path, string_completion_t completion, const void *data);

/**
 * Reads a node's access control list.
 *
 * @param completion  gets the list and the node's status. Own code: ZNONODE.
 */
ZOOAPI int zoo_aget_acl(zhandle_t *zh, const char *path, acl_completion_t completion, const void *data);

/**
 * Sets a node's access control list; `version` is the version of the list. Own codes: ZNONODE; ZBADVERSION;
 * ZINVALIDACL.
 */
ZOOAPI int zoo_aset_acl(zhandle_t *zh, const char *path, int version, struct ACL_vector *acl,
        void_completion_t completion, const void *data);

/*
 * Transactions: either all of their operations happen, or none.
 */

/** One operation of a multi. The functions below fill it in; it keeps the pointers that they get. */
typedef struct zoo_op {
    int type; /**< Which operation: a ZOO_*_OP of proto.h. */
    /** The arguments of the call of the same kind, such as zoo_acreate(). */
    union {
        /** ZOO_CREATE_OP and its variants. */
        struct {
            const char *path; /**< As in the call. */
            const char *data; /**< As in the call. */
            int datalen; /**< As in the call. */
            char *buf; /**< As in the call. */
            int buflen; /**< As in the call. */
            const struct ACL_vector *acl; /**< As in the call. */
            int flags; /**< As in the call. */
            int64_t ttl; /**< As in the call. */
        } create_op; /**< For a creation. */
        /** ZOO_DELETE_OP. */
        struct {
            const char *path; /**< As in the call. */
            int version; /**< As in the call. */
        } delete_op; /**< For a deletion. */
        /** ZOO_SETDATA_OP. */
        struct {
            const char *path; /**< As in the call. */
            const char *data; /**< As in the call. */
            int datalen; /**< As in the call. */
            int version; /**< As in the call. */
            struct Stat *stat; /**< As in the call. */
        } set_op; /**< For new data. */
        /** ZOO_CHECK_OP. */
        struct {
            const char *path; /**< As in the call. */
            int version; /**< As in the call. */
        } check_op; /**< For a check of the version. */
    };
} zoo_op_t;

/**
 * The result of one operation. `err` is ZOK, the code of the operation's failure, or ZRUNTIMEINCONSISTENCY if it was
 * not tried, or was undone, because another one failed.
 *
 * zoo_multi() writes the other fields for some operations only, and leaves them as they are for the others: a creation
 * sets `value` and `valuelen`, a change of data sets `stat`. zoo_multi_read() writes all fields: those of a read of data,
 * null and 0 for the others and after a failure.
 */
typedef struct zoo_op_result {
    int err;           /**< The code. */
    char *value;       /**< The buffer given with the operation, null if there is none or the operation failed. */
    int valuelen;      /**< In zoo_multi() the size of that buffer as given, also after a failure; in zoo_multi_read() how
                            many bytes were written to it, -1 for a node without data. */
    struct Stat *stat; /**< The Stat given with the operation, null if there is none or the operation failed. */
} zoo_op_result_t;

/** Makes `*op` create a node, see zoo_create(); the multi writes its path to `path_buffer`. */
ZOOAPI void zoo_create_op_init(zoo_op_t *op, const char *path, const char *value, int valuelen,
        const struct ACL_vector *acl, int mode, char *path_buffer, int path_buffer_len);

/** Makes `*op` delete a node, see zoo_delete(). */
ZOOAPI void zoo_delete_op_init(zoo_op_t *op, const char *path, int version);

/**
 * Makes `*op` set a node's data, see zoo_set2(); the multi writes its status to `*stat`, if that is not null.
 */
ZOOAPI void zoo_set_op_init(zoo_op_t *op, const char *path, const char *buffer, int buflen, int version,
        struct Stat *stat);

/** Makes `*op` check a node's version: it fails with ZNONODE or ZBADVERSION if that differs. Changes nothing. */
ZOOAPI void zoo_check_op_init(zoo_op_t *op, const char *path, int version);

/**
 * Executes `count` operations as one; 0 or less is an empty transaction, which succeeds. `ops` with its paths, values and
 * access control lists may be freed when the call returns; `results`, which has `count` entries, and the path buffers
 * and Stats of the operations must stay until the completion has been called.
 *
 * @param completion  gets the first code that is neither ZOK nor ZRUNTIMEINCONSISTENCY; `results` has all codes.
 * @return ZMARSHALLINGERROR for a null or invalid path, where other calls return ZBADARGUMENTS. ZUNIMPLEMENTED for an
 *      operation that a transaction cannot have: a creation with a time to live, one that returns the status, an unknown
 *      type. Nothing is sent and `results` is not written then.
 */
ZOOAPI int zoo_amulti(zhandle_t *zh, int count, const zoo_op_t *ops, zoo_op_result_t *results,
        void_completion_t completion, const void *data);

/*
 * Functions that Apache's C library does not have
 *
 * Older servers do not know these operations. Such a server answers ZUNIMPLEMENTED and closes the connection: the
 * session survives, but the requests after it fail with ZCONNECTIONLOSS. So do not try these operations on a server
 * that may be too old. zoo_add_watch(), zoo_multi_read(), zoo_get_ephemerals() and zoo_get_all_children_number() need
 * servers of 3.6, zoo_whoami() of 3.7. Tested on 3.4.6, 3.6.2, 3.8.0 and 3.9.3 (make test-servers).
 */

/** Defined if the functions of this part are declared. */
#define ZOO_HAVE_CALMKEEPER_API 1

/** Mode of zoo_add_watch(): only the node. */
#define ZOO_ADD_WATCH_PERSISTENT 0
/** Mode of zoo_add_watch(): the node and everything below it. */
#define ZOO_ADD_WATCH_PERSISTENT_RECURSIVE 1

/** Completion of a call that yields a number. `value` is 0 unless `rc` is `ZOK`. */
typedef void (*int_completion_t)(int rc, int value, const void *data);

/** Completion of a call that yields identities. `infos` is null unless `rc` is `ZOK`. */
typedef void (*client_infos_completion_t)(int rc, const struct ClientInfo_vector *infos, const void *data);

/**
 * Adds a persistent watch, which stays after an event. The node need not exist. With ZOO_ADD_WATCH_PERSISTENT the
 * watcher gets the node's creation, change and deletion, and changes of its list of children (ZOO_CHILD_EVENT). With
 * ZOO_ADD_WATCH_PERSISTENT_RECURSIVE it gets the creation, change and deletion of the node and of each node below it,
 * but never a ZOO_CHILD_EVENT. A watcher is called once for an event, even if the event fires several of its watches.
 *
 * Watches survive reconnects. Changes while there was no connection are not reported: after a session event with
 * ZOO_CONNECTED_STATE the program must read its data again. A server before 3.6 cannot re-arm these watches on a
 * reconnect; it closes the connection, and the next connection to it is made without them, with a line in the log.
 *
 * Servers before 3.9 keep only one kind of watch for a path and session, the latest. A handle may still have both modes
 * on a path: the library then has a recursive watch there, whose events serve both, and a watcher of the other mode
 * gets ZOO_CHILD_EVENT with the creation or deletion of a child. When one of the two is removed, only the library
 * forgets it, and the recursive watch stays at the server until the next connection. But a read of the same path with a
 * watch turns the persistent watch into one that fires once, and a removal with ZWATCHTYPE_CHILD or ZWATCHTYPE_DATA
 * removes half of it. Those servers do not know the types ZWATCHTYPE_PERSISTENT and ZWATCHTYPE_PERSISTENT_RECURSIVE,
 * which fail there with ZMARSHALLINGERROR: use ZWATCHTYPE_ANY.
 *
 * zoo_aremove_watches(), with a watcher, makes only the library forget the watch; the server continues to send its
 * events, which are dropped, until zoo_aremove_all_watches() or the next connection.
 *
 * Own codes: ZBADARGUMENTS for another mode or a null watcher; ZNOAUTH.
 */
ZOOAPI int zoo_aadd_watch(zhandle_t *zh, const char *path, int mode, watcher_fn watcher, void *watcherCtx,
        void_completion_t completion, const void *data);

/** Yields the identities that the server knows for the session: scheme and name, such as "ip" and the address, or
 * "digest" and the user. */
ZOOAPI int zoo_awhoami(zhandle_t *zh, client_infos_completion_t completion, const void *data);

/**
 * Lists the paths of this session's ephemeral nodes. Only paths that start with `prefix` are returned; "" and "/"
 * select all of them. They are compared byte by byte, so "/app/wor" selects "/app/worker-1". Own code: ZBADARGUMENTS
 * for a prefix that does not start with a slash.
 */
ZOOAPI int zoo_aget_ephemerals(zhandle_t *zh, const char *prefix, strings_completion_t completion, const void *data);

/**
 * Counts a node's descendants: its children, their children and so on, without the node itself. Own code: ZNONODE.
 */
ZOOAPI int zoo_aget_all_children_number(zhandle_t *zh, const char *path, int_completion_t completion, const void *data);

/**
 * Makes `*op` read a node, see zoo_get(). Afterwards `value` of the result is `buf`, `valuelen` is the number of bytes
 * written, -1 for a node without data, and `stat` is filled in if it is not null. Data that does not fit is cut; with a
 * null `buf` or a negative `buflen` nothing is written.
 */
ZOOAPI void zoo_get_op_init(zoo_op_t *op, const char *path, char *buf, int buflen, struct Stat *stat);

/**
 * Makes `*op` list a node's children, see zoo_get_children(). Free the list with deallocate_String_vector() if `err` of
 * the result is ZOK.
 */
ZOOAPI void zoo_get_children_op_init(zoo_op_t *op, const char *path, struct String_vector *strings);

/**
 * Does `count` reads with one request: operations made by zoo_get_op_init() and zoo_get_children_op_init(). They set no
 * watches and fail independently: each result has the `err` of its own read. `results`, which has `count` entries, and
 * the buffers of the operations must stay until the completion has been called.
 *
 * @param completion  gets ZOK when the server has answered, else the reason, which every `err` then has too.
 *
 * Own codes: ZBADARGUMENTS for a negative count or a bad path; ZUNIMPLEMENTED for an operation of another kind.
 */
ZOOAPI int zoo_amulti_read(zhandle_t *zh, int count, const zoo_op_t *ops, zoo_op_result_t *results,
        void_completion_t completion, const void *data);

/**
 * Sets how long requests may wait for their answers, in milliseconds, including those in flight; 0, the default, for as
 * long as the connection exists. ZOO_REQUEST_TIMEOUT_MS in the environment sets it for all handles. A request whose
 * time has passed is completed with ZREQUESTTIMEOUT; the server may still execute it. This holds for zoo_add_auth()
 * too, whose credentials stay. Less than 5 ms counts as 5. The connection stays, because nothing is wrong with it:
 * answers come in the order of the requests, so the late answer is recognised by its position and dropped. A request
 * that was waiting for a connection is not sent any more. A read or zoo_add_watch() that timed out sets no watch.
 *
 * @return ZOK, or ZBADARGUMENTS for a negative number.
 */
ZOOAPI int zoo_set_request_timeout(zhandle_t *zh, int ms);

#ifdef THREADED
/** Synchronous form of zoo_aadd_watch(). */
ZOOAPI int zoo_add_watch(zhandle_t *zh, const char *path, int mode, watcher_fn watcher, void *watcherCtx);

/** Synchronous form of zoo_awhoami(). Free the list with deallocate_ClientInfo_vector(). */
ZOOAPI int zoo_whoami(zhandle_t *zh, struct ClientInfo_vector *infos);

/** Synchronous form of zoo_aget_ephemerals(). Free the list with deallocate_String_vector(). */
ZOOAPI int zoo_get_ephemerals(zhandle_t *zh, const char *prefix, struct String_vector *strings);

/** Synchronous form of zoo_aget_all_children_number(). */
ZOOAPI int zoo_get_all_children_number(zhandle_t *zh, const char *path, int *number);

/** Synchronous form of zoo_amulti_read(). */
ZOOAPI int zoo_multi_read(zhandle_t *zh, int count, const zoo_op_t *ops, zoo_op_result_t *results);
#endif

/*
 * Removal of watches
 */

/**
 * Selects watches of a path: those on its children, those on its data (and existence), or all including persistent
 * ones; or only those of zoo_add_watch(), which Apache's library does not have.
 */
typedef enum {
    ZWATCHTYPE_CHILD = 1,
    ZWATCHTYPE_DATA = 2,
    ZWATCHTYPE_ANY = 3,
    ZWATCHTYPE_PERSISTENT = 4,
    ZWATCHTYPE_PERSISTENT_RECURSIVE = 5
} ZooWatcherType;

/**
 * Removes one watch from a path: that of `watcher` with `watcherCtx`. If `local` is not 0, only the library forgets it,
 * and the server is not told.
 *
 * @param completion  gets ZOK, or the reason of the failure; then the watch stays. Own code, also returned at once:
 *      ZNOWATCHER, there is no such watch, or no such type.
 *      In Apache's header, as here, the type of this parameter is a pointer to void_completion_t; pass the function
 *      itself.
 */
ZOOAPI int zoo_aremove_watches(zhandle_t *zh, const char *path, ZooWatcherType wtype, watcher_fn watcher,
        void *watcherCtx, int local, void_completion_t *completion, const void *data);

/** zoo_aremove_watches() under its name in Apache's 3.5. */
ZOOAPI int zoo_aremove_watchers(zhandle_t *zh, const char *path, ZooWatcherType wtype, watcher_fn watcher,
        void *watcherCtx, int local, void_completion_t *completion, const void *data);

/** Removes all of the handle's watches of that type from a path. Otherwise as zoo_aremove_watches(). */
ZOOAPI int zoo_aremove_all_watches(zhandle_t *zh, const char *path, ZooWatcherType wtype, int local,
        void_completion_t *completion, const void *data);

/** Synchronous form of zoo_aremove_all_watches(); the code is the result. In libzookeeper_mt only, as in Apache's. */
ZOOAPI int zoo_remove_all_watches(zhandle_t *zh, const char *path, ZooWatcherType wtype, int local);

#ifdef THREADED
/*
 * Synchronous calls. Each makes the asynchronous call of the same name, which is described above, waits for the answer,
 * and returns its code. A Stat, list or buffer is written to only if the code is ZOK; a null Stat is allowed.
 */

/** Synchronous form of zoo_aremove_watches(). */
ZOOAPI int zoo_remove_watches(zhandle_t *zh, const char *path, ZooWatcherType wtype, watcher_fn watcher,
        void *watcherCtx, int local);

/** zoo_remove_watches() under its name in Apache's 3.5. */
ZOOAPI int zoo_remove_watchers(zhandle_t *zh, const char *path, ZooWatcherType wtype, watcher_fn watcher,
        void *watcherCtx, int local);

/**
 * Synchronous form of zoo_acreate(). The node's path is written to `path_buffer`, which has `path_buffer_len` bytes; it
 * is cut if it is longer, and always ends with a NUL. The buffer may be null with length 0.
 */
ZOOAPI int zoo_create(zhandle_t *zh, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
        int mode, char *path_buffer, int path_buffer_len);

/** Synchronous form of zoo_acreate_ttl(); otherwise as zoo_create(). */
ZOOAPI int zoo_create_ttl(zhandle_t *zh, const char *path, const char *value, int valuelen,
        const struct ACL_vector *acl, int mode, int64_t ttl, char *path_buffer, int path_buffer_len);

/** zoo_create() that also yields the node's status. */
ZOOAPI int zoo_create2(zhandle_t *zh, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
        int mode, char *path_buffer, int path_buffer_len, struct Stat *stat);

/** zoo_create_ttl() that also yields the node's status. */
ZOOAPI int zoo_create2_ttl(zhandle_t *zh, const char *path, const char *value, int valuelen,
        const struct ACL_vector *acl, int mode, int64_t ttl, char *path_buffer, int path_buffer_len, struct Stat *stat);

/** Synchronous form of zoo_adelete(). */
ZOOAPI int zoo_delete(zhandle_t *zh, const char *path, int version);

/** Synchronous form of zoo_aexists(). */
ZOOAPI int zoo_exists(zhandle_t *zh, const char *path, int watch, struct Stat *stat);

/** Synchronous form of zoo_awexists(). */
ZOOAPI int zoo_wexists(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx, struct Stat *stat);

/**
 * Synchronous form of zoo_aget(). `*buffer_len` is the size of `buffer` before the call, and the number of bytes
 * written after it: data that does not fit is cut, which `stat->dataLength` shows. It is -1 for a node without data.
 */
ZOOAPI int zoo_get(zhandle_t *zh, const char *path, int watch, char *buffer, int *buffer_len, struct Stat *stat);

/** Synchronous form of zoo_awget(); otherwise as zoo_get(). */
ZOOAPI int zoo_wget(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx, char *buffer,
        int *buffer_len, struct Stat *stat);

/** Synchronous form of zoo_agetconfig(); otherwise as zoo_get(). */
ZOOAPI int zoo_getconfig(zhandle_t *zh, int watch, char *buffer, int *buffer_len, struct Stat *stat);

/** Synchronous form of zoo_awgetconfig(); otherwise as zoo_get(). */
ZOOAPI int zoo_wgetconfig(zhandle_t *zh, watcher_fn watcher, void *watcherCtx, char *buffer, int *buffer_len,
        struct Stat *stat);

/** Synchronous form of zoo_areconfig(); the new configuration is written as by zoo_get(). */
ZOOAPI int zoo_reconfig(zhandle_t *zh, const char *joining, const char *leaving, const char *members, int64_t version,
        char *buffer, int *buffer_len, struct Stat *stat);

/** Synchronous form of zoo_aset(), without the status. */
ZOOAPI int zoo_set(zhandle_t *zh, const char *path, const char *buffer, int buflen, int version);

/** Synchronous form of zoo_aset(). */
ZOOAPI int zoo_set2(zhandle_t *zh, const char *path, const char *buffer, int buflen, int version, struct Stat *stat);

/**
 * Synchronous form of zoo_aget_children(). Free the list with deallocate_String_vector(), even that of a node without
 * children, whose count is 0.
 */
ZOOAPI int zoo_get_children(zhandle_t *zh, const char *path, int watch, struct String_vector *strings);

/** Synchronous form of zoo_awget_children(); otherwise as zoo_get_children(). */
ZOOAPI int zoo_wget_children(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        struct String_vector *strings);

/** Synchronous form of zoo_aget_children2(); otherwise as zoo_get_children(). */
ZOOAPI int zoo_get_children2(zhandle_t *zh, const char *path, int watch, struct String_vector *strings,
        struct Stat *stat);

/** Synchronous form of zoo_awget_children2(); otherwise as zoo_get_children(). */
ZOOAPI int zoo_wget_children2(zhandle_t *zh, const char *path, watcher_fn watcher, void *watcherCtx,
        struct String_vector *strings, struct Stat *stat);

/** Synchronous form of zoo_aget_acl(). Free the list with deallocate_ACL_vector(). */
ZOOAPI int zoo_get_acl(zhandle_t *zh, const char *path, struct ACL_vector *acl, struct Stat *stat);

/** Synchronous form of zoo_aset_acl(). */
ZOOAPI int zoo_set_acl(zhandle_t *zh, const char *path, int version, const struct ACL_vector *acl);

/** Synchronous form of zoo_amulti(). */
ZOOAPI int zoo_multi(zhandle_t *zh, int count, const zoo_op_t *ops, zoo_op_result_t *results);
#endif

#ifdef __cplusplus
}
#endif

#endif /* ZOOKEEPER_H_ */
