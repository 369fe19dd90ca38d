/* Faults that the sanitizer must report, and code that it must not report; see tsan.py. The library has these functions
 * only in the sanitizer's build. */
#include <pthread.h>
#include <stddef.h>
#include <string.h>

extern void calmkeeper_race(int *place);
extern void calmkeeper_locked(void);
extern void calmkeeper_inversion(int order);

static int place;
static const char *part;

static void *run(void *argument)
{
    int i;
    if (strcmp(part, "inversion") == 0)
        calmkeeper_inversion(argument != NULL);
    for (i = 0; i < 100000; i++) {
        if (strcmp(part, "program") == 0)
            place++;
        else if (strcmp(part, "library") == 0)
            calmkeeper_race(&place);
        else if (strcmp(part, "locked") == 0)
            calmkeeper_locked();
    }
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[2];
    size_t i;
    part = argc > 1 ? argv[1] : "";
    for (i = 0; i < 2; i++) {
        pthread_create(&threads[i], NULL, run, i == 0 ? NULL : &place);
        if (strcmp(part, "inversion") == 0)
            pthread_join(threads[i], NULL); /* one after the other: the order is the fault, not that it hangs */
    }
    for (i = 0; strcmp(part, "inversion") != 0 && i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
