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

@records

#ifdef __cplusplus
}
#endif

#endif /* __ZOOKEEPER_JUTE__ */
