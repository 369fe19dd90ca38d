/* The table of sessions, and the lifetime of everything that the library may still call back.
 *
 * The library keeps plain pointers to our contexts, and they have to stay valid for as long as it can use them:
 *   - the context of an asynchronous call until it is completed,
 *   - the context of a watch until its node event, or until the session's end (session events come in between),
 * - the context of a persistent watch until its removal, after which events may still be queued, or until the session's
 * end,
 * - all of them at the latest when zookeeper_close() has returned, except when it was called from one of the session's
 * own callbacks: then the library continues until that callback has returned, and is done only when its completion
 * thread ends. The destructor of a thread-specific value runs at that moment.
 */
#include "zkmodule.h"

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

/* The completion thread's mark. Owned by that thread; `session` is cleared if the session is freed first. */
struct tag {
    struct session *session;
};

static struct session **table; /* NULL entries are free; grows, never shrinks */
static int table_size;

static pthread_mutex_t tags_lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_once_t tag_key_once = PTHREAD_ONCE_INIT;
static pthread_key_t tag_key;
static int tag_key_usable;
static int orphans_ready; /* orphans whose completion thread has ended, guarded by tags_lock */

__thread struct session *session_being_served;

/* ---- contexts ---- */

struct context *context_new(struct session *session, PyObject *callback, int is_watch)
{
    struct context *context = calloc(1, sizeof *context);
    if (!context) {
        PyErr_NoMemory();
        return NULL;
    }
    context->session = session;
    Py_XINCREF(callback);
    context->callback = callback;
    context->is_watch = is_watch;
    context->born = ++session->clock;
    context->next = &session->all;
    context->previous = session->all.previous;
    context->previous->next = context;
    session->all.previous = context;
    return context;
}

void context_free(struct context *context)
{
    if (!context) {
        return;
    }
    context->previous->next = context->next;
    context->next->previous = context->previous;
    Py_XDECREF(context->path);
    reads_free(context->reads);
    /* Done last, because it can run any Python code. */
    PyObject *callback = context->callback;
    free(context);
    Py_XDECREF(callback);
}

void context_retire(struct context *watch)
{
    struct session *session = watch->session;
    watch->previous->next = watch->next;
    watch->next->previous = watch->previous;
    watch->next = &session->removed;
    watch->previous = session->removed.previous;
    watch->previous->next = watch;
    session->removed.previous = watch;
    watch->since = ++session->clock;
    watch->callback = NULL;
    session->removed_count++;
}

void session_free_removed(struct session *session, unsigned long long born)
{
    while (session->removed.next != &session->removed && session->removed.next->since < born) {
        session->removed_count--;
        context_free(session->removed.next);
    }
}

/* ---- the table ---- */

static int free_slot(void)
{
    for (int id = 0; id < table_size; id++) {
        if (!table[id]) {
            return id;
        }
    }
    if (table_size > INT_MAX / 2) {
        PyErr_SetString(ZooKeeperException, "too many sessions");
        return -1;
    }
    int size = table_size ? table_size * 2 : 32;
    struct session **larger = realloc(table, (size_t)size * sizeof *larger);
    if (!larger) {
        PyErr_NoMemory();
        return -1;
    }
    for (int id = table_size; id < size; id++) {
        larger[id] = NULL;
    }
    int id = table_size;
    table = larger;
    table_size = size;
    return id;
}

struct session *session_new(void)
{
    int id = free_slot();
    if (id < 0) {
        return NULL;
    }
    struct session *session = calloc(1, sizeof *session);
    if (!session) {
        PyErr_NoMemory();
        return NULL;
    }
    session->id = id;
    session->all.next = session->all.previous = &session->all;
    session->removed.next = session->removed.previous = &session->removed;
    table[id] = session;
    return session;
}

struct session *session_find(int id)
{
    if (id < 0 || id >= table_size) {
        PyErr_SetString(ZooKeeperException, "zhandle out of range");
        return NULL;
    }
    struct session *session = table[id];
    if (!session || session->closing || !session->handle) {
        PyErr_SetString(ZooKeeperException, "zhandle already freed");
        return NULL;
    }
    return session;
}

/* Frees a session that neither the library nor a thread of the module uses any more. */
static void session_free(struct session *session)
{
    pthread_mutex_lock(&tags_lock);
    if (session->tag) {
        session->tag->session = NULL;
    }
    pthread_mutex_unlock(&tags_lock);
    PyObject *watcher = session->watcher;
    session->watcher = NULL;
    while (session->all.next != &session->all) {
        context_free(session->all.next);
    }
    session_free_removed(session, ULLONG_MAX);
    if (table[session->id] == session) {
        table[session->id] = NULL;
    }
    /* The thread that authenticates may outlive the completion thread of a session closed from its own callback. */
    if (!session->orphan) {
        sasl_free(session->sasl);
    }
    free(session);
    Py_XDECREF(watcher);
}

static void free_if_unused(struct session *session)
{
    if (session->finished && !session->submitting && !session->waiting) {
        session_free(session);
    }
}

void session_left_submit(struct session *session)
{
    session->submitting--;
    free_if_unused(session);
}

void session_left_wait(struct session *session)
{
    session->waiting--;
    free_if_unused(session);
}

void session_discard(struct session *session)
{
    session->closing = session->finished = 1;
    free_if_unused(session);
}

/* ---- close ---- */

static void sleep_without_gil(long microseconds)
{
    struct timespec pause = {0, microseconds * 1000};
    Py_BEGIN_ALLOW_THREADS
    nanosleep(&pause, NULL);
    Py_END_ALLOW_THREADS
}

/* Between releasing the GIL and taking the library's own reference a thread holds a bare zhandle_t pointer, which the
 * library frees at the end of zookeeper_close. This waits for calls that only queue a request (with a limit, because a
 * forked child has inherited the counts of threads that it does not have). Calls that wait for the server are meant to
 * be interrupted by the close, so they only get enough time to enter the library. */
static void let_others_arrive(struct session *session)
{
    for (int turn = 0; turn < 2000 && session->submitting; turn++) {
        sleep_without_gil(1000);
    }
    for (int turn = 0; turn < 20 && session->waiting; turn++) {
        sleep_without_gil(1000);
    }
}

/* Watches of a session that was closed from its own callback must not fire any more, although the library still has
 * them. */
static void silence_watches(struct session *session)
{
    int found = 1;
    while (found) {
        found = 0;
        for (struct context *context = session->all.next; context != &session->all; context = context->next) {
            if (context->is_watch && context->callback) {
                found = 1;
                Py_CLEAR(context->callback); /* can run Python code that changes the list: start again */
                break;
            }
        }
    }
    Py_CLEAR(session->watcher);
}

int session_close(struct session *session)
{
    int rc;
    zhandle_t *handle = session->handle;
    int inside = session_being_served == session;
    session->closing = 1;
    if (inside) {
        silence_watches(session);
        pthread_mutex_lock(&tags_lock);
        session->orphan = 1;
        pthread_mutex_unlock(&tags_lock);
    }
    let_others_arrive(session);
    Py_BEGIN_ALLOW_THREADS
    rc = zookeeper_close(handle);
    Py_END_ALLOW_THREADS
    if (!inside) {
        session->finished = 1;
        free_if_unused(session);
    }
    return rc;
}

/* ---- orphans: sessions closed from their own callbacks ---- */

static void completion_thread_ends(void *value)
{
    struct tag *tag = value;
    pthread_mutex_lock(&tags_lock);
    if (tag->session) {
        tag->session->tag = NULL;
        if (tag->session->orphan) {
            tag->session->orphan = 2;
            orphans_ready++;
        }
    }
    pthread_mutex_unlock(&tags_lock);
    free(tag);
}

static void make_tag_key(void)
{
    tag_key_usable = pthread_key_create(&tag_key, completion_thread_ends) == 0;
}

void session_mark_completion_thread(struct session *session)
{
    pthread_once(&tag_key_once, make_tag_key);
    if (session->tag || !tag_key_usable) {
        return; /* without the mark an orphan is never freed: a small leak, nothing worse */
    }
    struct tag *tag = malloc(sizeof *tag);
    if (!tag) {
        return;
    }
    if (pthread_getspecific(tag_key) || pthread_setspecific(tag_key, tag) != 0) {
        free(tag);
        return;
    }
    tag->session = session;
    pthread_mutex_lock(&tags_lock);
    session->tag = tag;
    pthread_mutex_unlock(&tags_lock);
}

void sessions_reap_orphans(void)
{
    pthread_mutex_lock(&tags_lock);
    int ready = orphans_ready;
    orphans_ready = 0;
    pthread_mutex_unlock(&tags_lock);
    for (int id = 0; ready && id < table_size; id++) {
        struct session *session = table[id];
        if (session && !session->finished) {
            pthread_mutex_lock(&tags_lock);
            int through = session->orphan == 2;
            pthread_mutex_unlock(&tags_lock);
            if (through) {
                session->finished = 1;
                free_if_unused(session);
            }
        }
    }
}
