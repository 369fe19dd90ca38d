/* A program that handles the protocol's records itself. */
#include <zookeeper/recordio.h>
#include <zookeeper/proto.h>
#include <zookeeper/zookeeper.jute.h>
#include <zookeeper/zookeeper_version.h>

#include <stdlib.h>
#include <string.h>

int encode(struct oarchive *out, struct RequestHeader *header)
{
    header->type = ZOO_GETDATA_OP;
    return serialize_RequestHeader(out, "header", header);
}

int main(void)
{
    struct String_vector names;
    struct SetWatches watches;
    struct buffer bytes = {3, malloc(3)};
    struct AuthPacket packet = {0, strdup("digest"), {0, NULL}};

    memset(&watches, 0, sizeof watches);
    if (allocate_String_vector(&names, 2) != 0)
        return 1;
    names.data[0] = strdup(ZOO_VERSION);
    watches.dataWatches = names;
    deallocate_SetWatches(&watches);
    deallocate_Buffer(&bytes);
    deallocate_AuthPacket(&packet);
    return zoo_htonll(1) == 1 ? ZOO_CLOSE_OP : 0;
}
