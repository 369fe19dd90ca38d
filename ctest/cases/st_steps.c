/* needs: proxy
 * What zookeeper_interest and zookeeper_process return at each step of a connection on the single-threaded library. */
#include "../loop.h"

#define TIMEOUT_MS 6000

static void show(zhandle_t *zh, const char *what, struct step step)
{
    int is_in_time = step.wait_ms >= 0 && step.wait_ms <= TIMEOUT_MS / 3;
    fact("%s: %s, %s, interest %d, time %s; events %d, process %s, %s", what, code(step.rc),
         step.fd == -1 ? "no descriptor" : step.fd >= 0 ? "a descriptor" : "unset", step.interest,
         is_in_time ? "within a third" : "wrong", step.events, code(step.processed), state_name(zoo_state(zh)));
    drain(records_left());
}

/* Takes turns until zookeeper_process reports a failure. */
static struct step turn_until_failure(zhandle_t *zh)
{
    struct step step;
    do
        step = turn(zh, 5000);
    while (step.processed == ZOK || step.processed == ZNOTHING);
    return step;
}

static void show_arguments(zhandle_t *zh)
{
    struct timeval tv;
    int fd;
    int interest;
    fact("-- before the first call: %s", state_name(zoo_state(zh)));
    outcome("process", zookeeper_process(zh, ZOOKEEPER_READ | ZOOKEEPER_WRITE));
    outcome("NULL fd", zookeeper_interest(zh, NULL, &interest, &tv));
    outcome("NULL interest", zookeeper_interest(zh, &fd, NULL, &tv));
    outcome("NULL tv", zookeeper_interest(zh, &fd, &interest, NULL));
    outcome("NULL handle", zookeeper_interest(NULL, &fd, &interest, &tv));
    outcome("NULL handle, process", zookeeper_process(NULL, 0));
}

static void show_connecting(zhandle_t *zh)
{
    zoo_aexists(zh, "/zookeeper", 0, on_stat, "queued");
    fact("-- connecting");
    show(zh, "connect", turn_until_ready(zh));
    show(zh, "handshake", turn_until_ready(zh));
    /* Stock sends the request at the next turn, ours at the handshake's answer. */
    turn_until_records(zh, 1);
    drain(1);
}

static void show_connected(zhandle_t *zh)
{
    struct step step;
    fact("-- connected");
    step = ask(zh);
    step.processed = zookeeper_process(zh, 0);
    show(zh, "nothing has happened", step);
    step = ask(zh);
    step.processed = zookeeper_process(zh, ZOOKEEPER_READ);
    show(zh, "reading in vain", step);
    step = ask(zh);
    step.processed = zookeeper_process(zh, ZOOKEEPER_WRITE);
    show(zh, "writing in vain", step);
    outcome("get", zoo_aget(zh, "/zookeeper", 0, on_data, "get"));
    show(zh, "the reply", turn_until_ready(zh));
}

static void show_pings(zhandle_t *zh)
{
    long end = now_ms() + TIMEOUT_MS * 2 / 3 + 1000;
    int wrong = 0;
    fact("-- two thirds of the timeout go by, with pings");
    while (now_ms() < end) {
        struct step step = turn(zh, 10000);
        wrong += step.rc != ZOK || (step.processed != ZOK && step.processed != ZNOTHING) || step.fd < 0;
    }
    fact("wrong: %d, %s", wrong, state_name(zoo_state(zh)));
}

static void show_cut(zhandle_t *zh)
{
    fact("-- the connection is cut, with a request under way");
    order("hold");
    zoo_aget(zh, "/zookeeper", 0, on_data, "get");
    zoo_aget_children(zh, "/zookeeper", 0, on_strings, "children");
    turn(zh, 50);
    order("cut");
    show(zh, "cut", turn_until_failure(zh));
    order("release");
    turn_until_state(zh, ZOO_CONNECTED_STATE);
    fact("-- connected again");
    while (records_left() < 1)
        turn(zh, 1000);
    drain(1);
}

/* Resumes a session that its client has closed. */
static void show_expired(const clientid_t *id)
{
    struct timeval tv;
    int fd;
    int interest;
    zhandle_t *zh;
    fact("-- a session that has expired");
    zh = zookeeper_init(hosts(), on_watch, TIMEOUT_MS, id, "expired", 0);
    zoo_aexists(zh, "/", 0, on_stat, "queued");
    outcome("process", turn_until_failure(zh).processed);
    drain(records_left());
    fact("%s", state_name(zoo_state(zh)));
    outcome("interest", zookeeper_interest(zh, &fd, &interest, &tv));
    outcome("process", zookeeper_process(zh, ZOOKEEPER_READ));
    outcome("get", zoo_aget(zh, "/", 0, on_data, "get"));
    outcome("close", zookeeper_close(zh));
    drain(records_left());
}

int main(void)
{
    clientid_t id;
    zhandle_t *zh = begin("", on_watch, "session", TIMEOUT_MS, 0);
    show_arguments(zh);
    show_connecting(zh);
    show_connected(zh);
    show_pings(zh);
    show_cut(zh);
    id = *zoo_client_id(zh);
    outcome("close", zookeeper_close(zh));
    show_expired(&id);
    return 0;
}
