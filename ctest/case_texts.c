/* The texts of values; see case.h. */
#include "case_parts.h"

char *scratch(void)
{
    static __thread char buffers[16][4096];
    static __thread unsigned next;
    return buffers[next++ % 16];
}

#define NAME(c) \
    case c:     \
        return #c
static const char *code_name(int rc)
{
    switch (rc) {
        NAME(ZOK);
        NAME(ZSYSTEMERROR);
        NAME(ZRUNTIMEINCONSISTENCY);
        NAME(ZDATAINCONSISTENCY);
        NAME(ZCONNECTIONLOSS);
        NAME(ZMARSHALLINGERROR);
        NAME(ZUNIMPLEMENTED);
        NAME(ZOPERATIONTIMEOUT);
        NAME(ZBADARGUMENTS);
        NAME(ZINVALIDSTATE);
        NAME(ZNEWCONFIGNOQUORUM);
        NAME(ZRECONFIGINPROGRESS);
        NAME(ZAPIERROR);
        NAME(ZNONODE);
        NAME(ZNOAUTH);
        NAME(ZBADVERSION);
        NAME(ZNOCHILDRENFOREPHEMERALS);
        NAME(ZNODEEXISTS);
        NAME(ZNOTEMPTY);
        NAME(ZSESSIONEXPIRED);
        NAME(ZINVALIDCALLBACK);
        NAME(ZINVALIDACL);
        NAME(ZAUTHFAILED);
        NAME(ZCLOSING);
        NAME(ZNOTHING);
        NAME(ZSESSIONMOVED);
        NAME(ZNOTREADONLY);
        NAME(ZNOWATCHER);
        NAME(ZRECONFIGDISABLED);
    default:
        return "";
    }
}

const char *code(int rc)
{
    char *text = scratch();
    snprintf(text, 4096, "%s(%d)", code_name(rc), rc);
    return text;
}

const char *event_name(int type)
{
    char *text = scratch();
    if (type == ZOO_CREATED_EVENT)
        return "created";
    if (type == ZOO_DELETED_EVENT)
        return "deleted";
    if (type == ZOO_CHANGED_EVENT)
        return "changed";
    if (type == ZOO_CHILD_EVENT)
        return "child";
    if (type == ZOO_SESSION_EVENT)
        return "session";
    if (type == ZOO_NOTWATCHING_EVENT)
        return "notwatching";
    snprintf(text, 4096, "type %d", type);
    return text;
}

const char *state_name(int state)
{
    char *text = scratch();
    if (state == ZOO_EXPIRED_SESSION_STATE)
        return "expired";
    if (state == ZOO_AUTH_FAILED_STATE)
        return "auth-failed";
    if (state == ZOO_CONNECTING_STATE)
        return "connecting";
    if (state == ZOO_ASSOCIATING_STATE)
        return "associating";
    if (state == ZOO_CONNECTED_STATE)
        return "connected";
    if (state == ZOO_READONLY_STATE)
        return "read-only";
    if (state == ZOO_NOTCONNECTED_STATE)
        return "not-connected";
    snprintf(text, 4096, "state %d", state);
    return text;
}

int by_text(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

const char *stat_text(const struct Stat *stat)
{
    char *text = scratch();
    if (stat == NULL)
        return "stat=NULL";
    snprintf(text, 4096, "v%d c%d a%d len=%d children=%d%s%s", stat->version, stat->cversion, stat->aversion,
             stat->dataLength, stat->numChildren, stat->ephemeralOwner == 0 ? "" : " owned",
             stat->czxid == stat->mzxid ? " unmodified" : "");
    return text;
}

const char *strings_text(const struct String_vector *strings)
{
    char *text = scratch();
    char *sorted[1024];
    int i;
    int at = 0;
    if (strings == NULL)
        return "strings=NULL";
    if (strings->count > COUNT(sorted))
        return "too many strings";
    for (i = 0; i < strings->count; i++)
        sorted[i] = strings->data[i];
    if (strings->count > 0)
        qsort(sorted, (size_t)strings->count, sizeof sorted[0], by_text);
    at = snprintf(text, 4096, "%d[", strings->count);
    for (i = 0; i < strings->count && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, "%s%s", i == 0 ? "" : " ", sorted[i]);
    snprintf(text + at, 4096 - (size_t)at, "]");
    return text;
}

const char *acl_text(const struct ACL_vector *acl)
{
    char *text = scratch();
    int i;
    int at;
    if (acl == NULL)
        return "acl=NULL";
    at = snprintf(text, 4096, "%d[", acl->count);
    for (i = 0; i < acl->count && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, "%s%s:%s:%x", i == 0 ? "" : " ", acl->data[i].id.scheme,
                       acl->data[i].id.id, (unsigned)acl->data[i].perms);
    snprintf(text + at, 4096 - (size_t)at, "]");
    return text;
}

const char *bytes_text(const char *bytes, int length)
{
    char *text = scratch();
    int i;
    int at;
    if (bytes == NULL) {
        snprintf(text, 4096, "NULL(%d)", length);
        return text;
    }
    at = snprintf(text, 4096, "%d'", length);
    for (i = 0; i < length && at < 4000; i++)
        at += snprintf(text + at, 4096 - (size_t)at, bytes[i] >= 0x20 && bytes[i] < 0x7f ? "%c" : "\\x%02x",
                       (unsigned char)bytes[i]);
    snprintf(text + at, 4096 - (size_t)at, "'");
    return text;
}
