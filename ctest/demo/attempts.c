// Preloaded into an unmodified program: writes the time of each TCP connection attempt to the file ATTEMPTS_FILE.
// It is outside of the library under observation, so it counts in the same way for every library.
#include <dlfcn.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int file = -1;

__attribute__((constructor)) static void open_file(void) {
    const char *name = getenv("ATTEMPTS_FILE");
    if (name) file = open(name, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
}

int connect(int fd, const struct sockaddr *address, socklen_t length) {
    static int (*next)(int, const struct sockaddr *, socklen_t);
    if (!next) next = (int (*)(int, const struct sockaddr *, socklen_t))dlsym(RTLD_NEXT, "connect");
    if (file >= 0 && (address->sa_family == AF_INET || address->sa_family == AF_INET6)) {
        struct timespec now;
        char line[32];
        clock_gettime(CLOCK_MONOTONIC, &now);
        int size = snprintf(line, sizeof line, "%lld.%06ld\n", (long long)now.tv_sec, now.tv_nsec / 1000);
        if (write(file, line, (size_t)size) != size) file = -1;
    }
    return next(fd, address, length);
}
