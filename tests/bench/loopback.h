/* What the bare bounds have in common: two processes, one TCP connection over loopback, a clock. */
#pragma once

#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static inline void need(bool ok, const char *what)
{
    if (!ok) {
        fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, strerror(errno));
        exit(1);
    }
}

static inline double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static inline double cpu_s(const struct rusage *usage)
{
    return (double)(usage->ru_utime.tv_sec + usage->ru_stime.tv_sec) +
           (double)(usage->ru_utime.tv_usec + usage->ru_stime.tv_usec) / 1e6;
}

static inline int listen_on_loopback(struct sockaddr_in *address)
{
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    socklen_t size = sizeof *address;
    *address =
        (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    need(bind(listener, (struct sockaddr *)address, size) == 0 && listen(listener, 1) == 0 &&
             getsockname(listener, (struct sockaddr *)address, &size) == 0,
         "listen");
    return listener;
}

/* Both processes have done their part: seconds, MiB/s, CPU seconds of sender and receiver. */
static inline void print_transfer(pid_t sender, uint64_t bytes, double seconds)
{
    struct rusage mine, theirs;
    int status;
    need(wait4(sender, &status, 0, &theirs) == sender && status == 0, "sender");
    getrusage(RUSAGE_SELF, &mine);
    printf("%.4f %.1f %.3f %.3f\n", seconds, (double)bytes / (1 << 20) / seconds, cpu_s(&theirs),
           cpu_s(&mine));
}
