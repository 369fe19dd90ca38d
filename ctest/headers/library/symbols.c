/* Prints every data symbol of the library, as seen by the program. */
#include <zookeeper/zookeeper.h>
#include <zookeeper/zookeeper_log.h>

#define SHOW(name) printf(#name " %d\n", (int)name)

static void show_list(const char *name, const struct ACL_vector *list)
{
    int i;
    printf("%s %d\n", name, list->count);
    for (i = 0; i < list->count; i++)
        printf("  %d '%s' '%s'\n", list->data[i].perms, list->data[i].id.scheme, list->data[i].id.id);
}

int main(void)
{
    extern const int ZOO_SSL_CONNECTING_STATE; /* exported, though Apache's header does not declare it */

    SHOW(ZOOKEEPER_READ);
    SHOW(ZOOKEEPER_WRITE);
    SHOW(ZOO_ASSOCIATING_STATE);
    SHOW(ZOO_AUTH_FAILED_STATE);
    SHOW(ZOO_CHANGED_EVENT);
    SHOW(ZOO_CHILD_EVENT);
    SHOW(ZOO_CONNECTED_STATE);
    SHOW(ZOO_CONNECTING_STATE);
    SHOW(ZOO_CONTAINER);
    SHOW(ZOO_CREATED_EVENT);
    SHOW(ZOO_DELETED_EVENT);
    SHOW(ZOO_EPHEMERAL);
    SHOW(ZOO_EPHEMERAL_SEQUENTIAL);
    SHOW(ZOO_EXPIRED_SESSION_STATE);
    SHOW(ZOO_NOTCONNECTED_STATE);
    SHOW(ZOO_NOTWATCHING_EVENT);
    SHOW(ZOO_PERM_ADMIN);
    SHOW(ZOO_PERM_ALL);
    SHOW(ZOO_PERM_CREATE);
    SHOW(ZOO_PERM_DELETE);
    SHOW(ZOO_PERM_READ);
    SHOW(ZOO_PERM_WRITE);
    SHOW(ZOO_PERSISTENT);
    SHOW(ZOO_PERSISTENT_SEQUENTIAL);
    SHOW(ZOO_PERSISTENT_SEQUENTIAL_WITH_TTL);
    SHOW(ZOO_PERSISTENT_WITH_TTL);
    SHOW(ZOO_READONLY_STATE);
    SHOW(ZOO_SEQUENCE);
    SHOW(ZOO_SESSION_EVENT);
    SHOW(ZOO_SSL_CONNECTING_STATE);
    SHOW(logLevel);
    printf("'%s' '%s'\n", ZOO_ANYONE_ID_UNSAFE.scheme, ZOO_ANYONE_ID_UNSAFE.id);
    printf("'%s' '%s'\n", ZOO_AUTH_IDS.scheme, ZOO_AUTH_IDS.id);
    show_list("ZOO_OPEN_ACL_UNSAFE", &ZOO_OPEN_ACL_UNSAFE);
    show_list("ZOO_READ_ACL_UNSAFE", &ZOO_READ_ACL_UNSAFE);
    show_list("ZOO_CREATOR_ALL_ACL", &ZOO_CREATOR_ALL_ACL);
    return 0;
}
