#include "store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "wire.h"

enum { BUCKETS = 1 << 18 };
static struct node **buckets;

static void *need(void *p) {
    if (!p) {
        fprintf(stderr, "responder: out of memory\n");
        exit(2);
    }
    return p;
}

static uint32_t hash_of(const char *s, size_t len) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < len; i++) h = (h ^ (uint8_t)s[i]) * 16777619u;
    return h;
}

void store_start(void) {
    buckets = need(calloc(BUCKETS, sizeof *buckets));
    store_place("/", 1)->live = true;
}

static struct node *lookup(const char *path, size_t len, uint32_t h) {
    for (struct node *n = buckets[h % BUCKETS]; n; n = n->chain)
        if (n->hash == h && n->path_len == len && memcmp(n->path, path, len) == 0) return n;
    return NULL;
}

struct node *store_find(const char *path, size_t len) {
    struct node *n = lookup(path, len, hash_of(path, len));
    return n && n->live ? n : NULL;
}

struct node *store_place(const char *path, size_t len) {
    uint32_t h = hash_of(path, len);
    struct node *n = lookup(path, len, h);
    if (n) return n;
    n = need(calloc(1, sizeof *n));
    n->path = need(malloc(len + 1));
    memcpy(n->path, path, len);
    n->path[len] = 0;
    n->path_len = (uint32_t)len;
    n->hash = h;
    n->chain = buckets[h % BUCKETS];
    buckets[h % BUCKETS] = n;
    return n;
}

struct node *store_create(const char *path, size_t len, int64_t zxid) {
    size_t slash = len;
    while (slash > 0 && path[slash - 1] != '/') slash--;
    struct node *parent = store_find(path, slash > 1 ? slash - 1 : 1);
    if (slash == 0 || !parent) return NULL;
    struct node *n = store_place(path, len);
    if (n->live) return NULL;
    n->live = true;
    n->version = n->cversion = n->children = n->len = 0;
    n->czxid = n->mzxid = n->pzxid = zxid;
    n->parent = parent;
    n->prev = parent->last;
    n->next = NULL;
    *(parent->last ? &parent->last->next : &parent->first) = n;
    parent->last = n;
    parent->children++;
    parent->cversion++;
    parent->pzxid = zxid;
    return n;
}

void store_delete(struct node *n, int64_t zxid) {
    struct node *parent = n->parent;
    *(n->prev ? &n->prev->next : &parent->first) = n->next;
    *(n->next ? &n->next->prev : &parent->last) = n->prev;
    parent->children--;
    parent->cversion++;
    parent->pzxid = zxid;
    n->live = false;
}

bool store_write(struct node *n, const char *data, int32_t len, int64_t zxid) {
    if (len > n->cap) {
        char *grown = realloc(n->data, (size_t)len);
        if (!grown) return false;
        n->data = grown;
        n->cap = len;
    }
    if (len > 0) memcpy(n->data, data, (size_t)len);
    n->len = len;
    n->mzxid = zxid;
    return true;
}

char *store_stat(const struct node *n, char *p) {
    p = put64(put64(p, n->czxid), n->mzxid);
    p = put64(put64(p, 1700000000000), 1700000000000); /* created, modified: ms since 1970 */
    p = put32(put32(put32(p, n->version), n->cversion), 0);
    p = put64(p, 0); /* no ephemeral owner */
    p = put32(put32(p, n->len > 0 ? n->len : 0), n->children);
    return put64(p, n->pzxid);
}
