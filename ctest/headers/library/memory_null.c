/* Null arguments, on which Apache's library crashes, and failed allocations. Only for ours. */
#include <zookeeper/zookeeper.h>

#include <string.h>
#include <sys/resource.h>

int main(void)
{
    struct String_vector list = {7, (char **)&list};
    struct rlimit little = {256 << 20, 256 << 20};
    int rc;

    deallocate_String(NULL);
    deallocate_Buffer(NULL);
    deallocate_Id(NULL);
    deallocate_CreateRequest(NULL);
    deallocate_MultiTxn(NULL);
    printf("free null: %d %d\n", deallocate_String_vector(NULL), deallocate_ACL_vector(NULL));
    printf("allocate null: %d %d\n", allocate_String_vector(NULL, 1), allocate_Txn_vector(NULL, 0));
    setrlimit(RLIMIT_AS, &little);
    rc = allocate_String_vector(&list, 0x7fffffff);
    printf("no memory: %d, count %d, data %s\n", rc, list.count, list.data == NULL ? "null" : "set");
    return 0;
}
