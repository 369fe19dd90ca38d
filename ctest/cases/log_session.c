/* needs: server
 * The INFO lines of a session's life that operators search for: their text, without the variable parts. */
#include "../case.h"

static const char *const WANTED[] = {"Initiating client connection", "initiated connection to server ",
                                     "session establishment complete on server ", "Closing zookeeper sessionId=",
                                     "Freeing zookeeper resources for sessionId="};
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static char lines[5][1024];
static int counts[5];

static void on_log(const char *message)
{
    int i;
    pthread_mutex_lock(&lock);
    for (i = 0; i < COUNT(WANTED); i++) {
        const char *at = strstr(message, WANTED[i]);
        if (at != NULL && counts[i]++ == 0)
            snprintf(lines[i], sizeof lines[i], "%s%s", strstr(message, ":ZOO_INFO@") != NULL ? "INFO " : "other level ", at);
    }
    pthread_mutex_unlock(&lock);
}

/* Digits are the variable part: addresses and ids. */
static void without_numbers(char *line)
{
    char *to = line;
    for (; *line != '\0'; line++) {
        int hex = strncmp(line, "0x", 2) == 0;
        if (hex)
            line += 2;
        if (hex || (*line >= '0' && *line <= '9')) {
            while ((*line >= '0' && *line <= '9') || (hex && *line >= 'a' && *line <= 'f'))
                line++;
            *to++ = '#';
            line--;
        } else if (*line == '\n') {
            *to++ = '$';
        } else {
            *to++ = *line;
        }
    }
    *to = '\0';
}

int main(void)
{
    zhandle_t *zh;
    int i;
    zh = zookeeper_init2(hosts(), NULL, SESSION_MS, NULL, NULL, 0, on_log);
    await_state(zh, ZOO_CONNECTED_STATE);
    nap(50);
    zookeeper_close(zh);
    nap(50);
    for (i = 0; i < COUNT(WANTED); i++) {
        without_numbers(lines[i]);
        fact("%d times %s|", counts[i], lines[i]);
    }
    return 0;
}
