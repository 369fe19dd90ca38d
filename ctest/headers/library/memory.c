/* The state of structures after the allocate_ and deallocate_ functions. In between C code frees parts itself, as
 * applications do. */
#include <zookeeper/zookeeper.h>

#include <string.h>

#define NULLNESS(pointer) ((pointer) == NULL ? "null" : "set")

static char *text(const char *content)
{
    return strdup(content);
}

static struct buffer bytes(int len)
{
    struct buffer made = {len, malloc((size_t)len)};
    return made;
}

static void strings(int len)
{
    struct String_vector list = {77, (char **)&list};
    int rc = allocate_String_vector(&list, len), i;

    printf("String_vector %d: %d, count %d, data %s\n", len, rc, list.count, NULLNESS(list.data));
    for (i = 0; i < len; i++)
        printf("  item %s\n", NULLNESS(list.data[i]));
    if (len > 1) {
        list.data[0] = text("freed by C");
        list.data[1] = text("freed by the library");
        free(list.data[0]);
        list.data[0] = NULL;
    }
    rc = deallocate_String_vector(&list);
    printf("  freed: %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));
    rc = deallocate_String_vector(&list);
    printf("  again: %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));
}

#define LIST(type, fill)                                                                          \
    do {                                                                                          \
        struct type list;                                                                         \
        int rc = allocate_##type(&list, 3);                                                       \
        printf(#type ": %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));           \
        fill;                                                                                     \
        rc = deallocate_##type(&list);                                                            \
        printf("  freed: %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));          \
        rc = allocate_##type(&list, 0);                                                           \
        printf("  empty: %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));          \
        rc = deallocate_##type(&list);                                                            \
        printf("  freed: %d, count %d, data %s\n", rc, list.count, NULLNESS(list.data));          \
    } while (0)

/* A record whose string, bytes and list have been freed. */
static void records(void)
{
    struct CreateRequest create = {text("/a"), bytes(3), {0, NULL}, 1};
    struct AuthPacket packet = {4, text("digest"), bytes(5)};
    struct SetWatches watches;
    struct QuorumPacket quorum = {1, 2, bytes(1), {0, NULL}};
    struct ReconfigRequest reconfig = {text("a"), NULL, text("c"), 9};
    struct GetACLResponse response;
    struct MultiTxn multi;
    struct WatcherEvent event = {1, 2, text("/path")};
    struct Stat stat = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11};

    allocate_ACL_vector(&create.acl, 1);
    create.acl.data[0].id.scheme = text("world");
    create.acl.data[0].id.id = text("anyone");
    deallocate_CreateRequest(&create);
    printf("CreateRequest %s, %d %s, %d %s, %d\n", NULLNESS(create.path), create.data.len, NULLNESS(create.data.buff),
           create.acl.count, NULLNESS(create.acl.data), create.flags);
    deallocate_CreateRequest(&create);

    deallocate_AuthPacket(&packet);
    printf("AuthPacket %d %s %d %s\n", packet.type, NULLNESS(packet.scheme), packet.auth.len, NULLNESS(packet.auth.buff));

    watches.relativeZxid = 6;
    allocate_String_vector(&watches.dataWatches, 2);
    watches.dataWatches.data[1] = text("/w");
    allocate_String_vector(&watches.existWatches, 0);
    allocate_String_vector(&watches.childWatches, 1);
    deallocate_SetWatches(&watches);
    printf("SetWatches %d, %d %s, %d %s, %d %s\n", (int)watches.relativeZxid, watches.dataWatches.count,
           NULLNESS(watches.dataWatches.data), watches.existWatches.count, NULLNESS(watches.existWatches.data),
           watches.childWatches.count, NULLNESS(watches.childWatches.data));

    allocate_Id_vector(&quorum.authinfo, 2);
    quorum.authinfo.data[1].scheme = text("ip");
    deallocate_QuorumPacket(&quorum);
    printf("QuorumPacket %d %d, %d %s, %d %s\n", quorum.type, (int)quorum.zxid, quorum.data.len, NULLNESS(quorum.data.buff),
           quorum.authinfo.count, NULLNESS(quorum.authinfo.data));

    deallocate_ReconfigRequest(&reconfig);
    printf("ReconfigRequest %s %s %s %d\n", NULLNESS(reconfig.joiningServers), NULLNESS(reconfig.leavingServers),
           NULLNESS(reconfig.newMembers), (int)reconfig.curConfigId);

    allocate_ACL_vector(&response.acl, 2);
    response.acl.data[0].id.id = text("x");
    response.stat = stat;
    deallocate_GetACLResponse(&response);
    printf("GetACLResponse %d %s %d\n", response.acl.count, NULLNESS(response.acl.data), (int)response.stat.pzxid);

    allocate_Txn_vector(&multi.txns, 2);
    multi.txns.data[0].data = bytes(8);
    deallocate_MultiTxn(&multi);
    printf("MultiTxn %d %s\n", multi.txns.count, NULLNESS(multi.txns.data));

    deallocate_WatcherEvent(&event);
    printf("WatcherEvent %d %d %s\n", event.type, event.state, NULLNESS(event.path));

    deallocate_Stat(&stat);
    printf("Stat %d %d\n", (int)stat.czxid, (int)stat.pzxid);
}

int main(void)
{
    struct String_vector odd = {-3, malloc(4)};
    struct buffer some = bytes(2), none = {-1, NULL};
    char *string = text("x"), *absent = NULL;
    int rc;

    strings(2);
    strings(0);
    strings(-1);
    rc = deallocate_String_vector(&odd);
    printf("negative count: %d, count %d, data %s\n", rc, odd.count, NULLNESS(odd.data));
    LIST(ACL_vector, list.data[1].id.scheme = text("digest"));
    LIST(Id_vector, list.data[2].id = text("id"));
    LIST(ClientInfo_vector, list.data[0].user = text("user"));
    LIST(Txn_vector, list.data[0].data = bytes(4));
    deallocate_String(&string);
    deallocate_String(&absent);
    printf("String %s %s\n", NULLNESS(string), NULLNESS(absent));
    deallocate_Buffer(&some);
    deallocate_Buffer(&none);
    printf("Buffer %d %s %d %s\n", some.len, NULLNESS(some.buff), none.len, NULLNESS(none.buff));
    records();
    printf("htonll %llx %llx\n", (unsigned long long)zoo_htonll(0x0102030405060708LL), (unsigned long long)zoo_htonll(-2));
    return 0;
}
