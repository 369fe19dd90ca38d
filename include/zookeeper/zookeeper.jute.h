/* Generated: see include/templates. Calmkeeper, Apache License 2.0. */
/*
 * zookeeper.jute.h - the records of ZooKeeper's protocol as C structs.
 *
 * Programs need few of them: struct Stat, struct Id, struct ACL, and the lists struct String_vector and struct
 * ACL_vector. The others describe messages on the wire or entries of a server's log.
 *
 * deallocate_X() frees the content of a record, which must come from malloc, but not the record itself. Freed pointers
 * become null while counts and lengths stay, so freeing twice does no harm; null pointers are skipped.
 * allocate_X_vector() gives a list `len` zeroed items, without freeing its earlier content, and returns ZOK,
 * ZBADARGUMENTS for a null list, or ZMARSHALLINGERROR, with a count of 0, when there is no memory. All of these are
 * exported.
 *
 * serialize_X() and deserialize_X() are declared for code that compiles against them, but neither this library nor
 * Apache's shared library exports them: a program that calls them needs Apache's static library.
 */
#ifndef __ZOOKEEPER_JUTE__
#define __ZOOKEEPER_JUTE__

#include "recordio.h"

#ifdef __cplusplus
extern "C" {
#endif

/** The identity of an ACL entry: a scheme (`world`, `auth`, `digest`, `ip`, `x509`, ...) and a name within it. */
struct Id {
    char *scheme;
    char *id;
};
int serialize_Id(struct oarchive *out, const char *tag, struct Id *v);
int deserialize_Id(struct iarchive *in, const char *tag, struct Id *v);
void deallocate_Id(struct Id *v);

/** One entry of an access control list: the `ZOO_PERM_*` bits granted to one identity. */
struct ACL {
    int32_t perms;
    struct Id id;
};
int serialize_ACL(struct oarchive *out, const char *tag, struct ACL *v);
int deserialize_ACL(struct iarchive *in, const char *tag, struct ACL *v);
void deallocate_ACL(struct ACL *v);

/**
 * The status of a node. Zxids are transaction ids; times are milliseconds since the epoch, by the server's clock;
 * `ephemeralOwner` is the session that owns the node, 0 when it is not ephemeral; `dataLength` is in bytes.
 */
struct Stat {
    int64_t czxid;
    int64_t mzxid;
    int64_t ctime;
    int64_t mtime;
    int32_t version;
    int32_t cversion;
    int32_t aversion;
    int64_t ephemeralOwner;
    int32_t dataLength;
    int32_t numChildren;
    int64_t pzxid;
};
int serialize_Stat(struct oarchive *out, const char *tag, struct Stat *v);
int deserialize_Stat(struct iarchive *in, const char *tag, struct Stat *v);
void deallocate_Stat(struct Stat *v);

/** The part of a node's status that servers keep on disk: `Stat` without the two figures they can recompute. */
struct StatPersisted {
    int64_t czxid;
    int64_t mzxid;
    int64_t ctime;
    int64_t mtime;
    int32_t version;
    int32_t cversion;
    int32_t aversion;
    int64_t ephemeralOwner;
    int64_t pzxid;
};
int serialize_StatPersisted(struct oarchive *out, const char *tag, struct StatPersisted *v);
int deserialize_StatPersisted(struct iarchive *in, const char *tag, struct StatPersisted *v);
void deallocate_StatPersisted(struct StatPersisted *v);

/** One identity of a session, as the server sees it. */
struct ClientInfo {
    char *authScheme;
    char *user;
};
int serialize_ClientInfo(struct oarchive *out, const char *tag, struct ClientInfo *v);
int deserialize_ClientInfo(struct iarchive *in, const char *tag, struct ClientInfo *v);
void deallocate_ClientInfo(struct ClientInfo *v);

/**
 * First message of a connection. `timeOut` is the asked-for session timeout in milliseconds; `sessionId` 0 and 16 zero
 * bytes of `passwd` ask for a new session.
 */
struct ConnectRequest {
    int32_t protocolVersion;
    int64_t lastZxidSeen;
    int32_t timeOut;
    int64_t sessionId;
    struct buffer passwd;
};
int serialize_ConnectRequest(struct oarchive *out, const char *tag, struct ConnectRequest *v);
int deserialize_ConnectRequest(struct iarchive *in, const char *tag, struct ConnectRequest *v);
void deallocate_ConnectRequest(struct ConnectRequest *v);

/**
 * The server's answer to `ConnectRequest`. `timeOut` is the negotiated session timeout in milliseconds; 0 together
 * with `sessionId` 0 means that the session has expired.
 */
struct ConnectResponse {
    int32_t protocolVersion;
    int32_t timeOut;
    int64_t sessionId;
    struct buffer passwd;
};
int serialize_ConnectResponse(struct oarchive *out, const char *tag, struct ConnectResponse *v);
int deserialize_ConnectResponse(struct iarchive *in, const char *tag, struct ConnectResponse *v);
void deallocate_ConnectResponse(struct ConnectResponse *v);

/** A list of strings. `data` points to `count` pointers; both levels are from malloc. */
struct String_vector {
    int32_t count;
    char **data;
};
int serialize_String_vector(struct oarchive *out, const char *tag, struct String_vector *v);
int deserialize_String_vector(struct iarchive *in, const char *tag, struct String_vector *v);
int allocate_String_vector(struct String_vector *v, int32_t len);
int deallocate_String_vector(struct String_vector *v);

/** Re-arms watches after a reconnect. The server fires at once the watches of nodes that changed after `relativeZxid`. */
struct SetWatches {
    int64_t relativeZxid;
    struct String_vector dataWatches;
    struct String_vector existWatches;
    struct String_vector childWatches;
};
int serialize_SetWatches(struct oarchive *out, const char *tag, struct SetWatches *v);
int deserialize_SetWatches(struct iarchive *in, const char *tag, struct SetWatches *v);
void deallocate_SetWatches(struct SetWatches *v);

/** `SetWatches` with the two kinds of persistent watches. */
struct SetWatches2 {
    int64_t relativeZxid;
    struct String_vector dataWatches;
    struct String_vector existWatches;
    struct String_vector childWatches;
    struct String_vector persistentWatches;
    struct String_vector persistentRecursiveWatches;
};
int serialize_SetWatches2(struct oarchive *out, const char *tag, struct SetWatches2 *v);
int deserialize_SetWatches2(struct iarchive *in, const char *tag, struct SetWatches2 *v);
void deallocate_SetWatches2(struct SetWatches2 *v);

/** Begins each request: `xid` is echoed by the reply, `type` is one of the `ZOO_*_OP` of proto.h. */
struct RequestHeader {
    int32_t xid;
    int32_t type;
};
int serialize_RequestHeader(struct oarchive *out, const char *tag, struct RequestHeader *v);
int deserialize_RequestHeader(struct iarchive *in, const char *tag, struct RequestHeader *v);
void deallocate_RequestHeader(struct RequestHeader *v);

/** Begins each part of a multi request or reply; `done` is 1 on the part that ends it. */
struct MultiHeader {
    int32_t type;
    int32_t done;
    int32_t err;
};
int serialize_MultiHeader(struct oarchive *out, const char *tag, struct MultiHeader *v);
int deserialize_MultiHeader(struct iarchive *in, const char *tag, struct MultiHeader *v);
void deallocate_MultiHeader(struct MultiHeader *v);

/** Presents credentials: `auth` is what the scheme asks for, such as `user:password`. */
struct AuthPacket {
    int32_t type;
    char *scheme;
    struct buffer auth;
};
int serialize_AuthPacket(struct oarchive *out, const char *tag, struct AuthPacket *v);
int deserialize_AuthPacket(struct iarchive *in, const char *tag, struct AuthPacket *v);
void deallocate_AuthPacket(struct AuthPacket *v);

/** Begins each reply: the request's `xid`, the server's last transaction, and one of `enum ZOO_ERRORS`. */
struct ReplyHeader {
    int32_t xid;
    int64_t zxid;
    int32_t err;
};
int serialize_ReplyHeader(struct oarchive *out, const char *tag, struct ReplyHeader *v);
int deserialize_ReplyHeader(struct iarchive *in, const char *tag, struct ReplyHeader *v);
void deallocate_ReplyHeader(struct ReplyHeader *v);

/** Asks for a node's data; a non-zero `watch` sets a watch on it. */
struct GetDataRequest {
    char *path;
    int32_t watch;
};
int serialize_GetDataRequest(struct oarchive *out, const char *tag, struct GetDataRequest *v);
int deserialize_GetDataRequest(struct iarchive *in, const char *tag, struct GetDataRequest *v);
void deallocate_GetDataRequest(struct GetDataRequest *v);

/** Replaces a node's data if its version is `version`; -1 matches any version. */
struct SetDataRequest {
    char *path;
    struct buffer data;
    int32_t version;
};
int serialize_SetDataRequest(struct oarchive *out, const char *tag, struct SetDataRequest *v);
int deserialize_SetDataRequest(struct iarchive *in, const char *tag, struct SetDataRequest *v);
void deallocate_SetDataRequest(struct SetDataRequest *v);

/**
 * Changes the ensemble: comma-separated joiners and leavers, or the whole new membership; -1 in `curConfigId` matches
 * any current configuration.
 */
struct ReconfigRequest {
    char *joiningServers;
    char *leavingServers;
    char *newMembers;
    int64_t curConfigId;
};
int serialize_ReconfigRequest(struct oarchive *out, const char *tag, struct ReconfigRequest *v);
int deserialize_ReconfigRequest(struct iarchive *in, const char *tag, struct ReconfigRequest *v);
void deallocate_ReconfigRequest(struct ReconfigRequest *v);

/** The node's status after the change. */
struct SetDataResponse {
    struct Stat stat;
};
int serialize_SetDataResponse(struct oarchive *out, const char *tag, struct SetDataResponse *v);
int deserialize_SetDataResponse(struct iarchive *in, const char *tag, struct SetDataResponse *v);
void deallocate_SetDataResponse(struct SetDataResponse *v);

/** One step of a SASL exchange, from the client. */
struct GetSASLRequest {
    struct buffer token;
};
int serialize_GetSASLRequest(struct oarchive *out, const char *tag, struct GetSASLRequest *v);
int deserialize_GetSASLRequest(struct iarchive *in, const char *tag, struct GetSASLRequest *v);
void deallocate_GetSASLRequest(struct GetSASLRequest *v);

/** One step of a SASL exchange, from the client. */
struct SetSASLRequest {
    struct buffer token;
};
int serialize_SetSASLRequest(struct oarchive *out, const char *tag, struct SetSASLRequest *v);
int deserialize_SetSASLRequest(struct iarchive *in, const char *tag, struct SetSASLRequest *v);
void deallocate_SetSASLRequest(struct SetSASLRequest *v);

/** One step of a SASL exchange, from the server. */
struct SetSASLResponse {
    struct buffer token;
};
int serialize_SetSASLResponse(struct oarchive *out, const char *tag, struct SetSASLResponse *v);
int deserialize_SetSASLResponse(struct iarchive *in, const char *tag, struct SetSASLResponse *v);
void deallocate_SetSASLResponse(struct SetSASLResponse *v);

/** An access control list; `data` points to `count` entries from malloc. */
struct ACL_vector {
    int32_t count;
    struct ACL *data;
};
int serialize_ACL_vector(struct oarchive *out, const char *tag, struct ACL_vector *v);
int deserialize_ACL_vector(struct iarchive *in, const char *tag, struct ACL_vector *v);
int allocate_ACL_vector(struct ACL_vector *v, int32_t len);
int deallocate_ACL_vector(struct ACL_vector *v);

/** Creates a node; `flags` is the mode (`ZOO_EPHEMERAL`, ...). */
struct CreateRequest {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t flags;
};
int serialize_CreateRequest(struct oarchive *out, const char *tag, struct CreateRequest *v);
int deserialize_CreateRequest(struct iarchive *in, const char *tag, struct CreateRequest *v);
void deallocate_CreateRequest(struct CreateRequest *v);

/** Creates a node with a time to live, in milliseconds. */
struct CreateTTLRequest {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t flags;
    int64_t ttl;
};
int serialize_CreateTTLRequest(struct oarchive *out, const char *tag, struct CreateTTLRequest *v);
int deserialize_CreateTTLRequest(struct iarchive *in, const char *tag, struct CreateTTLRequest *v);
void deallocate_CreateTTLRequest(struct CreateTTLRequest *v);

/** Deletes a node if its version is `version`; -1 matches any version. */
struct DeleteRequest {
    char *path;
    int32_t version;
};
int serialize_DeleteRequest(struct oarchive *out, const char *tag, struct DeleteRequest *v);
int deserialize_DeleteRequest(struct iarchive *in, const char *tag, struct DeleteRequest *v);
void deallocate_DeleteRequest(struct DeleteRequest *v);

/** Asks for the names of a node's children. */
struct GetChildrenRequest {
    char *path;
    int32_t watch;
};
int serialize_GetChildrenRequest(struct oarchive *out, const char *tag, struct GetChildrenRequest *v);
int deserialize_GetChildrenRequest(struct iarchive *in, const char *tag, struct GetChildrenRequest *v);
void deallocate_GetChildrenRequest(struct GetChildrenRequest *v);

/** Asks how many nodes there are below a path. */
struct GetAllChildrenNumberRequest {
    char *path;
};
int serialize_GetAllChildrenNumberRequest(struct oarchive *out, const char *tag, struct GetAllChildrenNumberRequest *v);
int deserialize_GetAllChildrenNumberRequest(struct iarchive *in, const char *tag, struct GetAllChildrenNumberRequest *v);
void deallocate_GetAllChildrenNumberRequest(struct GetAllChildrenNumberRequest *v);

/** Asks for the names of a node's children and the node's status. */
struct GetChildren2Request {
    char *path;
    int32_t watch;
};
int serialize_GetChildren2Request(struct oarchive *out, const char *tag, struct GetChildren2Request *v);
int deserialize_GetChildren2Request(struct iarchive *in, const char *tag, struct GetChildren2Request *v);
void deallocate_GetChildren2Request(struct GetChildren2Request *v);

/** Succeeds if the node's data version is `version`; a part of a multi. */
struct CheckVersionRequest {
    char *path;
    int32_t version;
};
int serialize_CheckVersionRequest(struct oarchive *out, const char *tag, struct CheckVersionRequest *v);
int deserialize_CheckVersionRequest(struct iarchive *in, const char *tag, struct CheckVersionRequest *v);
void deallocate_CheckVersionRequest(struct CheckVersionRequest *v);

/** Asks for a node's limit of children. No server answers it; kept for the layout. */
struct GetMaxChildrenRequest {
    char *path;
};
int serialize_GetMaxChildrenRequest(struct oarchive *out, const char *tag, struct GetMaxChildrenRequest *v);
int deserialize_GetMaxChildrenRequest(struct iarchive *in, const char *tag, struct GetMaxChildrenRequest *v);
void deallocate_GetMaxChildrenRequest(struct GetMaxChildrenRequest *v);

/** Answer to `GetMaxChildrenRequest`. */
struct GetMaxChildrenResponse {
    int32_t max;
};
int serialize_GetMaxChildrenResponse(struct oarchive *out, const char *tag, struct GetMaxChildrenResponse *v);
int deserialize_GetMaxChildrenResponse(struct iarchive *in, const char *tag, struct GetMaxChildrenResponse *v);
void deallocate_GetMaxChildrenResponse(struct GetMaxChildrenResponse *v);

/** Sets a node's limit of children. No server answers it; kept for the layout. */
struct SetMaxChildrenRequest {
    char *path;
    int32_t max;
};
int serialize_SetMaxChildrenRequest(struct oarchive *out, const char *tag, struct SetMaxChildrenRequest *v);
int deserialize_SetMaxChildrenRequest(struct iarchive *in, const char *tag, struct SetMaxChildrenRequest *v);
void deallocate_SetMaxChildrenRequest(struct SetMaxChildrenRequest *v);

/** Asks the server to catch up with the leader. */
struct SyncRequest {
    char *path;
};
int serialize_SyncRequest(struct oarchive *out, const char *tag, struct SyncRequest *v);
int deserialize_SyncRequest(struct iarchive *in, const char *tag, struct SyncRequest *v);
void deallocate_SyncRequest(struct SyncRequest *v);

/** The path of the request. */
struct SyncResponse {
    char *path;
};
int serialize_SyncResponse(struct oarchive *out, const char *tag, struct SyncResponse *v);
int deserialize_SyncResponse(struct iarchive *in, const char *tag, struct SyncResponse *v);
void deallocate_SyncResponse(struct SyncResponse *v);

/** Asks for a node's access control list. */
struct GetACLRequest {
    char *path;
};
int serialize_GetACLRequest(struct oarchive *out, const char *tag, struct GetACLRequest *v);
int deserialize_GetACLRequest(struct iarchive *in, const char *tag, struct GetACLRequest *v);
void deallocate_GetACLRequest(struct GetACLRequest *v);

/** Replaces a node's access control list if its ACL version is `version`; -1 matches any version. */
struct SetACLRequest {
    char *path;
    struct ACL_vector acl;
    int32_t version;
};
int serialize_SetACLRequest(struct oarchive *out, const char *tag, struct SetACLRequest *v);
int deserialize_SetACLRequest(struct iarchive *in, const char *tag, struct SetACLRequest *v);
void deallocate_SetACLRequest(struct SetACLRequest *v);

/** The node's status after the change. */
struct SetACLResponse {
    struct Stat stat;
};
int serialize_SetACLResponse(struct oarchive *out, const char *tag, struct SetACLResponse *v);
int deserialize_SetACLResponse(struct iarchive *in, const char *tag, struct SetACLResponse *v);
void deallocate_SetACLResponse(struct SetACLResponse *v);

/** Adds a persistent watch: `mode` 0 for the node, 1 for everything below it too. */
struct AddWatchRequest {
    char *path;
    int32_t mode;
};
int serialize_AddWatchRequest(struct oarchive *out, const char *tag, struct AddWatchRequest *v);
int deserialize_AddWatchRequest(struct iarchive *in, const char *tag, struct AddWatchRequest *v);
void deallocate_AddWatchRequest(struct AddWatchRequest *v);

/** Reports a change: `type` is a `ZOO_*_EVENT`, `state` a `ZOO_*_STATE`. */
struct WatcherEvent {
    int32_t type;
    int32_t state;
    char *path;
};
int serialize_WatcherEvent(struct oarchive *out, const char *tag, struct WatcherEvent *v);
int deserialize_WatcherEvent(struct iarchive *in, const char *tag, struct WatcherEvent *v);
void deallocate_WatcherEvent(struct WatcherEvent *v);

/** The failure of one part of a multi: one of `enum ZOO_ERRORS`. */
struct ErrorResponse {
    int32_t err;
};
int serialize_ErrorResponse(struct oarchive *out, const char *tag, struct ErrorResponse *v);
int deserialize_ErrorResponse(struct iarchive *in, const char *tag, struct ErrorResponse *v);
void deallocate_ErrorResponse(struct ErrorResponse *v);

/** The path of the new node, with the sequence number if one was asked for. */
struct CreateResponse {
    char *path;
};
int serialize_CreateResponse(struct oarchive *out, const char *tag, struct CreateResponse *v);
int deserialize_CreateResponse(struct iarchive *in, const char *tag, struct CreateResponse *v);
void deallocate_CreateResponse(struct CreateResponse *v);

/** The path and the status of the new node. */
struct Create2Response {
    char *path;
    struct Stat stat;
};
int serialize_Create2Response(struct oarchive *out, const char *tag, struct Create2Response *v);
int deserialize_Create2Response(struct iarchive *in, const char *tag, struct Create2Response *v);
void deallocate_Create2Response(struct Create2Response *v);

/** Asks for a node's status; a non-zero `watch` sets a watch on it. */
struct ExistsRequest {
    char *path;
    int32_t watch;
};
int serialize_ExistsRequest(struct oarchive *out, const char *tag, struct ExistsRequest *v);
int deserialize_ExistsRequest(struct iarchive *in, const char *tag, struct ExistsRequest *v);
void deallocate_ExistsRequest(struct ExistsRequest *v);

/** The node's status. */
struct ExistsResponse {
    struct Stat stat;
};
int serialize_ExistsResponse(struct oarchive *out, const char *tag, struct ExistsResponse *v);
int deserialize_ExistsResponse(struct iarchive *in, const char *tag, struct ExistsResponse *v);
void deallocate_ExistsResponse(struct ExistsResponse *v);

/** The node's data and status. `data.len` is -1 and `data.buff` null when the node has none. */
struct GetDataResponse {
    struct buffer data;
    struct Stat stat;
};
int serialize_GetDataResponse(struct oarchive *out, const char *tag, struct GetDataResponse *v);
int deserialize_GetDataResponse(struct iarchive *in, const char *tag, struct GetDataResponse *v);
void deallocate_GetDataResponse(struct GetDataResponse *v);

/** The names of the children, without the parent's path, in no particular order. */
struct GetChildrenResponse {
    struct String_vector children;
};
int serialize_GetChildrenResponse(struct oarchive *out, const char *tag, struct GetChildrenResponse *v);
int deserialize_GetChildrenResponse(struct iarchive *in, const char *tag, struct GetChildrenResponse *v);
void deallocate_GetChildrenResponse(struct GetChildrenResponse *v);

/** How many nodes there are below the path. */
struct GetAllChildrenNumberResponse {
    int32_t totalNumber;
};
int serialize_GetAllChildrenNumberResponse(struct oarchive *out, const char *tag, struct GetAllChildrenNumberResponse *v);
int deserialize_GetAllChildrenNumberResponse(struct iarchive *in, const char *tag, struct GetAllChildrenNumberResponse *v);
void deallocate_GetAllChildrenNumberResponse(struct GetAllChildrenNumberResponse *v);

/** The names of the children, without the parent's path, and the status of the parent. */
struct GetChildren2Response {
    struct String_vector children;
    struct Stat stat;
};
int serialize_GetChildren2Response(struct oarchive *out, const char *tag, struct GetChildren2Response *v);
int deserialize_GetChildren2Response(struct iarchive *in, const char *tag, struct GetChildren2Response *v);
void deallocate_GetChildren2Response(struct GetChildren2Response *v);

/** The node's access control list and status. */
struct GetACLResponse {
    struct ACL_vector acl;
    struct Stat stat;
};
int serialize_GetACLResponse(struct oarchive *out, const char *tag, struct GetACLResponse *v);
int deserialize_GetACLResponse(struct iarchive *in, const char *tag, struct GetACLResponse *v);
void deallocate_GetACLResponse(struct GetACLResponse *v);

/** Asks whether the session has a watch on the path; `type` is a `ZooWatcherType`. */
struct CheckWatchesRequest {
    char *path;
    int32_t type;
};
int serialize_CheckWatchesRequest(struct oarchive *out, const char *tag, struct CheckWatchesRequest *v);
int deserialize_CheckWatchesRequest(struct iarchive *in, const char *tag, struct CheckWatchesRequest *v);
void deallocate_CheckWatchesRequest(struct CheckWatchesRequest *v);

/** Takes the session's watches off the path; `type` is a `ZooWatcherType`. */
struct RemoveWatchesRequest {
    char *path;
    int32_t type;
};
int serialize_RemoveWatchesRequest(struct oarchive *out, const char *tag, struct RemoveWatchesRequest *v);
int deserialize_RemoveWatchesRequest(struct iarchive *in, const char *tag, struct RemoveWatchesRequest *v);
void deallocate_RemoveWatchesRequest(struct RemoveWatchesRequest *v);

/** Asks for the session's ephemeral nodes below a path. */
struct GetEphemeralsRequest {
    char *prefixPath;
};
int serialize_GetEphemeralsRequest(struct oarchive *out, const char *tag, struct GetEphemeralsRequest *v);
int deserialize_GetEphemeralsRequest(struct iarchive *in, const char *tag, struct GetEphemeralsRequest *v);
void deallocate_GetEphemeralsRequest(struct GetEphemeralsRequest *v);

/** Full paths of the session's ephemeral nodes. */
struct GetEphemeralsResponse {
    struct String_vector ephemerals;
};
int serialize_GetEphemeralsResponse(struct oarchive *out, const char *tag, struct GetEphemeralsResponse *v);
int deserialize_GetEphemeralsResponse(struct iarchive *in, const char *tag, struct GetEphemeralsResponse *v);
void deallocate_GetEphemeralsResponse(struct GetEphemeralsResponse *v);

/** A list of identities; `data` is from malloc. */
struct ClientInfo_vector {
    int32_t count;
    struct ClientInfo *data;
};
int serialize_ClientInfo_vector(struct oarchive *out, const char *tag, struct ClientInfo_vector *v);
int deserialize_ClientInfo_vector(struct iarchive *in, const char *tag, struct ClientInfo_vector *v);
int allocate_ClientInfo_vector(struct ClientInfo_vector *v, int32_t len);
int deallocate_ClientInfo_vector(struct ClientInfo_vector *v);

/** The identities of the session. */
struct WhoAmIResponse {
    struct ClientInfo_vector clientInfo;
};
int serialize_WhoAmIResponse(struct oarchive *out, const char *tag, struct WhoAmIResponse *v);
int deserialize_WhoAmIResponse(struct iarchive *in, const char *tag, struct WhoAmIResponse *v);
void deallocate_WhoAmIResponse(struct WhoAmIResponse *v);

/** Server to server: how a follower or observer introduces itself to the leader. */
struct LearnerInfo {
    int64_t serverid;
    int32_t protocolVersion;
    int64_t configVersion;
};
int serialize_LearnerInfo(struct oarchive *out, const char *tag, struct LearnerInfo *v);
int deserialize_LearnerInfo(struct iarchive *in, const char *tag, struct LearnerInfo *v);
void deallocate_LearnerInfo(struct LearnerInfo *v);

/** A list of identities; `data` is from malloc. */
struct Id_vector {
    int32_t count;
    struct Id *data;
};
int serialize_Id_vector(struct oarchive *out, const char *tag, struct Id_vector *v);
int deserialize_Id_vector(struct iarchive *in, const char *tag, struct Id_vector *v);
int allocate_Id_vector(struct Id_vector *v, int32_t len);
int deallocate_Id_vector(struct Id_vector *v);

/** Server to server: the envelope of the replication protocol. */
struct QuorumPacket {
    int32_t type;
    int64_t zxid;
    struct buffer data;
    struct Id_vector authinfo;
};
int serialize_QuorumPacket(struct oarchive *out, const char *tag, struct QuorumPacket *v);
int deserialize_QuorumPacket(struct iarchive *in, const char *tag, struct QuorumPacket *v);
void deallocate_QuorumPacket(struct QuorumPacket *v);

/** Server to server: one step of the SASL exchange between members. */
struct QuorumAuthPacket {
    int64_t magic;
    int32_t status;
    struct buffer token;
};
int serialize_QuorumAuthPacket(struct oarchive *out, const char *tag, struct QuorumAuthPacket *v);
int deserialize_QuorumAuthPacket(struct iarchive *in, const char *tag, struct QuorumAuthPacket *v);
void deallocate_QuorumAuthPacket(struct QuorumAuthPacket *v);

/** Begins a server's log or snapshot file. */
struct FileHeader {
    int32_t magic;
    int32_t version;
    int64_t dbid;
};
int serialize_FileHeader(struct oarchive *out, const char *tag, struct FileHeader *v);
int deserialize_FileHeader(struct iarchive *in, const char *tag, struct FileHeader *v);
void deallocate_FileHeader(struct FileHeader *v);

/** Digest of a server's tree after a transaction. */
struct TxnDigest {
    int32_t version;
    int64_t treeDigest;
};
int serialize_TxnDigest(struct oarchive *out, const char *tag, struct TxnDigest *v);
int deserialize_TxnDigest(struct iarchive *in, const char *tag, struct TxnDigest *v);
void deallocate_TxnDigest(struct TxnDigest *v);

/** Begins each transaction of a server's log; `time` in milliseconds since the epoch. */
struct TxnHeader {
    int64_t clientId;
    int32_t cxid;
    int64_t zxid;
    int64_t time;
    int32_t type;
};
int serialize_TxnHeader(struct oarchive *out, const char *tag, struct TxnHeader *v);
int deserialize_TxnHeader(struct iarchive *in, const char *tag, struct TxnHeader *v);
void deallocate_TxnHeader(struct TxnHeader *v);

/** Log record of a creation, before `parentCVersion` was added. */
struct CreateTxnV0 {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t ephemeral;
};
int serialize_CreateTxnV0(struct oarchive *out, const char *tag, struct CreateTxnV0 *v);
int deserialize_CreateTxnV0(struct iarchive *in, const char *tag, struct CreateTxnV0 *v);
void deallocate_CreateTxnV0(struct CreateTxnV0 *v);

/** Log record of a creation. */
struct CreateTxn {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t ephemeral;
    int32_t parentCVersion;
};
int serialize_CreateTxn(struct oarchive *out, const char *tag, struct CreateTxn *v);
int deserialize_CreateTxn(struct iarchive *in, const char *tag, struct CreateTxn *v);
void deallocate_CreateTxn(struct CreateTxn *v);

/** Log record of a creation with a time to live in milliseconds. */
struct CreateTTLTxn {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t parentCVersion;
    int64_t ttl;
};
int serialize_CreateTTLTxn(struct oarchive *out, const char *tag, struct CreateTTLTxn *v);
int deserialize_CreateTTLTxn(struct iarchive *in, const char *tag, struct CreateTTLTxn *v);
void deallocate_CreateTTLTxn(struct CreateTTLTxn *v);

/** Log record of the creation of a container node. */
struct CreateContainerTxn {
    char *path;
    struct buffer data;
    struct ACL_vector acl;
    int32_t parentCVersion;
};
int serialize_CreateContainerTxn(struct oarchive *out, const char *tag, struct CreateContainerTxn *v);
int deserialize_CreateContainerTxn(struct iarchive *in, const char *tag, struct CreateContainerTxn *v);
void deallocate_CreateContainerTxn(struct CreateContainerTxn *v);

/** Log record of a deletion. */
struct DeleteTxn {
    char *path;
};
int serialize_DeleteTxn(struct oarchive *out, const char *tag, struct DeleteTxn *v);
int deserialize_DeleteTxn(struct iarchive *in, const char *tag, struct DeleteTxn *v);
void deallocate_DeleteTxn(struct DeleteTxn *v);

/** Log record of a change of data. */
struct SetDataTxn {
    char *path;
    struct buffer data;
    int32_t version;
};
int serialize_SetDataTxn(struct oarchive *out, const char *tag, struct SetDataTxn *v);
int deserialize_SetDataTxn(struct iarchive *in, const char *tag, struct SetDataTxn *v);
void deallocate_SetDataTxn(struct SetDataTxn *v);

/** Log record of a version check within a multi. */
struct CheckVersionTxn {
    char *path;
    int32_t version;
};
int serialize_CheckVersionTxn(struct oarchive *out, const char *tag, struct CheckVersionTxn *v);
int deserialize_CheckVersionTxn(struct iarchive *in, const char *tag, struct CheckVersionTxn *v);
void deallocate_CheckVersionTxn(struct CheckVersionTxn *v);

/** Log record of a change of an access control list. */
struct SetACLTxn {
    char *path;
    struct ACL_vector acl;
    int32_t version;
};
int serialize_SetACLTxn(struct oarchive *out, const char *tag, struct SetACLTxn *v);
int deserialize_SetACLTxn(struct iarchive *in, const char *tag, struct SetACLTxn *v);
void deallocate_SetACLTxn(struct SetACLTxn *v);

/** Log record of a limit of children. */
struct SetMaxChildrenTxn {
    char *path;
    int32_t max;
};
int serialize_SetMaxChildrenTxn(struct oarchive *out, const char *tag, struct SetMaxChildrenTxn *v);
int deserialize_SetMaxChildrenTxn(struct iarchive *in, const char *tag, struct SetMaxChildrenTxn *v);
void deallocate_SetMaxChildrenTxn(struct SetMaxChildrenTxn *v);

/** Log record of a new session; `timeOut` in milliseconds. */
struct CreateSessionTxn {
    int32_t timeOut;
};
int serialize_CreateSessionTxn(struct oarchive *out, const char *tag, struct CreateSessionTxn *v);
int deserialize_CreateSessionTxn(struct iarchive *in, const char *tag, struct CreateSessionTxn *v);
void deallocate_CreateSessionTxn(struct CreateSessionTxn *v);

/** Log record of a session's end, with the ephemeral nodes that were deleted with it. */
struct CloseSessionTxn {
    struct String_vector paths2Delete;
};
int serialize_CloseSessionTxn(struct oarchive *out, const char *tag, struct CloseSessionTxn *v);
int deserialize_CloseSessionTxn(struct iarchive *in, const char *tag, struct CloseSessionTxn *v);
void deallocate_CloseSessionTxn(struct CloseSessionTxn *v);

/** Log record of a request that failed, with its error. */
struct ErrorTxn {
    int32_t err;
};
int serialize_ErrorTxn(struct oarchive *out, const char *tag, struct ErrorTxn *v);
int deserialize_ErrorTxn(struct iarchive *in, const char *tag, struct ErrorTxn *v);
void deallocate_ErrorTxn(struct ErrorTxn *v);

/** One part of a `MultiTxn`: the type of the record and its bytes. */
struct Txn {
    int32_t type;
    struct buffer data;
};
int serialize_Txn(struct oarchive *out, const char *tag, struct Txn *v);
int deserialize_Txn(struct iarchive *in, const char *tag, struct Txn *v);
void deallocate_Txn(struct Txn *v);

/** A list of log records; `data` is from malloc. */
struct Txn_vector {
    int32_t count;
    struct Txn *data;
};
int serialize_Txn_vector(struct oarchive *out, const char *tag, struct Txn_vector *v);
int deserialize_Txn_vector(struct iarchive *in, const char *tag, struct Txn_vector *v);
int allocate_Txn_vector(struct Txn_vector *v, int32_t len);
int deallocate_Txn_vector(struct Txn_vector *v);

/** Log record of a multi. */
struct MultiTxn {
    struct Txn_vector txns;
};
int serialize_MultiTxn(struct oarchive *out, const char *tag, struct MultiTxn *v);
int deserialize_MultiTxn(struct iarchive *in, const char *tag, struct MultiTxn *v);
void deallocate_MultiTxn(struct MultiTxn *v);

#ifdef __cplusplus
}
#endif

#endif /* __ZOOKEEPER_JUTE__ */
