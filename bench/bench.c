/* Benchmark of the public C API, linked dynamically: the same binary measures whichever libzookeeper_mt.so.2 the loader
 * finds, and refuses to report if that is not the one named by --lib. Every callback checks data, order and count, so
 * that a library that loses, repeats or invents replies fails instead of looking fast.
 *
 * Prints one line of JSON. Exit code 0: measured; 2: could not run; 3: wrong library; 4: a check failed. */
#define _GNU_SOURCE
#include "bench.h"

#include <dlfcn.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#include "measure.h"
#include "peer.h"

struct options opt = {.host = "127.0.0.1", .threads = 1, .window = 1, .timeout_ms = 30000, .count = 10000, .secs = 1,
                      .limit_s = 120, .warm = 200, .away_ms = 8000};
_Atomic(const char *) stage = "starting";

void want(int rc, const char *what) {
    if (rc != ZOK) broken("%s: %s (%d)", what, zerror(rc), rc);
}

bool enough(uint64_t ops, uint64_t since_ns) {
    return opt.ops ? ops >= opt.ops : (double)(now_ns() - since_ns) >= opt.secs * 1e9;
}

void insist_asked(const char *what, uint64_t before, uint64_t after, uint64_t expected) {
    if (after - before != expected)
        broken("the server was asked for %s %lu times, the application asked %lu times", what, after - before, expected);
}

void check_value(const char *value, int len, unsigned node) {
    static char expected[NODES][VALUE_BYTES];
    static _Atomic bool made[NODES];
    if (!made[node]) { /* threads write the same bytes */
        node_value(expected[node], node);
        made[node] = true;
    }
    if (len != VALUE_BYTES || memcmp(value, expected[node], VALUE_BYTES) != 0) broken("node %u: wrong data", node);
}

/* ---- handles ---- */

static void ignore(zhandle_t *zh, int type, int state, const char *path, void *context) {
    (void)zh, (void)type, (void)state, (void)path, (void)context;
}

zhandle_t *handle_open(watcher_fn watcher, void *context) {
    zhandle_t *zh = zookeeper_init(opt.servers, watcher ? watcher : ignore, opt.timeout_ms, NULL, context, 0);
    if (!zh) broken("zookeeper_init: %s", strerror(errno));
    if (opt.tuned) want(zoo_set_servers_resolution_delay(zh, -1), "zoo_set_servers_resolution_delay");
    for (int i = 0; i < 30000 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++) usleep(1000);
    if (zoo_state(zh) != ZOO_CONNECTED_STATE) broken("no session within 30 s");
    return zh;
}

void handle_close(zhandle_t *zh) { want(zookeeper_close(zh), "zookeeper_close"); }

/* ---- which library is this? ---- */

static void check_symbol(const char *name, const char *expected) {
    Dl_info info;
    char real[PATH_MAX];
    void *at = dlsym(RTLD_DEFAULT, name);
    if (!at || !dladdr(at, &info) || !realpath(info.dli_fname, real)) {
        fprintf(stderr, "WRONG LIBRARY: cannot tell where %s comes from\n", name);
        exit(3);
    }
    if (strcmp(real, expected) != 0) {
        fprintf(stderr, "WRONG LIBRARY: %s comes from %s, not from %s\n", name, real, expected);
        exit(3);
    }
}

static void check_library(void) {
    static const char *const used[] = {"zookeeper_init", "zookeeper_close", "zoo_get", "zoo_set", "zoo_multi", "zoo_aget",
        "zoo_aset", "zoo_acreate", "zoo_amulti", "zoo_awget", "zoo_wget", "zoo_get_children", "zoo_exists", "zoo_state"};
    char expected[PATH_MAX], line[PATH_MAX + 256];
    if (!opt.expect) {
        fprintf(stderr, "WRONG LIBRARY: --lib must name the file that is to be measured\n");
        exit(3);
    }
    if (!realpath(opt.expect, expected)) {
        fprintf(stderr, "WRONG LIBRARY: %s: %s\n", opt.expect, strerror(errno));
        exit(3);
    }
    for (unsigned i = 0; i < (opt.interposed ? 1 : sizeof used / sizeof *used); i++) check_symbol(used[i], expected);
    FILE *maps = fopen("/proc/self/maps", "r");
    while (maps && fgets(line, sizeof line, maps)) {
        char *path = strchr(line, '/');
        if (!path || !strstr(path, "zookeeper")) continue;
        path[strcspn(path, "\n")] = 0;
        const char *file = strrchr(path, '/');
        if (strstr(file, "zookeeper") && strcmp(path, expected) != 0) {
            fprintf(stderr, "WRONG LIBRARY: %s is loaded besides %s\n", path, expected);
            exit(3);
        }
    }
    if (maps) fclose(maps);
}

/* ---- the command line ---- */

/* Need not be async-signal-safe, because the process ends here in any case. */
static void on_limit(int sig) {
    (void)sig;
    char line[256];
    int n = snprintf(line, sizeof line, "{\"mode\": \"%s\", \"cut_off\": \"%s\", \"limit_s\": %g}\n", opt.mode, stage, opt.limit_s);
    if (write(1, line, (size_t)n) != n) _exit(2);
    _exit(0);
}

static void usage(void) {
    fprintf(stderr,
        "usage: bench --mode MODE --port PORT --lib FILE [options]\n"
        "modes: sync-get sync-set sync-multi sync-children sync-big  [--threads N] [--watched]\n"
        "       aget aset acreate amulti                             [--window N] [--caller]\n"
        "       watch-delivery watch-latency reconnect idle          [--count N]\n"
        "       loss                                                 [--count N] [--away MS]\n"
        "       open-close\n"
        "       queued-watches  persistent ones, which stock lacks; none gets an answer, so say --ops\n"
        "       mixed    no figures: the shortcuts under load, cuts and bad servers\n"
        "options: --secs S | --ops N, --warm N, --limit S, --timeout MS, --tuned, --real, --host ADDRESS\n");
    exit(2);
}

static void parse(int argc, char **argv) {
    static const struct option known[] = {
        {"mode", 1, 0, 'm'}, {"host", 1, 0, 'h'}, {"port", 1, 0, 'p'}, {"lib", 1, 0, 'l'}, {"threads", 1, 0, 't'},
        {"window", 1, 0, 'w'}, {"count", 1, 0, 'c'}, {"secs", 1, 0, 's'}, {"ops", 1, 0, 'o'}, {"warm", 1, 0, 'W'},
        {"limit", 1, 0, 'L'}, {"timeout", 1, 0, 'T'}, {"tuned", 0, 0, 'u'}, {"real", 0, 0, 'r'}, {"caller", 0, 0, 'a'},
        {"watched", 0, 0, 'd'}, {"interposed", 0, 0, 'i'}, {"away", 1, 0, 'A'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", known, NULL)) != -1;) switch (c) {
        case 'm': opt.mode = optarg; break;
        case 'h': opt.host = optarg; break;
        case 'p': opt.port = atoi(optarg); break;
        case 'l': opt.expect = optarg; break;
        case 't': opt.threads = atoi(optarg); break;
        case 'w': opt.window = atoi(optarg); break;
        case 'c': opt.count = (unsigned)atoi(optarg); break;
        case 's': opt.secs = atof(optarg); break;
        case 'o': opt.ops = strtoull(optarg, NULL, 10); break;
        case 'W': opt.warm = strtoull(optarg, NULL, 10); break;
        case 'L': opt.limit_s = atof(optarg); break;
        case 'T': opt.timeout_ms = atoi(optarg); break;
        case 'u': opt.tuned = true; break;
        case 'r': opt.real = true; break;
        case 'a': opt.caller = true; break;
        case 'd': opt.watched = true; break;
        case 'i': opt.interposed = true; break;
        case 'A': opt.away_ms = (unsigned)atoi(optarg); break;
        default: usage();
    }
    if (!opt.mode || opt.port <= 0 || opt.threads < 1 || opt.threads > 16 || opt.window < 1 || opt.count < 1) usage();
    snprintf(opt.servers, sizeof opt.servers, "%s:%d", opt.host, opt.port);
}

int main(int argc, char **argv) {
    parse(argc, argv);
    check_library();
    struct rlimit files = {65536, 65536};
    setrlimit(RLIMIT_NOFILE, &files); /* 1,000 idle handles; where it is refused the mode fails by itself */
    struct itimerval limit = {.it_value = {.tv_sec = (time_t)opt.limit_s, .tv_usec = 1}};
    signal(SIGALRM, on_limit);
    setitimer(ITIMER_REAL, &limit, NULL);
    zoo_set_debug_level(ZOO_LOG_LEVEL_ERROR);
    peer_start(opt.host, opt.port); /* forks, so first */
    measure_open();

    bool reconnect = strcmp(opt.mode, "reconnect") == 0, watches = reconnect || strncmp(opt.mode, "watch-", 6) == 0;
    stage = "preparing nodes";
    peer_prepare(watches ? opt.count : 0, strcmp(opt.mode, "sync-children") == 0, strcmp(opt.mode, "sync-big") == 0);
    stage = "measuring";
    json_begin();
    json_text("mode", opt.mode);
    if (strncmp(opt.mode, "sync-", 5) == 0) run_sync();
    else if (opt.mode[0] == 'a') run_async();
    else if (strcmp(opt.mode, "watch-delivery") == 0) run_watch_delivery();
    else if (strcmp(opt.mode, "watch-latency") == 0) run_watch_latency();
    else if (reconnect) run_reconnect();
    else if (strcmp(opt.mode, "queued-watches") == 0) run_queued_watches();
    else if (strcmp(opt.mode, "open-close") == 0) run_open_close();
    else if (strcmp(opt.mode, "idle") == 0) run_idle();
    else if (strcmp(opt.mode, "loss") == 0) run_loss();
    else if (strcmp(opt.mode, "mixed") == 0) run_mixed();
    else usage();
    json_end();
    peer_stop();
    return 0;
}
