/* The responder's tree: nodes by path, children in creation order, and their watches. In memory only, one thread. */
#ifndef BENCH_STORE_H
#define BENCH_STORE_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct watcher {
    struct watcher *next;
    uint32_t conn, generation; /* the connection's slot, and which of its successive owners */
};

struct node {
    struct node *chain, *parent, *first, *last, *prev, *next;
    char *path, *data;
    uint32_t path_len, hash;
    int32_t len, cap, version, cversion, children;
    int64_t czxid, mzxid, pzxid;
    struct watcher *data_watch, *child_watch;
    bool live; /* false: deleted, or only watched so far */
};

void store_start(void);
struct node *store_find(const char *path, size_t len);  /* NULL when absent or deleted */
struct node *store_place(const char *path, size_t len); /* the node's place, made if need be; not live */
/* Makes the node; NULL when it exists or its parent does not. */
struct node *store_create(const char *path, size_t len, int64_t zxid);
void store_delete(struct node *n, int64_t zxid);
bool store_write(struct node *n, const char *data, int32_t len, int64_t zxid); /* false: out of memory */
char *store_stat(const struct node *n, char *out);                             /* STAT_BYTES on the wire */
#endif
