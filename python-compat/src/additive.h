/* Functions that Apache's C library does not have. Our header declares them; built against Apache's header, the module
 * leaves out its functions that call them. The module also loads on a library without them, where each address is
 * null. */
#ifndef ZKADDITIVE_H
#define ZKADDITIVE_H

/* Numbers that are missing in some headers. */
enum { NO_WATCHER = -121, REQUEST_TIMEOUT = -122, QUOTA_EXCEEDED = -125 };
enum {
    WATCHTYPE_CHILD = 1,
    WATCHTYPE_DATA = 2,
    WATCHTYPE_ANY = 3,
    WATCHTYPE_PERSISTENT = 4,
    WATCHTYPE_PERSISTENT_RECURSIVE = 5
};
enum { EXPIRE_LOCALLY = 0x10000 };

#ifdef ZOO_HAVE_CALMKEEPER_API
#pragma weak zoo_add_watch
#pragma weak zoo_aadd_watch
#pragma weak zoo_whoami
#pragma weak zoo_awhoami
#pragma weak deallocate_ClientInfo_vector
#pragma weak zoo_get_ephemerals
#pragma weak zoo_aget_ephemerals
#pragma weak zoo_get_all_children_number
#pragma weak zoo_aget_all_children_number
#pragma weak zoo_get_op_init
#pragma weak zoo_get_children_op_init
#pragma weak zoo_multi_read
#pragma weak zoo_amulti_read
#pragma weak zoo_set_request_timeout
#endif

#endif
