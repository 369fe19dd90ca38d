/* Functions that the library exports without a declaration in a header, and the functions that fill in operations. */
#include <zookeeper/zookeeper.h>

#include <string.h>

void zoo_create2_op_init(zoo_op_t *op, const char *path, const char *value, int valuelen, const struct ACL_vector *acl,
                         int mode, char *path_buffer, int path_buffer_len);
int zoo_lock_auth(zhandle_t *zh);
int zoo_unlock_auth(zhandle_t *zh);

static void show_create(const char *name, const zoo_op_t *op, const char *buffer)
{
    printf("%s: type %d, path %s, data %s, %d, buffer %s, %d, acl %s, flags %d\n", name, op->type,
           op->create_op.path, op->create_op.data, op->create_op.datalen, op->create_op.buf == buffer ? "given" : "other",
           op->create_op.buflen, op->create_op.acl == &ZOO_READ_ACL_UNSAFE ? "given" : "other", op->create_op.flags);
}

int main(void)
{
    zoo_op_t op;
    char buffer[8];
    struct Stat stat;
    int mode;
    zhandle_t *zh;

    zoo_set_debug_level(0);
    zh = zookeeper_init("127.0.0.1:1", NULL, 4000, NULL, NULL, 0);

    for (mode = -1; mode < 8; mode++) {
        memset(&op, 0xff, sizeof op);
        zoo_create_op_init(&op, "/a", "value", 5, &ZOO_READ_ACL_UNSAFE, mode, buffer, sizeof buffer);
        show_create("create", &op, buffer);
        memset(&op, 0xff, sizeof op);
        zoo_create2_op_init(&op, "/b", "value", 5, &ZOO_READ_ACL_UNSAFE, mode, buffer, sizeof buffer);
        show_create("create2", &op, buffer);
    }
    zoo_delete_op_init(&op, "/c", 7);
    printf("delete: type %d, path %s, version %d\n", op.type, op.delete_op.path, op.delete_op.version);
    zoo_set_op_init(&op, "/d", "other", 3, -1, &stat);
    printf("set: type %d, path %s, data %s, %d, version %d, stat %s\n", op.type, op.set_op.path, op.set_op.data,
           op.set_op.datalen, op.set_op.version, op.set_op.stat == &stat ? "given" : "other");
    zoo_check_op_init(&op, "/e", 9);
    printf("check: type %d, path %s, version %d\n", op.type, op.check_op.path, op.check_op.version);

    printf("lock %d\n", zoo_lock_auth(zh));
    printf("unlock %d\n", zoo_unlock_auth(zh));
    return zookeeper_close(zh);
}
