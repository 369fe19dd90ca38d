/**
 * @file zookeeper.h
 * The C interface to ZooKeeper.
 *
 * The interface is that of Apache ZooKeeper 3.8.0's C libraries, the multi-threaded libzookeeper_mt and the
 * single-threaded libzookeeper_st; programs written for them compile and run unchanged. Define THREADED before the include
 * for the first: the header shows the synchronous calls then. Without it, for the second, it shows zookeeper_interest() and
 * zookeeper_process() instead. libzookeeper_mt exports all of them either way.
 *
 * The following holds for all calls, unless their own text says otherwise.
 *
 * @par Parameters
 * Parameters of one name mean the same everywhere. `zh` is the handle. `path` is the node. `version` is the version that the
 * node must have, -1 for any. `watch`, if not 0, leaves the handle's own watcher on the node; `watcher` leaves that function,
 * none if it is null, and calls it with `watcherCtx`. `completion` is called once with the result, and gets `data` as its last
 * argument. `stat` receives the node's status and may be null.
 *
 * @par Paths
 * A path is absolute, a C string in UTF-8, with parts between single slashes; no part is "." or "..", none ends with a slash,
 * and bytes 0x01 to 0x1e are not allowed. When the handle's host list has a chroot, paths are below it and results come
 * without it.
 *
 * @par Units
 * Bytes and milliseconds. Versions are counts of changes.
 *
 * @par Results
 * A call returns ZOK (0) or a negative number of enum ZOO_ERRORS; zerror() names it. Every call may return:
 * - ZBADARGUMENTS for a null handle or path, an invalid path, or another argument out of range;
 * - ZINVALIDSTATE when the session has ended (expired, refused, being closed), and in a forked child, which has the handle
 *   and not its threads (in libzookeeper_st a child may go on with a handle, see zookeeper_interest());
 * - ZMARSHALLINGERROR when a request cannot be built, as for want of memory, or too much waits already;
 * - ZSYSTEMERROR in a signal handler that has interrupted the library, see zookeeper_init(); a synchronous call also in a log
 *   callback on the thread that reads the socket.
 *
 * @par
 * A server or the connection can add these, which a completion gets as `rc` and a synchronous call returns:
 * - ZCONNECTIONLOSS: the connection broke before the answer; the operation may or may not have happened;
 * - ZOPERATIONTIMEOUT: the connection was given up, since nothing came for two thirds of the session timeout;
 * - ZREQUESTTIMEOUT: the time limit of requests has passed, where there is one, see zoo_set_request_timeout();
 * - ZSESSIONEXPIRED, ZAUTHFAILED, ZCLOSING: the session ended first;
 * - ZMARSHALLINGERROR, ZRUNTIMEINCONSISTENCY: the server has sent what cannot be read, or what was not asked for;
 * - ZNOAUTH: the session lacks the permission;
 * - ZNOTREADONLY: a write, and the server is in read-only mode;
 * - ZTHROTTLEDOP: the server is overloaded and did not do it.
 *
 * @par
 * "Own codes" are those that a call can have besides.
 *
 * @par Lengths
 * The length of a value may be -1 for no value; any other negative length is ZBADARGUMENTS.
 *
 * @par Waiting
 * Calls made while there is no connection wait for one. They fail when the attempt under way fails, with its code; during a
 * pause between attempts after a sixtieth of the session timeout, with the code of the last failure (ZCONNECTIONLOSS where
 * that was an answer that could not be read); in any case after two thirds of the session timeout, or when the session ends.
 *
 * @par Ownership
 * The library copies what it needs: when a call returns, asynchronous calls included, its paths, values, access control lists
 * and credentials may be changed or freed. What results are written to must stay: in zoo_amulti() until the completion has
 * been called. Lists that a synchronous call returns are the caller's, to be freed with deallocate_String_vector() or
 * deallocate_ACL_vector(). The strings, lists and status passed to a callback are the library's and valid until it returns.
 *
 * @par errno
 * A call that succeeds leaves errno unchanged. Only calls whose text says so report by errno.
 *
 * @par Threads
 * Any number of threads may use a handle. Callbacks of a handle run one at a time on a thread of the library, in the order of
 * the answers and events; they may call the library, also synchronously. (In libzookeeper_st they run in the calls of the
 * program's loop, see zookeeper_interest().) Log callbacks are different, see log_callback_fn. A thread that is cancelled
 * (pthread_cancel) inside a call ends when the call returns.
 *
 * @par Watches
 * A watch fires once, but for those of zoo_add_watch(): after the event, read again to leave a new one. Watches survive
 * reconnects. The same function with the same context on the same path is one watch.
 *
 * @par Completions
 * An asynchronous call that returns ZOK calls its completion exactly once; one that returns an error never calls it. A null
 * completion discards the answer.
 *
 * @par Exceptions
 * A C++ exception that leaves a callback ends in std::terminate. In libzookeeper_st it passes through zookeeper_interest() or
 * zookeeper_process() to the program, as with Apache's library; the handle goes on with the next call of either. What leaves
 * a log callback, or a callback in zookeeper_close(), ends the process there too. A longjmp out of a callback is possible in
 * libzookeeper_st only. Some memory is lost by it, the thread is not cancelled any more, and the next call must not be made
 * from deeper in the stack than the one that was left.
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

/** Marks what the library exports. Nothing on the systems this library is for. */
#ifndef ZOOAPI
#define ZOOAPI
#endif

@doc ZOO_ERRORS

#ifdef __cplusplus
extern "C" {
#endif

/** How much is logged: each level includes those before it. */
typedef enum {
    ZOO_LOG_LEVEL_ERROR = 1, /**< Failures: of an attempt, a connection, a session. */
    ZOO_LOG_LEVEL_WARN = 2,  /**< What an operator may have to look at. */
    ZOO_LOG_LEVEL_INFO = 3,  /**< Connections and sessions as they come and go. */
    ZOO_LOG_LEVEL_DEBUG = 4  /**< Single requests and replies. */
} ZooLogLevel;

/*
 * Access control
 */

@doc ZOO_PERM_READ
@doc ZOO_PERM_WRITE
@doc ZOO_PERM_CREATE
@doc ZOO_PERM_DELETE
@doc ZOO_PERM_ADMIN
@doc ZOO_PERM_ALL
@doc ZOO_ANYONE_ID_UNSAFE
@doc ZOO_AUTH_IDS
@doc ZOO_OPEN_ACL_UNSAFE
@doc ZOO_READ_ACL_UNSAFE
@doc ZOO_CREATOR_ALL_ACL

/*
 * Create modes
 */

@doc ZOO_PERSISTENT
@doc ZOO_EPHEMERAL
@doc ZOO_PERSISTENT_SEQUENTIAL
@doc ZOO_EPHEMERAL_SEQUENTIAL
@doc ZOO_CONTAINER
@doc ZOO_PERSISTENT_WITH_TTL
@doc ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL
@doc ZOO_SEQUENCE

/*
 * States, as zoo_state() returns them and watchers get them
 */

@doc ZOO_EXPIRED_SESSION_STATE
@doc ZOO_AUTH_FAILED_STATE
@doc ZOO_CONNECTING_STATE
@doc ZOO_ASSOCIATING_STATE
@doc ZOO_CONNECTED_STATE
@doc ZOO_READONLY_STATE
@doc ZOO_SSL_CONNECTING_STATE
@doc ZOO_NOTCONNECTED_STATE

/*
 * Events, as watchers get them
 */

@doc ZOO_CREATED_EVENT
@doc ZOO_DELETED_EVENT
@doc ZOO_CHANGED_EVENT
@doc ZOO_CHILD_EVENT
@doc ZOO_SESSION_EVENT
@doc ZOO_NOTWATCHING_EVENT

/** Where the ensemble's configuration is kept. A chroot does not apply to it. */
#define ZOO_CONFIG_NODE "/zookeeper/config"

/** Flag of zookeeper_init(): a server that has lost its quorum will do, until one that has not is found. */
#define ZOO_READONLY 1

/** Flag of zookeeper_init(): do not log the lines about the program's environment. */
#define ZOO_NO_LOG_CLIENTENV 2

/**
 * Flag of zookeeper_init(): the session expires also without a server's word, when no server has said anything for 4/3 of
 * its timeout. The servers have ended it by then, unless none of them ran. Without it, as with Apache's library, a session
 * whose servers are unreachable waits for them for ever. ZOO_LOCAL_EXPIRY=1 in the environment sets it for all handles.
 */
#define ZOO_EXPIRE_LOCALLY 0x10000

/*
 * Types
 */

/** A connection to an ensemble, with its session. Made by zookeeper_init(), ended by zookeeper_close(). */
typedef struct _zhandle zhandle_t;

/** The files of a TLS connection: what "ca,cert,key,password" names. */
typedef struct _zcert {
    char *certstr; /**< The whole string. */
    char *ca;      /**< The file of the CA's certificates. */
    char *cert;    /**< The file of the client's certificate. */
    char *key;     /**< The file of its key. */
    char *passwd;  /**< The key's password. */
} zcert_t;

/** A socket and what TLS adds to it. The library does not hand any out. */
typedef struct _zsock {
    int sock;      /**< The descriptor. */
    zcert_t *cert; /**< The files, null without TLS. */
#ifdef HAVE_OPENSSL_H
    SSL *ssl_sock;    /**< OpenSSL's connection. */
    SSL_CTX *ssl_ctx; /**< OpenSSL's settings. */
#endif
} zsock_t;

/**
 * What identifies a session, so that another connection or process can go on with it. All zero until the first
 * connection. A program that has both can take the session over.
 */
typedef struct {
    int64_t client_id; /**< The session's id. */
    char passwd[16];   /**< Its password. */
} clientid_t;

@doc watcher_fn

@doc log_callback_fn

@doc void_completion_t

@doc stat_completion_t

@doc data_completion_t

@doc strings_completion_t

@doc strings_stat_completion_t

@doc string_completion_t

@doc string_stat_completion_t

@doc acl_completion_t

/*
 * The handle
 */

/**
 * Makes a handle and begins to connect, in the background. Returns at once with a handle that can be used: what is
 * asked before there is a connection waits for it.
 *
 * @param host          "host:port,host:port,..." with an optional "/chroot" at the end. A host is a name, an IPv4 address or an
 *                      IPv6 address, which may stand in brackets. Each name may have several addresses. The order is
 *                      shuffled, see zoo_deterministic_conn_order().
 * @param fn            the handle's watcher, for session events and the nodes watched with `watch`. May be null.
 * @param recv_timeout  the session timeout to ask for, in milliseconds; see zoo_recv_timeout() for what the server grants.
 * @param clientid      null for a new session, or the zoo_client_id() of the one to go on with.
 * @param context       for the watcher, as its `watcherCtx`, and for zoo_get_context().
 * @param flags         0, or ZOO_READONLY, ZOO_NO_LOG_CLIENTENV and ZOO_EXPIRE_LOCALLY or-ed.
 *
 * `host` and `clientid` may be freed when the call returns. `fn` may be called, with `context`, before it returns, and
 * until zookeeper_close() has returned. The call blocks while names are resolved. The threads of the handle end with
 * zookeeper_close(). The one that calls completions and watchers has the caller's signal mask; the one that reads the
 * socket blocks all signals but those of faults.
 *
 * A signal handler may call the library, also on a thread that is in a call. Where the call it has interrupted holds a
 * lock, for some microseconds, zookeeper_close() returns at once and the session is closed when that call goes on;
 * zoo_state(), is_unrecoverable(), zoo_client_id() and zoo_recv_timeout() work; all else returns ZSYSTEMERROR. A sync
 * call waits with the thread's signal mask and blocks signals before and after, so a handler finds no lock there.
 *
 * @return null, with errno set, when it cannot: EINVAL for a host list that cannot be parsed, or the reason why none
 * of its names could be resolved, ENOENT among them; EAGAIN or EMFILE when there are no threads or descriptors.
 */
@ zookeeper_init

/** zookeeper_init() whose log lines go to `log_callback` from the very first on. */
@ zookeeper_init2

#ifdef HAVE_OPENSSL_H
/**
 * zookeeper_init() over TLS. `cert` is "ca[,cert[,key[,password]]]", files in PEM: the CA's certificates, the client's
 * certificate with its chain, its key, and the key's password. Two fields: the second file holds certificate and key. A
 * file that changes is read again when a connection is made. The ZOO_TLS_* variables are described in
 * docs/OPERATORS.md.
 *
 * The server's certificate must come from the CA; with ZOO_TLS_VERIFY=full it must be for the server's name as well.
 *
 * @return null, with errno set, also when the files cannot be used: EINVAL, or why one cannot be read. The log
 *      says which. Exported whatever OpenSSL's headers are, and without that library.
 */
@ zookeeper_init_ssl
#endif

/** Frees what a zsock_t holds. Declared for programs that know it; neither this library nor Apache's exports it. */
ZOOAPI void close_zsock(zsock_t *zsock);

#ifdef HAVE_CYRUS_SASL_H
/**
 * What a SASL exchange needs: service name, server's host name, mechanisms, and the callbacks that give the
 * credentials.
 */
typedef struct zoo_sasl_params {
    const char *service;              /**< The service's name, null for "zookeeper". */
    const char *host;                 /**< The server's name, null for that of the host list. */
    const char *mechlist;             /**< The mechanisms, with commas. */
    const sasl_callback_t *callbacks; /**< Give the credentials. Must stay until the handle is closed. */
} zoo_sasl_params_t;

/**
 * zookeeper_init2() with SASL by Cyrus' library, which the program has initialised, or this library loads. A null `host`
 * is what the host list calls the server, for DIGEST-MD5 what every ZooKeeper server calls itself, "zk-sasl-md5": with
 * another one it refuses the credentials. A null `service` is "zookeeper"; null `sasl_params` are zookeeper_init2().
 * `callbacks` must stay until the handle is closed; they are called on a thread of the library, in libzookeeper_st in
 * zookeeper_process(). zookeeper_close() waits for one that runs, however long, but not in a callback of the library's.
 * Exported whatever Cyrus' headers are.
 *
 * Credentials that are refused end the session: ZOO_AUTH_FAILED_STATE, and ZAUTHFAILED for all that waits. So does a password
 * file that cannot be read when the handle first authenticates; later, that is a failed attempt, which is made again.
 */
ZOOAPI zhandle_t *zookeeper_init_sasl(const char *host, watcher_fn fn, int recv_timeout, const clientid_t *clientid,
                                      void *context, int flags, log_callback_fn log_callback,
                                      zoo_sasl_params_t *sasl_params);

/**
 * Callbacks that answer with a user, a realm and a password, the first line of a file; a null file asks the terminal. A
 * relative name is one in the working directory at the time of zookeeper_init_sasl(). The array is to be freed with free() when no handle uses it any more; what it points to stays.
 */
ZOOAPI sasl_callback_t *zoo_sasl_make_basic_callbacks(const char *user, const char *realm, const char *password_file);

/**
 * Makes a password of the `content_len` bytes of a file: at most `buf_len` bytes at `buf`, their number in
 * `passwd_len`.
 *
 * @return SASL_OK, or another of Cyrus' codes.
 */
typedef int (*zoo_sasl_password_callback_t)(const char *content, size_t content_len, void *context, char *buf,
                                            size_t buf_len, size_t *passwd_len);

/** Where a password comes from. `callback` may be null, which takes the file's first line. */
typedef struct zoo_sasl_password {
    const char *password_file;             /**< The file. */
    void *context;                         /**< For the callback. */
    zoo_sasl_password_callback_t callback; /**< Makes the password of the file's content; may be null. */
} zoo_sasl_password_t;

/** zoo_sasl_make_basic_callbacks() with a password that is made of a file of at most 1,023 bytes. */
ZOOAPI sasl_callback_t *zoo_sasl_make_password_callbacks(const char *user, const char *realm,
                                                         zoo_sasl_password_t *password);
#endif

/**
 * Ends the session and frees the handle, which must not be used any more. Ephemeral nodes of the session go. What is
 * still pending is completed with ZCLOSING before the call returns; no callback comes after it. Waits at most a few
 * seconds for the server. Within one of the handle's own callbacks it returns at once, and the handle goes when the
 * callback has.
 *
 * The child of a fork has no descriptor of the handle any more (in libzookeeper_st: this call closes them), and the parent's
 * session is left alone. The memory is not given back there.
 *
 * @return ZOK, also when the server could not be told; ZBADARGUMENTS for a null handle, and while another call closes it;
 *      in libzookeeper_st ZSYSTEMERROR in a signal handler that has interrupted the library: then nothing was done.
 */
@ zookeeper_close

/**
 * The session's identity, for zookeeper_init() elsewhere. All zero until the first connection. It belongs to the
 * handle and changes with it.
 */
@ zoo_client_id

/** The session timeout in milliseconds: what the server granted, or before that what was asked for. */
@ zoo_recv_timeout

/** The context that was given to zookeeper_init() or zoo_set_context(). */
@ zoo_get_context

/** Replaces the context, also for watches that were left with `watch` from now on. Not freed by the library. */
@ zoo_set_context

/**
 * Replaces the handle's watcher, null for none, and returns the one before. The one before may still be called, by an
 * event that is being delivered and by the watches it was left with.
 */
@ zoo_set_watcher

/** One of the ZOO_*_STATE; 0 for a null handle and while a lost connection is not being tried again yet. */
@ zoo_state

/**
 * ZOK while the session can live on, however long it is without a connection; ZINVALIDSTATE once it has expired or was
 * refused, when zookeeper_close() is all that is left to do.
 */
@ is_unrecoverable

/**
 * The address of the server that the session is with. Writes as much of it as fits to `addr`, of `*addr_len` bytes,
 * sets that to the length of the whole, and returns `addr`; null without an established session, and with a read-only one.
 */
@ zookeeper_get_connected_host

/** What an error code means, in a few words. Positive numbers are taken for errno's. The text is not to be freed. */
@ zerror

/*
 * The list of servers
 */

/**
 * Replaces the list of servers; the form is zookeeper_init()'s, without a chroot. When the server in use is not on the
 * new list the handle moves to one that is; when the list has grown or shrunk some handles move, so that all clients
 * together spread evenly. Nothing happens when the servers are the same.
 *
 * Blocks while names are resolved.
 *
 * @return ZOK. On an error the old list stays: ZBADARGUMENTS with errno EINVAL for a list that cannot be parsed;
 *      ZSYSTEMERROR with errno set, mostly ENOENT, when none of its names can be resolved, which may pass.
 */
@ zoo_set_servers

/**
 * How often names are looked up again while connected, in milliseconds: -1 for never, 0 for what it is at the
 * beginning, once a minute; less than a second counts as one. After a lost connection they are looked up in any case.
 * Numeric addresses never are, and no look-up holds up the connection. In libzookeeper_st names are looked up in
 * zookeeper_interest(), before an attempt and at most once a minute, whatever this says.
 *
 * @return ZOK, or ZBADARGUMENTS below -1.
 */
@ zoo_set_servers_resolution_delay

/** Makes the next connection go to the next server of the list. Does not end the one there is. */
@ zoo_cycle_next_server

/**
 * "address:port" of the server in use or being tried, with an IPv6 address in brackets; ":0" before the first attempt, null for
 * a null handle. The text is the calling thread's, and good until that thread's next call.
 */
@ zoo_get_current_server

/** If not 0, handles made from now on try their servers in the order of their lists. Holds for the whole process. */
@ zoo_deterministic_conn_order

#ifndef THREADED
/*
 * For programs with an event loop, on libzookeeper_st, which has no threads. Its handles do something only in calls: a
 * request is sent by the call that makes it, or by the next turn of the loop; everything else happens in the two calls
 * below. They never wait, but for names, which are looked up before an attempt and at most once a minute, and for what a
 * SASL mechanism waits for. Callbacks run in them, and in zookeeper_close(), and may make any call, zookeeper_close() too.
 * A handle has two descriptors, the socket and a poll of its own; only the former is to be watched.
 *
 * A loop calls zookeeper_interest(), waits for what it says, and calls zookeeper_process() with what has happened. A
 * program that forks may go on with a handle in the parent or in the child: the child has it for its own with its first
 * call of either, and its zookeeper_close() before that leaves the parent's session alone.
 *
 * The multi-threaded library has its own threads and needs neither call; they are there because Apache's library exports
 * them, and inform.
 */

@doc ZOOKEEPER_WRITE
@doc ZOOKEEPER_READ

/**
 * What to wait for: sets `*fd` to the socket, -1 for none, `*interest` to ZOOKEEPER_READ and ZOOKEEPER_WRITE or-ed, and
 * `*tv` to how long to wait at most, a third of the session timeout. Does what is due: connects, pings, gives up on a
 * silent server. Between two attempts there is no socket, and the next attempt is not due before that time has passed. A
 * loop that makes no call in such a pause and comes back too late is given a timer's descriptor in the next ones.
 *
 * @return ZOK, ZBADARGUMENTS for null pointers, ZINVALIDSTATE when the session has ended, or why a connection was
 *      given up just now: ZOPERATIONTIMEOUT, ZCONNECTIONLOSS, ZSESSIONEXPIRED, ZAUTHFAILED, and the others that
 *      zookeeper_process() may return. The loop goes on after the latter.
 */
@ zookeeper_interest

/**
 * Says what has happened to the socket: `events` is ZOOKEEPER_READ and ZOOKEEPER_WRITE or-ed, 0 for nothing. Reads,
 * writes and calls back.
 *
 * @return ZOK, ZNOTHING when no answer was there to be read, ZBADARGUMENTS for a null handle, ZINVALIDSTATE
 *      without a connection or when the session has ended, or why the connection has ended just now: ZCONNECTIONLOSS;
 *      ZOPERATIONTIMEOUT, since it does what is due as well; ZSESSIONEXPIRED; ZAUTHFAILED; ZMARSHALLINGERROR and
 *      ZRUNTIMEINCONSISTENCY for what a server must not send. In libzookeeper_mt, where all is done already, ZNOTHING or ZOK.
 */
@ zookeeper_process
#else
@doc ZOOKEEPER_WRITE
@doc ZOOKEEPER_READ
#endif

/*
 * Log
 */

/** Sets the level, for all handles: a ZooLogLevel, ZOO_LOG_LEVEL_INFO at the beginning; 0 turns the log off. */
@ zoo_set_debug_level

/**
 * Sets the stream for all handles without a callback; null for stderr, which it is at the beginning. It must stay open
 * until it has been replaced and the calls under way have returned.
 */
@ zoo_set_log_stream

/** The handle's log callback; null for none and for a null handle. */
@ zoo_get_log_callback

/** Sends the handle's log lines to `callback`, or with null back to the stream; see log_callback_fn. */
@ zoo_set_log_callback

@doc zoo_reconnect_stats

/**
 * Writes the handle's counters to `stats`, of which the caller has `size` bytes, normally
 * `sizeof(struct zoo_reconnect_stats)`. An older, shorter structure gets its part. Not in Apache's library.
 *
 * @return ZOK, or ZBADARGUMENTS for null pointers.
 */
@ zoo_get_reconnect_stats

/** The version of the interface, equal to ZOO_VERSION of the library's own headers. The text is not to be freed. */
@ zoo_version_str

/** The version of this library itself, as in "1.2.3". The text is not to be freed. Not in Apache's library. */
@ calmkeeper_version_str

/*
 * Credentials
 */

/**
 * Presents credentials now and after each reconnect. `scheme` is "digest" with a `cert` of "user:password", or another
 * one the servers know; `cert` has `certLen` bytes and may be null with 0. The library keeps a copy until the handle is
 * closed.
 *
 * @param completion  gets ZOK, ZAUTHFAILED when they were refused, which ends the session, or why the connection
 *      broke. It is called once, for the first answer. With ZREQUESTTIMEOUT the credentials stay and the answer still counts.
 */
@ zoo_add_auth

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
@ zoo_acreate

/**
 * zoo_acreate() with a time to live of 1 to 2^40 - 1 milliseconds for the two modes that have one, -1 for the others.
 */
@ zoo_acreate_ttl

/** zoo_acreate() whose completion gets the status too. */
@ zoo_acreate2

/** zoo_acreate_ttl() whose completion gets the status too. */
@ zoo_acreate2_ttl

/**
 * Deletes a node. Own codes: ZNONODE; ZBADVERSION, its data version is not `version`; ZNOTEMPTY, it has children.
 */
@ zoo_adelete

/**
 * Asks whether a node exists. The watch is left in either case; it fires when the node is created, deleted or its data
 * set.
 *
 * @param completion  gets its status. Own code: ZNONODE.
 */
@ zoo_aexists

/** zoo_aexists() with a watcher of its own. */
@ zoo_awexists

/**
 * Reads a node.
 *
 * @param completion  gets its data and status. Own code: ZNONODE, which leaves no watch.
 */
@ zoo_aget

/** zoo_aget() with a watcher of its own. */
@ zoo_awget

/** zoo_aget() of ZOO_CONFIG_NODE, whatever the chroot. */
@ zoo_agetconfig

/** zoo_agetconfig() with a watcher of its own. */
@ zoo_awgetconfig

/**
 * Changes the ensemble's members: either `joining` ("server.4=host:2888:3888;2181", several with commas) and `leaving`
 * (ids with commas), or `members`, the whole new list; what does not apply is null. `version` is that of the
 * configuration to change, -1 for any.
 *
 * @param dc  gets the new configuration and its status. Own codes: ZRECONFIGINPROGRESS;
 *      ZNEWCONFIGNOQUORUM; ZBADVERSION; ZRECONFIGDISABLED, the servers do not allow it; ZUNIMPLEMENTED.
 */
@ zoo_areconfig

/**
 * Sets a node's data: `buflen` bytes, null with -1 for none.
 *
 * @param completion  gets the status after it. Own codes: ZNONODE; ZBADVERSION.
 */
@ zoo_aset

/**
 * Lists a node's children. The watch fires when a child is created or deleted, or the node itself is.
 *
 * @param completion  gets their names without the path, in no particular order. Own code: ZNONODE, which leaves no
 *      watch.
 */
@ zoo_aget_children

/** zoo_aget_children() with a watcher of its own. */
@ zoo_awget_children

/** zoo_aget_children() whose completion gets the status of the parent too. */
@ zoo_aget_children2

/** zoo_aget_children2() with a watcher of its own. */
@ zoo_awget_children2

/**
 * Makes the server catch up with the leader: what is read on this handle afterwards is at least as new as what was
 * written anywhere before.
 *
 * @param completion  gets the path.
 */
@ zoo_async

/**
 * Reads a node's access control list.
 *
 * @param completion  gets the list and the node's status. Own code: ZNONODE.
 */
@ zoo_aget_acl

/**
 * Sets a node's access control list; `version` is that of the list. Own codes: ZNONODE; ZBADVERSION; ZINVALIDACL.
 */
@ zoo_aset_acl

/*
 * Several operations as one: all of them happen, or none.
 */

/** One operation of a multi. Filled in by the functions below, of which it keeps the pointers. */
typedef struct zoo_op {
    int type; /**< Which operation: a ZOO_*_OP of proto.h. */
    /** The arguments of the call of the same kind, such as zoo_acreate(). */
    union {
        /** ZOO_CREATE_OP and its relatives. */
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
 * What became of one operation. `err` is ZOK, the code of the operation that failed, or ZRUNTIMEINCONSISTENCY for one
 * that was not tried, or undone, because of another. `value`, of `valuelen` bytes, and `stat` are the buffers given
 * with the operation, null where it has none or failed.
 */
typedef struct zoo_op_result {
    int err;           /**< The code. */
    char *value;       /**< The buffer given with the operation. */
    int valuelen;      /**< How many bytes it holds. */
    struct Stat *stat; /**< The status given with the operation. */
} zoo_op_result_t;

/** Makes `*op` create a node, see zoo_create(); its path is written to `path_buffer` when the multi has been done. */
@ zoo_create_op_init

/** Makes `*op` delete a node, see zoo_delete(). */
@ zoo_delete_op_init

/**
 * Makes `*op` set a node's data, see zoo_set2(); its status is written to `*stat`, if not null, when it has been
 * done.
 */
@ zoo_set_op_init

/** Makes `*op` hold only if a node has a version; ZNONODE or ZBADVERSION if not. Changes nothing. */
@ zoo_check_op_init

/**
 * Does `count` operations as one. `ops` with its paths, values and access control lists may be freed when the call
 * returns; `results`, of as many, and the path buffers and Stats that the operations name must stay until the
 * completion has been called.
 *
 * @param completion  gets the first code that is neither ZOK nor ZRUNTIMEINCONSISTENCY; `results` has them all.
 */
@ zoo_amulti

/*
 * What Apache's library for C does not have
 *
 * Older servers do not know these operations. Such a server answers ZUNIMPLEMENTED and closes the connection: the
 * session lives on, but what was asked behind it fails with ZCONNECTIONLOSS. So do not try them out on a server that
 * may be too old. zoo_add_watch(), zoo_multi_read(), zoo_get_ephemerals() and zoo_get_all_children_number() need servers
 * of 3.6, zoo_whoami() of 3.7. Tested on 3.4.6, 3.6.2, 3.8.0 and 3.9.3 (make test-servers).
 */

/** Defined where the functions of this part are declared. */
#define ZOO_HAVE_CALMKEEPER_API 1

/** Mode of zoo_add_watch(): the node alone. */
#define ZOO_ADD_WATCH_PERSISTENT 0
/** Mode of zoo_add_watch(): the node and everything below it. */
#define ZOO_ADD_WATCH_PERSISTENT_RECURSIVE 1

@doc int_completion_t

@doc client_infos_completion_t

/**
 * Leaves a watch that stays after an event. The node need not exist. With ZOO_ADD_WATCH_PERSISTENT the watcher hears of
 * the node's creation, change and deletion, and of its list of children (ZOO_CHILD_EVENT). With
 * ZOO_ADD_WATCH_PERSISTENT_RECURSIVE it hears of the creation, change and deletion of the node and of each node below
 * it, and never of a list. A watcher is called once for an event, however many of its watches the event fires.
 *
 * Watches survive reconnects. What has changed while there was no connection is not reported: after a session event
 * with ZOO_CONNECTED_STATE the program must read again what it keeps. On a reconnect to a server before 3.6 they cannot
 * be re-armed; the server closes the connection, and the next one to it is made without them and with a line in the
 * log.
 *
 * Servers before 3.9 keep one kind of watch for a path and session, the one that came last. A handle may have both modes on
 * a path all the same: the library then has a recursive watch there, whose events serve both, and a watcher of the other
 * mode hears of the list of children (ZOO_CHILD_EVENT) with the creation or deletion of a child. When one of the two is
 * removed the library alone forgets it, and a recursive watch goes on at the server until the next connection. But a read
 * of the same path with a watch turns the persistent watch into one that fires once, and removing with ZWATCHTYPE_CHILD or
 * ZWATCHTYPE_DATA takes half of it away. Those servers do not know the types ZWATCHTYPE_PERSISTENT and
 * ZWATCHTYPE_PERSISTENT_RECURSIVE, which fail there with ZMARSHALLINGERROR: use ZWATCHTYPE_ANY.
 *
 * zoo_aremove_watches(), with a watcher, makes the library forget it; the server goes on sending the events, which are
 * dropped, until zoo_aremove_all_watches() or the next connection.
 *
 * Own codes: ZBADARGUMENTS for another mode or a null watcher; ZNOAUTH.
 */
@ zoo_aadd_watch

/** Yields who the server takes the session for: scheme and name, such as "ip" and the address, and "digest" and the user. */
@ zoo_awhoami

/**
 * Lists the paths of this session's ephemeral nodes. Only paths that start with `prefix` are returned; "" and "/"
 * select all of them. The comparison is by bytes, so "/app/wor" selects "/app/worker-1". Own code: ZBADARGUMENTS for a
 * prefix that does not start with a slash.
 */
@ zoo_aget_ephemerals

/**
 * Counts a node's descendants: its children, their children and so on, without the node. Own code: ZNONODE.
 */
@ zoo_aget_all_children_number

/**
 * Makes `*op` read a node, see zoo_get(). When it has been done, `value` of the result is `buf`, `valuelen` the number of
 * bytes written, -1 for a node without data, and `stat` is filled in if not null. Data that does not fit is cut; a null `buf` or
 * a negative `buflen` is no room.
 */
@ zoo_get_op_init

/**
 * Makes `*op` list a node's children, see zoo_get_children(). Free the list with deallocate_String_vector() if `err` of
 * the result is ZOK.
 */
@ zoo_get_children_op_init

/**
 * Does `count` reads with one request: operations made by zoo_get_op_init() and zoo_get_children_op_init(). They leave
 * no watches and fail one by one: each result has the `err` of its own read. `results`, of as many, and what the
 * operations name must stay until the completion has been called.
 *
 * @param completion  gets ZOK when the server has answered, else why not, and every `err` is that code.
 *
 * Own codes: ZBADARGUMENTS for a negative count or a bad path; ZUNIMPLEMENTED for an operation of another kind.
 */
@ zoo_amulti_read

/**
 * Sets how long requests may wait for their answers, in milliseconds, those in flight included; 0, the beginning, for
 * as long as the connection lives. ZOO_REQUEST_TIMEOUT_MS in the environment sets it for all handles. A request whose
 * time has passed is completed with ZREQUESTTIMEOUT; the server may still do it. This holds for zoo_add_auth() too, whose
 * credentials stay. Less than 5 ms counts as 5. The connection lives on, since
 * nothing is wrong with it: answers come in the order of the requests, so the late one is known by its place and
 * dropped. What was waiting for a connection is not sent any more. A watch is not left by a read or zoo_add_watch()
 * that timed out.
 *
 * @return ZOK, or ZBADARGUMENTS for a negative number.
 */
@ zoo_set_request_timeout

#ifdef THREADED
/** zoo_aadd_watch() that waits. */
@ zoo_add_watch

/** zoo_awhoami() that waits. Free the list with deallocate_ClientInfo_vector(). */
@ zoo_whoami

/** zoo_aget_ephemerals() that waits. Free the list with deallocate_String_vector(). */
@ zoo_get_ephemerals

/** zoo_aget_all_children_number() that waits. */
@ zoo_get_all_children_number

/** zoo_amulti_read() that waits. */
@ zoo_multi_read
#endif

/*
 * Taking watches away
 */

/**
 * Which watches of a path: those on its children, on its data (and existence), all of them with the persistent ones; or
 * those of zoo_add_watch() alone, which are not in Apache's library.
 */
typedef enum {
    ZWATCHTYPE_CHILD = 1,
    ZWATCHTYPE_DATA = 2,
    ZWATCHTYPE_ANY = 3,
    ZWATCHTYPE_PERSISTENT = 4,
    ZWATCHTYPE_PERSISTENT_RECURSIVE = 5
} ZooWatcherType;

/**
 * Takes one watch off a path: that of `watcher` with `watcherCtx`. If `local` is not 0 only the library forgets it, and
 * the server is not told.
 *
 * @param completion  gets ZOK, or why it failed; then the watch stays. Own code, also returned at once: ZNOWATCHER, there is
 *      no such watch, or no such type.
 *      In Apache's header, as here, its type is a pointer to void_completion_t; pass the function itself.
 */
@ zoo_aremove_watches

/** zoo_aremove_watches() under the name that it has in Apache's 3.5. */
@ zoo_aremove_watchers

/** Takes all of the handle's watches of that type off a path. Otherwise as zoo_aremove_watches(). */
@ zoo_aremove_all_watches

/** zoo_aremove_all_watches() that waits; the code is the result. In libzookeeper_mt only, as Apache's. */
@ zoo_remove_all_watches

#ifdef THREADED
/*
 * Synchronous calls. Each waits for the answer to the asynchronous call of the same name, whose text says what it
 * does, and returns its code. A Stat, list or buffer is written to only if that is ZOK; a null Stat is allowed.
 */

/** zoo_aremove_watches() that waits. */
@ zoo_remove_watches

/** zoo_remove_watches() under the name that it has in Apache's 3.5. */
@ zoo_remove_watchers

/**
 * zoo_acreate() that waits. The node's path is written to `path_buffer`, of `path_buffer_len` bytes, cut if it is
 * longer and always with a NUL; null with 0 if it is not wanted.
 */
@ zoo_create

/** zoo_acreate_ttl() that waits; otherwise as zoo_create(). */
@ zoo_create_ttl

/** zoo_create() that yields the node's status too. */
@ zoo_create2

/** zoo_create_ttl() that yields the node's status too. */
@ zoo_create2_ttl

/** zoo_adelete() that waits. */
@ zoo_delete

/** zoo_aexists() that waits. */
@ zoo_exists

/** zoo_awexists() that waits. */
@ zoo_wexists

/**
 * zoo_aget() that waits. `*buffer_len` is the room in `buffer` before, and the number of bytes written after the
 * call: data that does not fit is cut, which `stat->dataLength` shows. It is -1 for a node without data.
 */
@ zoo_get

/** zoo_awget() that waits; otherwise as zoo_get(). */
@ zoo_wget

/** zoo_agetconfig() that waits; otherwise as zoo_get(). */
@ zoo_getconfig

/** zoo_awgetconfig() that waits; otherwise as zoo_get(). */
@ zoo_wgetconfig

/** zoo_areconfig() that waits; the new configuration is written as zoo_get() does. */
@ zoo_reconfig

/** zoo_aset() that waits, without the status. */
@ zoo_set

/** zoo_aset() that waits. */
@ zoo_set2

/**
 * zoo_aget_children() that waits. Free the list with deallocate_String_vector(), also that of a node without children,
 * whose count is 0.
 */
@ zoo_get_children

/** zoo_awget_children() that waits; otherwise as zoo_get_children(). */
@ zoo_wget_children

/** zoo_aget_children2() that waits; otherwise as zoo_get_children(). */
@ zoo_get_children2

/** zoo_awget_children2() that waits; otherwise as zoo_get_children(). */
@ zoo_wget_children2

/** zoo_aget_acl() that waits. Free the list with deallocate_ACL_vector(). */
@ zoo_get_acl

/** zoo_aset_acl() that waits. */
@ zoo_set_acl

/** zoo_amulti() that waits. */
@ zoo_multi
#endif

#ifdef __cplusplus
}
#endif

#endif /* ZOOKEEPER_H_ */
