/*
 * A client that obeys commands: client HOSTS CERT TIMEOUT_MS. CERT is for zookeeper_init_ssl; "-" for zookeeper_init,
 * "sasl:MECHANISMS" for zookeeper_init_sasl (with CLIENT_SASL_HOST, CLIENT_USER, CLIENT_PASSWORD_FILE,
 * CLIENT_CALLBACK), "NULL" for a null string. CLIENT_READONLY: a read-only server is accepted. CLIENT_FILES: number of
 * descriptors that are opened first. CLIENT_LEAVE: the working directory is changed once there is a handle.
 * CLIENT_BLOCK: seconds that the password's callback takes. Prints "handle" or "no handle, errno N", and then the
 * answers to the commands on its input:
 *
 *   await            waits until the session is there: "state N"
 *   create P | get P one call: "create RC", "get RC LENGTH"
 *   mine P           creates a node that only its creator may use: "mine RC"
 *   big P N          creates a node with a value of N bytes: "big RC"
 *   two P Q          zoo_aget of both, sent together: "first RC", "second RC"
 *   state            "state N"
 *   auth             the event (session, state) that came last: "event N"
 *   identify S C     zoo_add_auth with scheme and credentials: "identify RC"
 *   session          the session's password: "session HEX"
 *   fork             closes the handle in a child: "child STATUS"
 *   close            zookeeper_close: "closed RC", and "in a callback" if one runs that was given with the handle
 */
#define HAVE_OPENSSL_H /* declares zookeeper_init_ssl */
#define HAVE_CYRUS_SASL_H
#define THREADED
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zookeeper/zookeeper.h>

static volatile int event;
static volatile int results[2] = {1, 1};
static volatile int in_callback;

static void watcher(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh, (void)path, (void)context;
    if (type == ZOO_SESSION_EVENT)
        event = state;
}

static void on_data(int rc, const char *value, int length, const struct Stat *stat, const void *data)
{
    (void)value, (void)length, (void)stat;
    results[(long)data] = rc;
}

/* Waits while `value` is `unwanted`, for up to a minute. */
static int await_change(const volatile int *value, int unwanted)
{
    int i;
    for (i = 0; i < 12000 && *value == unwanted; i++)
        usleep(5000);
    return *value;
}

static void on_identified(int rc, const void *data)
{
    (void)data;
    results[0] = rc;
}

static void open_files(int count)
{
    struct rlimit limit = {(rlim_t)count + 200, (rlim_t)count + 200};
    setrlimit(RLIMIT_NOFILE, &limit);
    while (count-- > 0)
        if (open("/dev/null", O_RDONLY) < 0)
            exit(3);
}

/* The password is the content of the file after its first character. */
static int make_password(const char *content, size_t length, void *context, char *buffer, size_t room, size_t *password_length)
{
    if (strcmp(context, "context") != 0 || length < 2 || length - 1 > room)
        return SASL_FAIL;
    in_callback = 1;
    if (getenv("CLIENT_BLOCK") != NULL) {
        printf("blocked\n");
        sleep((unsigned)atoi(getenv("CLIENT_BLOCK")));
    }
    in_callback = 0;
    memcpy(buffer, content + 1, length - 1);
    *password_length = length - 1;
    return SASL_OK;
}

static zhandle_t *init_sasl(const char *where, const char *mechanisms, int timeout)
{
    zoo_sasl_password_t password = {getenv("CLIENT_PASSWORD_FILE"), "context", make_password};
    const char *user = getenv("CLIENT_USER");
    zoo_sasl_params_t params = {"zookeeper", getenv("CLIENT_SASL_HOST"), mechanisms, NULL};
    params.callbacks = getenv("CLIENT_CALLBACK") != NULL
                           ? zoo_sasl_make_password_callbacks(user, NULL, &password)
                           : zoo_sasl_make_basic_callbacks(user, NULL, getenv("CLIENT_PASSWORD_FILE"));
    if (sasl_client_init(NULL) != SASL_OK)
        exit(4);
    return zookeeper_init_sasl(where, watcher, timeout, NULL, NULL, ZOO_NO_LOG_CLIENTENV, NULL, &params);
}

static zhandle_t *init(const char *where, const char *cert, int timeout)
{
    if (strcmp(cert, "-") == 0)
        return zookeeper_init(where, watcher, timeout, NULL, NULL,
                              ZOO_NO_LOG_CLIENTENV | (getenv("CLIENT_READONLY") != NULL ? ZOO_READONLY : 0));
    if (strncmp(cert, "sasl:", 5) == 0)
        return init_sasl(where, cert + 5, timeout);
    return zookeeper_init_ssl(where, strcmp(cert, "NULL") == 0 ? NULL : cert, watcher, timeout, NULL, NULL,
                              ZOO_NO_LOG_CLIENTENV);
}

static void await_session(zhandle_t *zh)
{
    int i;
    for (i = 0; i < 24000 && zoo_state(zh) != ZOO_CONNECTED_STATE; i++)
        usleep(5000);
    printf("state %d\n", zoo_state(zh));
}

static void create_big(zhandle_t *zh, const char *path, int length)
{
    char *value = calloc(1, (size_t)length);
    printf("big %d\n", zoo_create(zh, path, value, length, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    free(value);
}

static void get(zhandle_t *zh, const char *path)
{
    char value[100];
    int length = sizeof(value), rc = zoo_get(zh, path, 0, value, &length, NULL);
    printf("get %d %d\n", rc, length);
}

static void get_two(zhandle_t *zh, const char *first, const char *second)
{
    results[0] = results[1] = 1;
    zoo_aget(zh, first, 0, on_data, (void *)0L);
    zoo_aget(zh, second, 0, on_data, (void *)1L);
    printf("first %d\n", await_change(&results[0], 1));
    printf("second %d\n", await_change(&results[1], 1));
}

static void identify(zhandle_t *zh, const char *scheme, const char *credentials)
{
    results[0] = 1;
    zoo_add_auth(zh, scheme, credentials, (int)strlen(credentials), on_identified, NULL);
    printf("identify %d\n", await_change(&results[0], 1));
}

static void print_password(zhandle_t *zh)
{
    const clientid_t *id = zoo_client_id(zh);
    int i;
    printf("session ");
    for (i = 0; i < (int)sizeof(id->passwd); i++)
        printf("%02x", (unsigned char)id->passwd[i]);
    printf("\n");
}

static void close_in_child(zhandle_t *zh)
{
    int status = -1;
    pid_t child = fork();
    if (child == 0)
        _exit(zookeeper_close(zh));
    waitpid(child, &status, 0);
    printf("child %d\n", status);
}

/* Obeys one command; returns 0 if there is no such command. */
static int obey(zhandle_t *zh, const char *line)
{
    char first[2048], second[2048];
    int length;
    if (strcmp(line, "await\n") == 0)
        await_session(zh);
    else if (strcmp(line, "state\n") == 0)
        printf("state %d\n", zoo_state(zh));
    else if (sscanf(line, "create %2047s", first) == 1)
        printf("create %d\n", zoo_create(zh, first, "value", 5, &ZOO_OPEN_ACL_UNSAFE, 0, NULL, 0));
    else if (sscanf(line, "mine %2047s", first) == 1)
        printf("mine %d\n", zoo_create(zh, first, "value", 5, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    else if (sscanf(line, "big %2047s %d", first, &length) == 2)
        create_big(zh, first, length);
    else if (sscanf(line, "get %2047s", first) == 1)
        get(zh, first);
    else if (sscanf(line, "two %2047s %2047s", first, second) == 2)
        get_two(zh, first, second);
    else if (sscanf(line, "identify %2047s %2047s", first, second) == 2)
        identify(zh, first, second);
    else if (strcmp(line, "session\n") == 0)
        print_password(zh);
    else if (strcmp(line, "auth\n") == 0)
        printf("event %d\n", await_change(&event, 0));
    else if (strcmp(line, "fork\n") == 0)
        close_in_child(zh);
    else
        return 0;
    return 1;
}

int main(int argc, char **argv)
{
    char line[4096];
    zhandle_t *zh;
    if (argc != 4)
        return 2;
    setvbuf(stdout, NULL, _IOLBF, 0);
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);
    if (getenv("CLIENT_FILES") != NULL)
        open_files(atoi(getenv("CLIENT_FILES")));
    errno = 0;
    zh = init(argv[1], argv[2], atoi(argv[3]));
    if (zh == NULL) {
        printf("no handle, errno %d\n", errno);
        return 1;
    }
    if (getenv("CLIENT_LEAVE") != NULL && chdir(getenv("CLIENT_LEAVE")) != 0)
        return 2;
    printf("handle\n");
    while (fgets(line, sizeof(line), stdin) != NULL) {
        if (strcmp(line, "close\n") == 0) {
            int rc = zookeeper_close(zh);
            printf("closed %d%s\n", rc, in_callback ? " in a callback" : "");
            return 0;
        }
        if (!obey(zh, line))
            return 2;
    }
    return 2;
}
