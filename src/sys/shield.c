/* Lets a thread of the application end inside a call of the library.
 *
 * A signal handler may call pthread_exit while its thread waits in the library, a callback may, and a thread may be
 * cancelled there. glibc then unwinds the stack, and the process is aborted when the unwinding reaches Rust's frames.
 * So the waits and the callbacks are made from C functions with a clean-up handler, which jumps over the frames of Rust
 * back to the entry of the call, and from there the unwinding goes on into the application. Nothing of the library is
 * locked during a wait or a callback; what the frames own is never freed. */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "shield.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <unistd.h>

struct shield {
    jmp_buf entry;
    int cancel_state, cancel_type; /* the application's */
};

/* In shield.rs. */
HIDDEN struct shield *calmkeeper_left_shield(void);

/* From now on the thread is not cancelled. */
static void forbid_cancellation(struct shield *shield)
{
    (void)pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &shield->cancel_state);
    (void)pthread_setcanceltype(PTHREAD_CANCEL_DEFERRED, &shield->cancel_type);
}

/* Ends the thread if it may be cancelled at any moment, and has been. */
static void allow_cancellation(struct shield *shield)
{
    int before;
    (void)pthread_setcancelstate(shield->cancel_state, &before);
    if (shield->cancel_type != PTHREAD_CANCEL_DEFERRED) {
        /* Here, as glibc's pthread_setcanceltype would forget that the thread's value is PTHREAD_CANCELED. */
        pthread_testcancel();
        (void)pthread_setcanceltype(shield->cancel_type, &before);
    }
}

void calmkeeper_allow_cancellation(void)
{
    struct shield *shield = calmkeeper_left_shield();
    if (shield != NULL)
        allow_cancellation(shield);
}

void calmkeeper_forbid_cancellation(void)
{
    struct shield *shield = calmkeeper_left_shield();
    if (shield != NULL)
        forbid_cancellation(shield);
}

#ifdef __GLIBC__
/* glibc's, for code that is compiled without -fexceptions. */
extern void __pthread_register_cancel(__pthread_unwind_buf_t *buffer);
extern void __pthread_unwind_next(__pthread_unwind_buf_t *buffer) __attribute__((noreturn));

int calmkeeper_jump_to_entry(void)
{
    struct shield *shield = calmkeeper_left_shield();
    if (shield != NULL)
        longjmp(shield->entry, 1);
    return 0;
}

/* Unwinds the calling function and its callers; the thread keeps the value that it ends with. */
static void __attribute__((noreturn)) go_on_unwinding(void)
{
    __pthread_unwind_buf_t buffer;
    __pthread_register_cancel(&buffer);
    __pthread_unwind_next(&buffer);
}
#else
/* Other C libraries do not unwind. */
int calmkeeper_jump_to_entry(void)
{
    return calmkeeper_left_shield() != NULL;
}

static void __attribute__((noreturn)) go_on_unwinding(void)
{
    pthread_exit(PTHREAD_CANCELED);
}
#endif

static void jump_to_entry(void *unused)
{
    (void)unused;
    (void)calmkeeper_jump_to_entry();
}

struct restored {
    void **innermost;
    void *outer;
};

static void restore(struct restored *restored)
{
    *restored->innermost = restored->outer;
}

/* Runs body(data) with cancellation disabled. If the thread ends in it, runs abandoned(data), and does not return.
 * `innermost` is the thread's mark. */
HIDDEN void calmkeeper_shielded(void (*body)(void *), void (*abandoned)(void *), void *data, void **innermost);
void calmkeeper_shielded(void (*body)(void *), void (*abandoned)(void *), void *data, void **innermost)
{
    struct shield shield;
    /* An exception of C++ may leave `body`, too. */
    struct restored __attribute__((cleanup(restore))) restored = {innermost, *innermost};
    forbid_cancellation(&shield);
    if (_setjmp(shield.entry) != 0) {
        abandoned(data);
        restore(&restored);
        go_on_unwinding();
    }
    *innermost = &shield;
    body(data);
    restore(&restored);
    allow_cancellation(&shield);
}

/* FUTEX_WAIT_PRIVATE of <linux/futex.h>, which systems with musl need not have. */
enum { WAIT_PRIVATE = 128 };

/* The system calls in which a thread waits that has left the library. They are no cancellation points. */
HIDDEN int calmkeeper_wait_for_descriptor(struct pollfd *entry, struct timespec *limit, const uint64_t *mask);
int calmkeeper_wait_for_descriptor(struct pollfd *entry, struct timespec *limit, const uint64_t *mask)
{
    long result;
    int error;
    pthread_cleanup_push(jump_to_entry, NULL);
    calmkeeper_allow_cancellation();
    result = syscall(SYS_ppoll, entry, 1, limit, mask, sizeof *mask);
    error = errno;
    calmkeeper_forbid_cancellation();
    errno = error;
    pthread_cleanup_pop(0);
    return (int)result;
}

HIDDEN void calmkeeper_wait_for_word(uint32_t *word, uint32_t value, const struct timespec *limit, const void *left);
void calmkeeper_wait_for_word(uint32_t *word, uint32_t value, const struct timespec *limit, const void *left)
{
    pthread_cleanup_push(jump_to_entry, NULL);
    if (left != NULL)
        calmkeeper_allow_cancellation();
    (void)syscall(SYS_futex, word, WAIT_PRIVATE, value, limit);
    if (left != NULL)
        calmkeeper_forbid_cancellation();
    pthread_cleanup_pop(0);
}
