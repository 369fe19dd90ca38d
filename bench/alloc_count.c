/* LD_PRELOAD: counts the process's allocations and the requested bytes. The benchmark reads the sums at the start and
 * the end of the measured region through `bench_allocations`. Forwards to the C library's own entry points, so it needs
 * no dlsym (which itself allocates). */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>

extern void *__libc_malloc(size_t), *__libc_calloc(size_t, size_t), *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);

static uint64_t calls, bytes;

static void note(size_t n) {
    __atomic_fetch_add(&calls, 1, __ATOMIC_RELAXED);
    __atomic_fetch_add(&bytes, n, __ATOMIC_RELAXED);
}

void bench_allocations(uint64_t *c, uint64_t *b) {
    *c = __atomic_load_n(&calls, __ATOMIC_RELAXED);
    *b = __atomic_load_n(&bytes, __ATOMIC_RELAXED);
}

void *malloc(size_t n) {
    note(n);
    return __libc_malloc(n);
}
void *calloc(size_t n, size_t size) {
    note(n * size);
    return __libc_calloc(n, size);
}
void *realloc(void *p, size_t n) {
    note(n);
    return __libc_realloc(p, n);
}
void *memalign(size_t alignment, size_t n) {
    note(n);
    return __libc_memalign(alignment, n);
}
void *aligned_alloc(size_t alignment, size_t n) { return memalign(alignment, n); }
int posix_memalign(void **out, size_t alignment, size_t n) {
    *out = memalign(alignment, n);
    return *out ? 0 : ENOMEM;
}
