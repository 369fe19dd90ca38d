/* One blocking connection to a server without any library: connect, handshake, send, take frames. */
#ifndef BENCH_RAWCONN_H
#define BENCH_RAWCONN_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rawconn {
    int fd;
    int32_t xid;
    int64_t session;
    char passwd[16];
    char *in, *out;
    size_t in_pos, in_len, in_cap, out_len, out_cap;
};

/* Connects and establishes a session (or takes up `c->session` again); exits with a message on failure. */
void raw_open(struct rawconn *c, const char *host, int port, int timeout_ms);
void raw_shut(struct rawconn *c);            /* closes the socket only; the session stays */
void raw_close(struct rawconn *c);           /* closes the session, then the socket */
char *raw_room(struct rawconn *c, size_t n); /* room for n more bytes at the end of what waits to be sent */
void raw_commit(struct rawconn *c, char *end);
void raw_flush(struct rawconn *c);
bool raw_has_frame(struct rawconn *c); /* is a whole frame there without reading? */
/* The next frame without its length; valid until the next call. */
const char *raw_frame(struct rawconn *c, size_t *len);
/* Reads the reply to `xid`, skipping events and pings. Returns the error of its header; *body is the rest. */
int raw_reply(struct rawconn *c, int32_t xid, const char **body, size_t *len);
/* Sends a four-letter word on a separate connection; the answer is cut to cap-1 bytes. */
void raw_four_letter(const char *host, int port, const char *word, char *answer, size_t cap);
#endif
