/*
 * proto.h - the numbers of ZooKeeper's operations, as used in the `type` of a request header and of a zoo_op_t.
 */
#ifndef PROTO_H_
#define PROTO_H_

#ifdef __cplusplus
extern "C" {
#endif

/** The type of a server's message when a watch fires; no client sends it. */
#define ZOO_NOTIFY_OP 0

/* Reads and writes of nodes. */
#define ZOO_CREATE_OP 1
#define ZOO_DELETE_OP 2
#define ZOO_EXISTS_OP 3
#define ZOO_GETDATA_OP 4
#define ZOO_SETDATA_OP 5
#define ZOO_GETACL_OP 6
#define ZOO_SETACL_OP 7
#define ZOO_GETCHILDREN_OP 8
#define ZOO_GETCHILDREN2_OP 12
/** Creates a node and returns its status too. */
#define ZOO_CREATE2_OP 15
/** Creates a node that is deleted when it has no more children. */
#define ZOO_CREATE_CONTAINER_OP 19
/** How servers delete an empty container; no client sends it. */
#define ZOO_DELETE_CONTAINER_OP 20
/** Creates a node with a time to live. */
#define ZOO_CREATE_TTL_OP 21

/* Transactions: several operations as one. */
/** Part of a multi: succeeds if a node has a version. */
#define ZOO_CHECK_OP 13
#define ZOO_MULTI_OP 14

/* The ensemble. */
#define ZOO_SYNC_OP 9
#define ZOO_RECONFIG_OP 16

/* The session and its watches. */
#define ZOO_PING_OP 11
#define ZOO_CHECK_WATCHES 17
#define ZOO_REMOVE_WATCHES 18
#define ZOO_CLOSE_OP -11
#define ZOO_SETAUTH_OP 100
#define ZOO_SETWATCHES_OP 101
#define ZOO_SASL_OP 102

#ifdef __cplusplus
}
#endif

#endif /* PROTO_H_ */
