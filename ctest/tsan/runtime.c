/* Loaded before gcc's ThreadSanitizer runtime by tsan.py: the functions that it lacks for code compiled by rustc. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* LLVM calls these functions in place of memcpy etc., which the runtime checks; older runtimes only have the latter. */
void *__tsan_memcpy(void *to, const void *from, size_t size)
{
    return memcpy(to, from, size);
}

void *__tsan_memmove(void *to, const void *from, size_t size)
{
    return memmove(to, from, size);
}

void *__tsan_memset(void *to, int byte, size_t size)
{
    return memset(to, byte, size);
}

/* The last owner of an Arc synchronises with the others by a fence after its decrement, but the sanitizer does not
 * understand fences. So each such decrement (only Arc's have that memory order) is made an acquiring one. */
uint64_t __tsan_atomic64_fetch_sub(volatile uint64_t *place, uint64_t value, int order)
{
    enum { RELEASE = 3, ACQUIRE_RELEASE = 4 };
    static uint64_t (*_Atomic next)(volatile uint64_t *, uint64_t, int);
    uint64_t (*found)(volatile uint64_t *, uint64_t, int) = next;
    if (found == NULL) {
        *(void **)&found = dlsym(RTLD_NEXT, "__tsan_atomic64_fetch_sub");
        next = found;
    }
    return found(place, value, order == RELEASE ? ACQUIRE_RELEASE : order);
}
