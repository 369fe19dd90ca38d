/* A variadic function, which stable Rust cannot define. Formats the text and hands it to Rust (log_api.rs). Both names
 * are hidden, because rustc would otherwise export them from the shared library. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define HIDDEN __attribute__((visibility("hidden")))

typedef void (*log_callback)(const char *line);

HIDDEN void calmkeeper_log_text(log_callback callback, unsigned int level, int line, const char *function,
                                const char *text);
HIDDEN void calmkeeper_log_message(log_callback callback, unsigned int level, int line, const char *function,
                                   const char *format, ...) __attribute__((format(printf, 5, 6)));

void calmkeeper_log_message(log_callback callback, unsigned int level, int line, const char *function,
                            const char *format, ...)
{
    char small[256]; /* without memory the text is cut to this */
    size_t room = 4096; /* no line is longer; on the heap, as threads may have small stacks */
    char *text = malloc(room);
    va_list arguments;

    if (text == NULL) {
        text = small;
        room = sizeof small;
    }
    text[0] = '\0';
    if (format != NULL) {
        va_start(arguments, format);
        (void)vsnprintf(text, room, format, arguments);
        va_end(arguments);
    }
    calmkeeper_log_text(callback, level, line, function, text);
    if (text != small)
        free(text);
}
