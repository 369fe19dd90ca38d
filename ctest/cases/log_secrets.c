/* needs: proxy
 * No secret that would let somebody else take a session over or pass for its owner is logged at any level: passwords of
 * sessions, given and granted, and credentials of zoo_add_auth, accepted and refused, through connects, reconnects and
 * errors. Nor are values of nodes. The test searches for them as text, as raw bytes, in hexadecimal and as lists of
 * numbers. */
#include "../case.h"

static const char GIVEN[16] = "given-passw0rd\1\2";
static const char CREDENTIAL[] = "somebody:s3cr3t-w0rd";
static const char REFUSED[] = "r3fused-credential";
static const char VALUE[] = "c0nfidential-value";

/* Whether the text has the bytes: unchanged, or each printed with `format` and with `between` between them. */
static int holds_as(const char *text, size_t size, const char *bytes, int length, const char *format, const char *between)
{
    char form[512];
    size_t used = 0;
    for (int i = 0; i < length; i++) {
        used += snprintf(form + used, sizeof form - used, "%s", i == 0 ? "" : between);
        used += snprintf(form + used, sizeof form - used, format, (unsigned char)bytes[i]);
    }
    return memmem(text, size, form, used) != NULL;
}

static int holds(const char *text, size_t size, const char *bytes, int length)
{
    return memmem(text, size, bytes, length) != NULL || holds_as(text, size, bytes, length, "%02x", "") ||
           holds_as(text, size, bytes, length, "%02X", "") || holds_as(text, size, bytes, length, "%02x", " ") ||
           holds_as(text, size, bytes, length, "%d", ", ") || holds_as(text, size, bytes, length, "%#x", ", ") ||
           holds_as(text, size, bytes, length, "\\x%02x", "");
}

static void look(const char *what, const char *text, size_t size, const char *bytes, int length)
{
    if (holds(text, size, bytes, length))
        die("%s is in the log", what);
    fact("%s: not in the log", what);
}

/* Checks that the search finds each form. */
static void self_test(void)
{
    static const char *const LINES[] = {"x s3cr3t", "x 733363723374", "x 733363723374", "x 73 33 63 72 33 74",
                                        "x [115, 51, 99, 114, 51, 116]", "x 0x73, 0x33, 0x63, 0x72, 0x33, 0x74",
                                        "x \\x73\\x33\\x63\\x72\\x33\\x74"};
    for (int i = 0; i < COUNT(LINES); i++) {
        if (!holds(LINES[i], strlen(LINES[i]), "s3cr3t", 6))
            die("the search does not find %s", LINES[i]);
    }
}

static void with_refused_auth(void)
{
    zhandle_t *zh = begin(root(), on_nothing, NULL, SESSION_MS, 0);
    await_state(zh, ZOO_CONNECTED_STATE);
    zoo_add_auth(zh, "nonsense", REFUSED, sizeof REFUSED - 1, on_void, "refused");
    drain(1);
    await_state(zh, ZOO_AUTH_FAILED_STATE);
    zookeeper_close(zh);
}

int main(void)
{
    char *text;
    size_t size;
    FILE *stream = open_memstream(&text, &size);
    char buffer[64];
    char number[32];
    int length = sizeof buffer;
    struct ACL_vector acl;
    zhandle_t *zh;
    zhandle_t *taken;
    clientid_t id;
    char granted[16];
    self_test();
    zoo_set_log_stream(stream);
    zoo_set_debug_level(ZOO_LOG_LEVEL_DEBUG);

    zh = open_case();
    id = *zoo_client_id(zh);
    memcpy(granted, id.passwd, 16);
    fact("a password was granted: %d", memcmp(granted, (char[16]){0}, 16) != 0);
    outcome("add_auth", zoo_add_auth(zh, "digest", CREDENTIAL, sizeof CREDENTIAL - 1, on_void, "auth"));
    drain(1);
    outcome("create", zoo_create(zh, "/mine", VALUE, sizeof VALUE - 1, &ZOO_CREATOR_ALL_ACL, 0, NULL, 0));
    outcome("get", zoo_get(zh, "/mine", 0, buffer, &length, NULL));
    outcome("get_acl", zoo_get_acl(zh, "/mine", &acl, NULL));
    deallocate_ACL_vector(&acl);
    outcome("set to an old version", zoo_set(zh, "/mine", VALUE, sizeof VALUE - 1, 99));
    order("cut 0 reset");
    while (zoo_exists(zh, "/mine", 0, NULL) != ZOK)
        nap(5);

    /* A second handle takes the session over. */
    taken = zookeeper_init(hosts(), on_nothing, SESSION_MS, &id, NULL, 0);
    await_state(taken, ZOO_CONNECTED_STATE);
    zookeeper_close(taken);
    zookeeper_close(zh);
    with_refused_auth();

    /* An id that the server does not know. */
    id.client_id = 0x1234;
    memcpy(id.passwd, GIVEN, 16);
    zh = zookeeper_init(hosts(), on_nothing, SESSION_MS, &id, NULL, 0);
    await_state(zh, ZOO_EXPIRED_SESSION_STATE);
    zookeeper_close(zh);

    zoo_set_log_stream(NULL);
    fclose(stream);
    snprintf(number, sizeof number, "sessionId=%#llx", 0x1234ULL);
    fact("the log tells of the session: %d", strstr(text, number) != NULL);
    look("the password granted", text, size, granted, 16);
    look("the password given", text, size, GIVEN, 14);
    look("the credential", text, size, CREDENTIAL, sizeof CREDENTIAL - 1);
    look("its secret part", text, size, CREDENTIAL + 9, sizeof CREDENTIAL - 10);
    look("the refused credential", text, size, REFUSED, sizeof REFUSED - 1);
    look("the value", text, size, VALUE, sizeof VALUE - 1);
    free(text);
    return 0;
}
