#include "sim/progress.h"

#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SHOW_EVERY_S 0.2
#define TELL_EVERY_S 60 /* where there is no terminal */
#define BAR          30

/* There is one terminal, and one Ctrl-C. */
static volatile sig_atomic_t stopped;
static struct {
    const char *text;
    double total, began_s, shown_s;
    bool on_terminal, drawn;
} bar;

static void stop(int signal_number)
{
    (void)signal_number;
    stopped = 1;
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void progress_begin(void)
{
    struct sigaction action = {.sa_handler = stop, .sa_flags = (int)SA_RESETHAND};
    sigaction(SIGINT, &action, NULL); /* the second one kills */
    sigaction(SIGTERM, &action, NULL);
    bar.on_terminal = isatty(STDERR_FILENO);
}

void progress_expect(const char *text, double total)
{
    progress_end();
    bar.text = text;
    bar.total = total;
    bar.began_s = now_s();
    bar.shown_s = bar.began_s;
}

static void draw(double share, double left_s)
{
    int filled = (int)(share * BAR);
    fprintf(stderr, "\r%-24s [", bar.text);
    for (int i = 0; i < BAR; i++)
        fputc(i < filled ? '#' : '.', stderr);
    fprintf(stderr, "] %3.0f %%, %d:%02d left \033[K", 100 * share, (int)left_s / 60,
            (int)left_s % 60);
    fflush(stderr);
    bar.drawn = true;
}

/* What may be told of a long run while it lasts, and of one that was ended from outside. */
static void tell(double share)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    fprintf(stderr, "%s: %.1f %%, CPU %ld s, at most %ld MiB\n", bar.text, 100 * share,
            (long)usage.ru_utime.tv_sec + (long)usage.ru_stime.tv_sec, usage.ru_maxrss / 1024);
}

void progress_show(double done)
{
    double at_s = now_s(), share = bar.total > 0 ? done / bar.total : 0;
    if (at_s - bar.shown_s < (bar.on_terminal ? SHOW_EVERY_S : TELL_EVERY_S) || share <= 0)
        return;
    bar.shown_s = at_s;
    share = share < 1 ? share : 1;
    if (bar.on_terminal)
        draw(share, (at_s - bar.began_s) * (1 - share) / share);
    else
        tell(share);
}

void progress_end(void)
{
    if (bar.drawn)
        fprintf(stderr, "\r\033[K");
    bar.drawn = false;
}

bool progress_stopped(void)
{
    return stopped != 0;
}
