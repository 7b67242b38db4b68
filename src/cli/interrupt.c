#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

static void fill(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGTERM);
}

int interrupt_open(void)
{
    sigset_t signals;
    fill(&signals);
    int fd = signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
    if (fd >= 0)
        sigprocmask(SIG_BLOCK, &signals, NULL);
    return fd;
}

int interrupt_take(int fd)
{
    struct signalfd_siginfo info;
    sigset_t signals;
    if (fd < 0 || read(fd, &info, sizeof info) != (ssize_t)sizeof info)
        return 0;
    fill(&signals);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    return (int)info.ssi_signo;
}

void interrupt_close(int fd)
{
    sigset_t signals;
    if (fd < 0)
        return;
    fill(&signals);
    sigprocmask(SIG_UNBLOCK, &signals, NULL);
    close(fd);
}
