/* needs: nothing
 * allocate_* and deallocate_* as used by a binding: the content of the structures afterwards. */
#include "../case.h"

int allocate_String_vector(struct String_vector *v, int32_t len);
int allocate_ACL_vector(struct ACL_vector *v, int32_t len);

int main(void)
{
    struct String_vector strings;
    struct ACL_vector acl;
    struct Id id;
    int i;

    fact("allocate 0: %d", allocate_String_vector(&strings, 0));
    fact("data NULL: %d, count %d", strings.data == NULL, strings.count);
    fact("deallocate: %d", deallocate_String_vector(&strings));
    fact("allocate 3: %d", allocate_String_vector(&strings, 3));
    fact("data NULL: %d, count %d", strings.data == NULL, strings.count);
    for (i = 0; i < 3; i++)
        fact("item %d zero: %d", i, strings.data[i] == NULL);
    strings.data[0] = strdup("a");
    strings.data[2] = strdup("c");
    fact("deallocate: %d", deallocate_String_vector(&strings));
    fact("data NULL: %d, count %d", strings.data == NULL, strings.count);
    strings.count = 0;
    fact("again: %d", deallocate_String_vector(&strings));

    fact("acl allocate 2: %d", allocate_ACL_vector(&acl, 2));
    fact("count %d, zero: %d", acl.count, acl.data[1].id.id == NULL);
    for (i = 0; i < 2; i++) {
        acl.data[i].id.scheme = strdup("world");
        acl.data[i].id.id = strdup("anyone");
    }
    fact("acl deallocate: %d", deallocate_ACL_vector(&acl));
    fact("data NULL: %d, count %d", acl.data == NULL, acl.count);

    id.scheme = strdup("digest");
    id.id = strdup("me");
    deallocate_Id(&id);
    fact("id: %s %s", id.scheme == NULL ? "NULL" : "left", id.id == NULL ? "NULL" : "left");
    return 0;
}
