/*
 * An application under chaos. One session at a time, shared by four threads: one creates and deletes nodes of unique
 * names, one sets registers against their expected version, one pipelines async calls, one reads and keeps a data watch
 * on each register. A session that has expired, or has lived long enough, is closed, sometimes with async calls in
 * flight, and followed by a new one. Everything goes to the journal (journal.h); this program does not judge.
 *
 *   client HOSTS SESSION_MS JOURNAL NAME PACE_MS
 *
 * On stdin: "quiet" stops the work and arms every watch a last time (answered "quiet"), "close" ends it.
 */
#include <pthread.h>

#include "calls.h"

enum { WINDOW = 16, LIFE_LEAST_MS = 6000, LIFE_SPREAD_MS = 20000, DRAIN_MS = 60000 };

static int pace_ms;
static atomic_int quiet_wanted, close_wanted;

static void sleep_ms(int ms)
{
    usleep((useconds_t)ms * 1000);
}

static void pause_between(unsigned *seed)
{
    sleep_ms(pace_ms / 2 + (int)(rand_r(seed) % (unsigned)(pace_ms + 1)));
}

static int goes_on(struct session *session)
{
    return !session->over && !is_unrecoverable(session->zh);
}

/* -- the workers --------------------------------------------------------------------------------------------------- */

static void *creator(void *argument)
{
    struct session *session = argument;
    unsigned seed = (unsigned)session->number * 7919 + (unsigned)getpid();
    char path[96], value[64], last[96] = "";
    for (int n = 0; goes_on(session); n++) {
        if (n % 40 == 0) {
            snprintf(path, sizeof path, "/chaos/e/%s-%d-%d", name, session->number, n);
            create(session, "ephemeral", path, name, ZOO_EPHEMERAL);
        } else if (n % 4 == 3 && *last) {
            long id = begin(session->number, 's', "delete", last, NOTHING, -1);
            end(id, zoo_delete(session->zh, last, -1), -1, -1, "");
            *last = 0;
        } else {
            unique(path, sizeof path, value, sizeof value, 's');
            if (create(session, "create", path, value, ZOO_PERSISTENT) == ZOK)
                strcpy(last, path);
        }
        pause_between(&seed);
    }
    return NULL;
}

static void *setter(void *argument)
{
    struct session *session = argument;
    unsigned seed = (unsigned)session->number * 104729 + (unsigned)getpid();
    int known[REGISTERS] = {-1, -1, -1};
    while (goes_on(session)) {
        int which = (int)(rand_r(&seed) % REGISTERS);
        struct Stat stat;
        if (known[which] < 0) {
            if (get(session, registers[which], NULL, &stat) == ZOK)
                known[which] = stat.version;
        } else {
            char value[64];
            snprintf(value, sizeof value, "%s.%ld", name, atomic_fetch_add(&serial, 1));
            known[which] = set_register(session, which, value, known[which]) == ZOK ? known[which] + 1 : -1;
        }
        pause_between(&seed);
    }
    return NULL;
}

static void *pipeliner(void *argument)
{
    struct session *session = argument;
    unsigned seed = (unsigned)session->number * 1299709 + (unsigned)getpid();
    char counter[64], last[96] = "";
    snprintf(counter, sizeof counter, "/chaos/a/%s-%d", name, session->number);
    while (create(session, "create", counter, NOTHING, ZOO_PERSISTENT) != ZOK) {
        if (!goes_on(session))
            return NULL;
        snprintf(counter, sizeof counter, "/chaos/a/%s-%d-%ld", name, session->number, atomic_fetch_add(&serial, 1));
        pause_between(&seed);
    }
    while (goes_on(session)) {
        while (session->under_way < (int)(rand_r(&seed) % WINDOW) && goes_on(session))
            submit(session, &seed, counter, last);
        pause_between(&seed);
    }
    if (!session->drain)
        for (int n = 0; n < WINDOW; n++) /* for zookeeper_close to complete */
            submit(session, &seed, counter, last);
    return NULL;
}

static void *reader(void *argument)
{
    struct session *session = argument;
    unsigned seed = (unsigned)session->number * 15485863 + (unsigned)getpid();
    while (goes_on(session)) {
        read_register(session, (int)(rand_r(&seed) % REGISTERS));
        pause_between(&seed);
    }
    return NULL;
}

/* -- one session --------------------------------------------------------------------------------------------------- */

static void note_state(struct session *session, int *last)
{
    int state = zoo_state(session->zh);
    if (state != *last)
        journal("Z %d %lld %d\n", session->number, microseconds(), *last = state);
}

static void work(struct session *session, unsigned *seed, int *state)
{
    void *(*const workers[])(void *) = {creator, setter, pipeliner, reader};
    enum { COUNT = sizeof workers / sizeof *workers };
    pthread_t threads[COUNT];
    long long until = microseconds() + (LIFE_LEAST_MS + (int)(rand_r(seed) % LIFE_SPREAD_MS)) * 1000LL;
    for (int n = 0; n < COUNT; n++)
        if (pthread_create(&threads[n], NULL, workers[n], session))
            abort();
    while (!quiet_wanted && !is_unrecoverable(session->zh) && microseconds() < until) {
        note_state(session, state);
        sleep_ms(10);
    }
    session->drain = quiet_wanted;
    session->over = 1;
    for (int n = 0; n < COUNT; n++)
        pthread_join(threads[n], NULL);
    for (int waited = 0; session->drain && session->under_way && waited < DRAIN_MS; waited += 10)
        sleep_ms(10);
}

/* Arms every watch a last time and waits for the command to close; returns 0 if the session expired before. */
static int be_quiet(struct session *session, int *state)
{
    char path[96];
    for (int which = 0; which < REGISTERS;) {
        if (is_unrecoverable(session->zh))
            return 0;
        int armed = read_register(session, which) == ZOK && session->armed[which];
        which += armed;
        if (!armed)
            sleep_ms(100);
        note_state(session, state);
    }
    snprintf(path, sizeof path, "/chaos/e/%s-%d-last", name, session->number);
    if (create(session, "ephemeral", path, name, ZOO_EPHEMERAL) != ZOK)
        return 0;
    journal("Q %d %lld\n", session->number, microseconds());
    puts("quiet");
    fflush(stdout);
    while (!close_wanted) {
        note_state(session, state);
        sleep_ms(10);
    }
    return 1;
}

static void *commands(void *unused)
{
    char line[64];
    (void)unused;
    while (fgets(line, sizeof line, stdin))
        atomic_store(strcmp(line, "quiet\n") ? &close_wanted : &quiet_wanted, 1);
    quiet_wanted = close_wanted = 1;
    return NULL;
}

int main(int count, char **arguments)
{
    pthread_t listener;
    if (count != 6)
        return 2;
    const char *hosts = arguments[1];
    int session_ms = atoi(arguments[2]);
    name = arguments[4], pace_ms = atoi(arguments[5]);
    journal_open(arguments[3]);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    unsigned seed = (unsigned)getpid();
    if (pthread_create(&listener, NULL, commands, NULL))
        return 2;
    for (int number = 1, done = 0; !done; number++) {
        struct session *session = calloc(1, sizeof *session); /* stays: see completed() */
        int state = -1;
        session->number = number;
        journal("H %d %lld\n", number, microseconds());
        session->zh = zookeeper_init(hosts, on_session, session_ms, NULL, session, 0);
        if (!session->zh)
            abort();
        if (!quiet_wanted)
            work(session, &seed, &state);
        if (quiet_wanted && !is_unrecoverable(session->zh))
            done = be_quiet(session, &state);
        note_state(session, &state);
        journal("X %d %lld\n", number, microseconds());
        int rc = zookeeper_close(session->zh);
        journal("C %d %lld %d\n", number, microseconds(), rc);
        for (struct watch *next; session->watches; session->watches = next) {
            next = session->watches->next;
            free(session->watches);
        }
    }
    puts("closed");
    return 0;
}
