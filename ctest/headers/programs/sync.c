/* A program that only makes synchronous calls, as most do. */
#include <zookeeper/zookeeper.h>

#include <string.h>
#include <unistd.h>

static volatile int connected;

static void on_event(zhandle_t *zh, int type, int state, const char *path, void *context)
{
    (void)zh;
    (void)path;
    (void)context;
    if (type == ZOO_SESSION_EVENT && state == ZOO_CONNECTED_STATE)
        connected = 1;
    else if (type == ZOO_CHANGED_EVENT || type == ZOO_DELETED_EVENT || type == ZOO_CREATED_EVENT || type == ZOO_CHILD_EVENT)
        printf("%s changed\n", path);
}

static int save_session(const char *file, const clientid_t *id)
{
    FILE *out = fopen(file, "w");
    if (out == NULL)
        return ZSYSTEMERROR;
    fwrite(id, sizeof *id, 1, out);
    fclose(out);
    return ZOK;
}

static int use_session(zhandle_t *zh)
{
    static char context;
    struct sockaddr_storage address;
    socklen_t address_length = sizeof address;
    int i;
    for (i = 0; i < 100 && !connected; i++)
        usleep(10000);
    if (is_unrecoverable(zh) == ZINVALIDSTATE || zoo_state(zh) != ZOO_CONNECTED_STATE)
        fprintf(stderr, "state %d, timeout %d, server %s\n", zoo_state(zh), zoo_recv_timeout(zh), zoo_get_current_server(zh));
    if (zookeeper_get_connected_host(zh, (struct sockaddr *)&address, &address_length) == NULL)
        fputs("not connected\n", stderr);
    save_session("/dev/null", zoo_client_id(zh));
    zoo_set_context(zh, &context);
    if (zoo_get_context(zh) != &context || zoo_set_watcher(zh, on_event) != on_event)
        return 2;
    return 0;
}

static void create_nodes(zhandle_t *zh, struct ACL_vector *own)
{
    struct Stat stat;
    char path[256];
    int rc = zoo_create(zh, "/node", "value", 5, &ZOO_OPEN_ACL_UNSAFE, ZOO_EPHEMERAL | ZOO_SEQUENCE, path, sizeof path);
    if (rc != ZOK && rc != ZNODEEXISTS)
        fprintf(stderr, "create: %s\n", zerror(rc));
    zoo_create2(zh, "/node", NULL, -1, own, ZOO_PERSISTENT, path, sizeof path - 1, &stat);
    zoo_create_ttl(zh, "/ttl", "", 0, &ZOO_READ_ACL_UNSAFE, ZOO_PERSISTENT_WITH_TTL, 60000, path, sizeof path);
    zoo_create2_ttl(zh, "/ttl", "", 0, &ZOO_CREATOR_ALL_ACL, ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL, INT64_C(1) << 30, path,
                    sizeof path, &stat);
}

static int use_data(zhandle_t *zh)
{
    static char buffer[1024]; /* static, as it is a watcher's context too */
    struct Stat stat;
    int length = sizeof buffer;
    int rc = zoo_exists(zh, "/node", 1, &stat);
    switch (rc) {
    case ZOK:
    case ZNONODE:
        break;
    case ZCONNECTIONLOSS:
    case ZOPERATIONTIMEOUT:
        return 3;
    default:
        return 4;
    }
    zoo_wexists(zh, "/node", on_event, NULL, NULL);
    if (zoo_get(zh, "/node", 0, buffer, &length, &stat) == ZOK && length >= 0)
        printf("%.*s version %d owner %llx\n", length, buffer, stat.version, (unsigned long long)stat.ephemeralOwner);
    zoo_wget(zh, "/node", on_event, buffer, buffer, &length, &stat);
    zoo_set(zh, "/node", "other", 5, -1);
    zoo_set2(zh, "/node", "other", 5, stat.version, &stat);
    return 0;
}

static void read_children(zhandle_t *zh)
{
    struct Stat stat;
    struct String_vector children;
    int i;
    if (zoo_get_children(zh, "/", 0, &children) == ZOK) {
        for (i = 0; i < children.count; i++)
            puts(children.data[i]);
        deallocate_String_vector(&children);
    }
    zoo_wget_children(zh, "/", on_event, NULL, &children);
    zoo_get_children2(zh, "/", 0, &children, &stat);
    zoo_wget_children2(zh, "/", on_event, NULL, &children, &stat);
}

static void use_acl(zhandle_t *zh, struct ACL_vector *own)
{
    struct Stat stat;
    struct ACL_vector acl;
    int i;
    if (zoo_get_acl(zh, "/node", &acl, &stat) == ZOK) {
        for (i = 0; i < acl.count; i++)
            printf("%s:%s %x\n", acl.data[i].id.scheme, acl.data[i].id.id, (unsigned)acl.data[i].perms & (unsigned)ZOO_PERM_ALL);
        deallocate_ACL_vector(&acl);
    }
    zoo_set_acl(zh, "/node", -1, own);
}

static void use_config(zhandle_t *zh)
{
    struct Stat stat;
    char buffer[1024];
    int length = sizeof buffer;
    zoo_getconfig(zh, 0, buffer, &length, &stat);
    zoo_wgetconfig(zh, on_event, NULL, buffer, &length, &stat);
    zoo_reconfig(zh, "server.4=localhost:1:2;3", NULL, NULL, -1, buffer, &length, &stat);
}

int main(int argc, char **argv)
{
    clientid_t session;
    struct ACL entry = {0x1f, {(char *)"digest", (char *)"user:hash"}};
    struct ACL_vector own = {1, &entry};
    int rc;

    memset(&session, 0, sizeof session);
    zoo_set_debug_level(ZOO_LOG_LEVEL_WARN);
    zoo_deterministic_conn_order(1);
    zhandle_t *zh = zookeeper_init(argc > 1 ? argv[1] : "localhost:2181", on_event, 10000, &session, &session, 0);
    if (zh == NULL)
        return 1;
    if ((rc = use_session(zh)) != 0)
        return rc;
    create_nodes(zh, &own);
    if ((rc = use_data(zh)) != 0)
        return rc;
    read_children(zh);
    use_acl(zh, &own);
    use_config(zh);
    zoo_remove_watches(zh, "/node", ZWATCHTYPE_DATA, on_event, NULL, 1);
    zoo_remove_all_watches(zh, "/node", ZWATCHTYPE_ANY, 0);
    zoo_delete(zh, "/node", -1);
    zoo_set_servers(zh, "localhost:2181,localhost:2182");
    zoo_set_servers_resolution_delay(zh, 5000);
    zoo_cycle_next_server(zh);
    return zookeeper_close(zh);
}
