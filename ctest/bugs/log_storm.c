/* needs: nothing
 * Three dead servers for five seconds: at most one line an attempt, and few attempts. */
#include <stdatomic.h>
#include "../case.h"

static atomic_int lines;

static void count(const char *line)
{
    (void)line;
    lines++;
}

int main(void)
{
    zhandle_t *zh = zookeeper_init2("127.0.0.2:2,127.0.0.3:3,127.0.0.4:4", NULL, SESSION_MS, NULL, NULL,
                                    ZOO_NO_LOG_CLIENTENV, count);
    nap(5000);
    fact("%d lines in 5 s", (int)lines);
    if (lines > 40)
        die("%d lines in 5 s", (int)lines);
    return zookeeper_close(zh);
}
