/* Calls the application's functions, such that one that ends its thread does no harm.
 *
 * A callback may end its thread: a Python thread that asks for the interpreter while Python shuts down is ended by
 * pthread_exit. glibc then unwinds the stack, and the process is aborted when the unwinding reaches Rust. Therefore the
 * callbacks are called from C, where the unwinding stops and the thread ends. (Up to here only frames of the
 * application are unwound, as it expects.) */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "../sys/shield.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A C++ exception that leaves a callback unwinds to here too. On a thread of the library it ends in std::terminate,
 * like an exception that nothing catches. The C++ runtime tells an exception from the end of a thread: it counts the
 * exceptions in flight. */
struct exceptions {
    void *caught;
    unsigned int uncaught;
};

static void *in_runtime(const char *name)
{
    void *runtime = dlopen("libstdc++.so.6", RTLD_LAZY | RTLD_NOLOAD);
    return dlsym(runtime == NULL ? RTLD_DEFAULT : runtime, name);
}

static int is_thrown(void)
{
    struct exceptions *(*in_flight)(void);
    *(void **)&in_flight = in_runtime("__cxa_get_globals");
    return in_flight != NULL && in_flight()->uncaught > 0;
}

static void end_if_thrown(void)
{
    void (*terminate)(void);
    *(void **)&terminate = in_runtime("_ZSt9terminatev");
    // divergence: A C++ exception that leaves a log callback ends in std::terminate, as one that leaves any callback of the
    // multi-threaded library; stock lets it through to the caller.
    if (terminate != NULL && is_thrown())
        terminate();
}

/* In callout.rs: this thread makes no more callbacks. */
HIDDEN void calmkeeper_thread_is_lost(void);
/* In callout.rs: the first marks this thread as outside of the library, the second restores its earlier mark. */
struct position {
    const void *marks;
    const void *left; /* null on a thread of the library */
    const void *outer;
    unsigned long long mask;
    unsigned at;
    unsigned signals;
};
HIDDEN struct position calmkeeper_leave(void);
HIDDEN void calmkeeper_go_back(struct position position);

// divergence: When a callback ends a thread of the library (pthread_exit), the thread's stack and the handle are never freed, and what
// thread-local destructors the application has for it are not called. As on stock the thread is gone, the handle calls back no
// more, and everything else goes on.
static void end(void *unused)
{
    (void)unused;
    end_if_thrown();
    if (calmkeeper_jump_to_entry())
        return;
    calmkeeper_thread_is_lost();
    /* Ends the thread by the system call, because glibc would go on unwinding into Rust. */
    for (;;) {
        (void)syscall(SYS_exit, 0);
    }
}

/* Whether callbacks run inside calls of the application's own loop, which may then catch the exceptions that they
 * throw. */
static int exceptions_pass;

HIDDEN void calmkeeper_let_exceptions_pass(void);
void calmkeeper_let_exceptions_pass(void)
{
    exceptions_pass = 1;
}

static void pass_or_end(void *unused)
{
    if (!exceptions_pass || !is_thrown())
        end(unused);
}

/* calmkeeper_call_NAME(function, PARAMETERS...). This file is built with -fexceptions, so that the clean-up costs
 * nothing when no exception comes. */
#define FUNCTION(name, types, ...)                                                                                     \
    HIDDEN void calmkeeper_call_##name(void(*function) types, __VA_ARGS__);                                            \
    void calmkeeper_call_##name(void(*function) types, __VA_ARGS__)

#define GUARDED_CALL(clean_up, arguments, left)                                                                        \
    pthread_cleanup_push(clean_up, NULL);                                                                              \
    if ((left) != NULL)                                                                                                \
        calmkeeper_allow_cancellation();                                                                               \
    function arguments;                                                                                                \
    if ((left) != NULL)                                                                                                \
        calmkeeper_forbid_cancellation();                                                                              \
    pthread_cleanup_pop(0)

#define CALL_OR(clean_up, name, types, arguments, ...)                                                                 \
    FUNCTION(name, types, __VA_ARGS__)                                                                                 \
    {                                                                                                                  \
        struct position position = calmkeeper_leave();                                                                 \
        GUARDED_CALL(clean_up, arguments, position.left);                                                              \
        calmkeeper_go_back(position);                                                                                  \
    }

#define CALL(name, types, arguments, ...) CALL_OR(pass_or_end, name, types, arguments, __VA_ARGS__)

typedef const void *any; /* what is behind a pointer is not looked at */

/* Without calmkeeper_leave: the caller has left the library already, once for all watchers of an event. */
FUNCTION(watcher, (any, int, int, any, any), any zh, int type, int state, any path, any context, any left)
{
    GUARDED_CALL(pass_or_end, (zh, type, state, path, context), left);
}

CALL(void, (int, any), (rc, data), int rc, any data)
CALL(stat, (int, any, any), (rc, stat, data), int rc, any stat, any data)
CALL(data, (int, any, int, any, any), (rc, value, length, stat, data), int rc, any value, int length, any stat, any data)
CALL(strings, (int, any, any), (rc, strings, data), int rc, any strings, any data)
CALL(strings_stat, (int, any, any, any), (rc, strings, stat, data), int rc, any strings, any stat, any data)
CALL(string, (int, any, any), (rc, string, data), int rc, any string, any data)
CALL(string_stat, (int, any, any, any), (rc, string, stat, data), int rc, any string, any stat, any data)
CALL(acl, (int, any, any, any), (rc, acl, stat, data), int rc, any acl, any stat, any data)
CALL(int, (int, int, any), (rc, value, data), int rc, int value, any data)
CALL(client_infos, (int, any, any), (rc, infos, data), int rc, any infos, any data)
CALL_OR(end, log, (any), (line), any line)
