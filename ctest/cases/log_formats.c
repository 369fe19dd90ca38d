/* needs: script
 * The log is an interface: the lines that operators and programs search for have the level, the function name and the
 * words of Debian's library, in its order, on both libraries. Ours may add something at a line's end. */
#include "../case.h"

#include <regex.h>
#include <signal.h>
#include <sys/wait.h>

#define PORT "127\\.0\\.0\\.1:[0-9]+"
#define ID "0x[0-9a-f]+"
#define FAILED "Socket " PORT " zk retcode="

/* What a line must begin with, after its time and thread. */
static const struct {
    const char *where; /* level@function */
    const char *text;  /* an extended regular expression for the beginning of the message */
} FORMATS[] = {
    {"INFO@log_env", "Client environment:zookeeper\\.version=zookeeper C client [0-9.]+"},
    {"INFO@log_env", "Client environment:host\\.name=."},
    {"INFO@log_env", "Client environment:os\\.name=."},
    {"INFO@log_env", "Client environment:os\\.arch=."},
    {"INFO@log_env", "Client environment:os\\.version=."},
    {"INFO@log_env", "Client environment:user\\.name=."},
    {"INFO@log_env", "Client environment:user\\.home=."},
    {"INFO@log_env", "Client environment:user\\.dir=."},
    {"INFO@zookeeper_init_internal", "Initiating client connection, host=" PORT " sessionTimeout=[0-9]+ watcher=" ID
                                     " sessionId=0 sessionPasswd=<null> context=\\(nil\\) flags=0"},
    {"INFO@zookeeper_init_internal", "Initiating client connection, host=\\(null\\) sessionTimeout=[0-9]+ "},
    {"INFO@check_events", "initiated connection to server " PORT},
    {"INFO@finalize_session_establishment",
     "session establishment complete on server " PORT ", sessionId=" ID ", negotiated timeout=[0-9]+ "},
    {"DEBUG@zoo_awexists", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_awget", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_awget", "Sending request xid=" ID " for path \\[/zookeeper/config\\] to " PORT},
    {"DEBUG@zoo_awget_children_", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_awget_children2_", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_aset", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_acreate_ttl", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_acreate2_ttl", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_adelete", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_aget_acl", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_aset_acl", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_async", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@zoo_amulti", "Sending multi request xid=" ID " with 1 subrequests to " PORT},
    {"ERROR@zoo_amulti", "Unimplemented sub-op type=4660 in multi-op"},
    {"DEBUG@zoo_areconfig", "Sending Reconfig request xid=" ID " to " PORT},
    {"DEBUG@aremove_watches", "Sending request xid=" ID " for path \\[/n\\] to " PORT},
    {"DEBUG@send_last_auth_info", "Sending auth info request to " PORT},
    {"ERROR@zoo_set_servers_resolution_delay", "Resolution delay cannot be -1000"},
    {"ERROR@check_events", FAILED "-4, errno=111\\(Connection refused\\): server refused to accept the client"},
    {"WARN@zookeeper_interest", "Delaying connection after exhaustively trying all servers \\[" PORT "\\]"},
    {"ERROR@check_events", FAILED "-4, errno=112\\(Host is down\\): failed while receiving a server response"},
    {"ERROR@zookeeper_interest",
     FAILED "-7, errno=110\\(Connection timed out\\): connection to " PORT " timed out \\(exceeded timeout by [0-9]+ms\\)"},
    {"ERROR@check_events", FAILED "-112, errno=116\\(Stale file handle\\): sessionId=" ID " has expired\\."},
    {"ERROR@auth_completion_func", "Authentication scheme bogus failed\\. Connection closed\\."},
    {"INFO@zookeeper_close", "Closing zookeeper sessionId=" ID " to " PORT},
    {"INFO@zookeeper_close", "Freeing zookeeper resources for sessionId=" ID},
    {"ERROR@resolve_hosts", "getaddrinfo: ."},
    {"ERROR@resolve_hosts", "no port in 127\\.0\\.0\\.1"},
    {"WARN@zookeeper_interest", "Exceeded deadline by [0-9]+ms"},
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static regex_t formats[COUNT(FORMATS)];
static int seen[COUNT(FORMATS)];

static void compile(void)
{
    int i;
    for (i = 0; i < COUNT(FORMATS); i++) {
        char pattern[512];
        snprintf(pattern, sizeof pattern, "^[^@]*:ZOO_%s@[0-9]+: %s", FORMATS[i].where, FORMATS[i].text);
        if (regcomp(&formats[i], pattern, REG_EXTENDED | REG_NOSUB) != 0)
            die("regcomp %d", i);
    }
}

static void on_log(const char *line)
{
    int i;
    pthread_mutex_lock(&lock);
    for (i = 0; i < COUNT(FORMATS); i++)
        if (!seen[i] && regexec(&formats[i], line, 0, NULL, 0) == 0)
            seen[i] = 1;
    pthread_mutex_unlock(&lock);
}

static int is_seen(const char *part)
{
    int i;
    for (i = 0; i < COUNT(FORMATS); i++)
        if (strstr(FORMATS[i].text, part) != NULL) {
            int yes;
            pthread_mutex_lock(&lock);
            yes = seen[i];
            pthread_mutex_unlock(&lock);
            return yes;
        }
    die("no format says %s", part);
}

/* Waits for a line; a missing one is reported at the end. */
static void await_line(const char *part)
{
    int ms;
    for (ms = 0; !is_seen(part) && ms < 10000; ms++)
        nap(1);
}

static zhandle_t *open_logging(const char *where, int timeout_ms)
{
    return zookeeper_init2(where, on_nothing, timeout_ms, NULL, NULL, 0, on_log);
}

/* Waits for the next connection: the state alone may still be that of the previous one. */
static void await_answer(zhandle_t *zh)
{
    int ms;
    for (ms = 0; zoo_exists(zh, "/n", 0, NULL) != ZOK; ms += 10) {
        if (ms > 20000)
            die("no answer after 20 s");
        nap(10);
    }
}

static void every_request(zhandle_t *zh)
{
    struct Stat stat;
    struct String_vector strings = {0, NULL};
    struct ACL_vector acl = {0, NULL};
    char buffer[64];
    int length = sizeof buffer;
    zoo_op_t op;
    zoo_op_result_t result;
    zoo_wexists(zh, "/n", on_nothing, NULL, &stat);
    zoo_get(zh, "/n", 0, buffer, &length, &stat);
    zoo_get_children(zh, "/n", 0, &strings);
    deallocate_String_vector(&strings);
    zoo_get_children2(zh, "/n", 0, &strings, &stat);
    deallocate_String_vector(&strings);
    zoo_set(zh, "/n", "x", 1, -1);
    zoo_create(zh, "/n", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer);
    zoo_create2(zh, "/n", "x", 1, &ZOO_OPEN_ACL_UNSAFE, 0, buffer, sizeof buffer, &stat);
    zoo_delete(zh, "/n", -1);
    zoo_get_acl(zh, "/n", &acl, &stat);
    deallocate_ACL_vector(&acl);
    zoo_set_acl(zh, "/n", -1, &ZOO_OPEN_ACL_UNSAFE);
    zoo_async(zh, "/n", on_string, "async");
    drain(1);
    zoo_check_op_init(&op, "/n", -1);
    outcome("multi", zoo_multi(zh, 1, &op, &result));
    op.type = 0x1234;
    outcome("multi of an unknown type", zoo_multi(zh, 1, &op, &result));
    length = sizeof buffer;
    zoo_getconfig(zh, 0, buffer, &length, &stat);
    length = sizeof buffer;
    zoo_reconfig(zh, "a", "b", "c", -1, buffer, &length, &stat);
    zoo_remove_watches(zh, "/n", ZWATCHTYPE_DATA, on_nothing, NULL, 0);
}

/* Stops the process for longer than the library meant to sleep: its host counts as starved, and the log must say so. */
static void be_stopped(void)
{
    pid_t self = getpid();
    pid_t child = fork();
    int status;
    if (child == 0) {
        kill(self, SIGSTOP);
        nap(1500);
        kill(self, SIGCONT);
        _exit(0);
    }
    waitpid(child, &status, 0);
    nap(50);
}

int main(void)
{
    zhandle_t *zh;
    char refusing[64];
    char *port;
    int missing = 0;
    int i;
    compile();
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    zh = open_logging(hosts(), SESSION_MS);
    await_state(zh, ZOO_CONNECTED_STATE);
    every_request(zh);
    zoo_set_servers_resolution_delay(zh, -1000);
    zoo_aget(zh, "/cut", 0, on_data, "cut");
    drain(1);
    await_line("failed while receiving");
    await_answer(zh);
    zookeeper_close(zh);

    zh = open_logging(hosts(), SESSION_MS);
    await_state(zh, ZOO_CONNECTED_STATE);
    zoo_add_auth(zh, "bogus", "x", 1, NULL, NULL);
    await_state(zh, ZOO_AUTH_FAILED_STATE);
    zookeeper_close(zh);

    zh = open_logging(hosts(), 2000);
    await_state(zh, ZOO_CONNECTED_STATE);
    for (i = 0; i < 5 && !is_seen("Exceeded deadline"); i++)
        be_stopped();
    await_answer(zh);
    zoo_aget(zh, "/hang", 0, on_data, "hang");
    drain(1);
    await_line("timed out");
    await_answer(zh);
    zoo_aget(zh, "/expire", 0, on_data, "expire");
    drain(1);
    await_state(zh, ZOO_EXPIRED_SESSION_STATE);
    zookeeper_close(zh);

    port = control("port");
    snprintf(refusing, sizeof refusing, "127.0.0.1:%s", port);
    free(port);
    zh = open_logging(refusing, 2000);
    await_line("server refused");
    await_line("Delaying connection");
    zookeeper_close(zh);
    open_logging("no.such.host.invalid:1", 2000);
    open_logging(NULL, 2000);
    open_logging("127.0.0.1", 2000);

    for (i = 0; i < COUNT(FORMATS); i++)
        if (!seen[i])
            missing++, fact("no line %s: %s", FORMATS[i].where, FORMATS[i].text);
    if (missing)
        die("%d of %d formats are missing", missing, COUNT(FORMATS));
    fact("%d formats", COUNT(FORMATS));
    return 0;
}
