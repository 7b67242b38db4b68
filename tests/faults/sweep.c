#include "sweep.h"

#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const struct sweep *current;
static uint64_t number; /* of the call that fails; 0: no sweep */
static uint64_t failed;

#if defined(__SANITIZE_ADDRESS__)
enum { STRIDE = 11 };
#else
enum { STRIDE = 3 };
#endif

static uint64_t stride(void)
{
    const char *text = getenv("KADPEER_FAULTS_STRIDE");
    uint64_t steps = text != NULL ? strtoull(text, NULL, 10) : STRIDE;
    return steps > 0 ? steps : 1;
}

void sweep_begin(void)
{
    uint64_t last = current->mode == SWEEP_ONCE ? number : UINT64_MAX;
    failed = 0;
    faults_arm(current->caller, current->kind, number, last, current->error);
}

bool sweep_cure(void)
{
    failed += faults_disarm();
    return failed > 0;
}

static void run_one(void (*scenario)(void *user), void *user)
{
    uint64_t where = 0;
    faults_watch();
    scenario(user);
    sweep_cure();
    size_t leaks = faults_leaks(&where);
    if (leaks > 0)
        fail_msg("%zu allocations were not freed, one of them made at %#" PRIx64, leaks, where);
}

uint64_t sweep(const struct sweep *how, void (*scenario)(void *user), void *user)
{
    uint64_t steps = stride(), tried = 0;
    current = how;
    failed = 1;
    faults_page()->without_sync = 1;
    /* what libraries set up once is not to be failed, or to be taken for a leak */
    number = UINT64_MAX;
    run_one(scenario, user);
    uint64_t calls = faults_page()->rules[how->caller][how->kind].calls;
    if (calls == 0)
        return 0;
    number = 1 + test_seed(1) % (steps < calls ? steps : calls);
    do {
        run_one(scenario, user);
        number += steps;
        tried += failed > 0;
    } while (failed > 0 && (how->limit == 0 || tried < how->limit));
    number = 0;
    print_message("# %" PRIu64 " calls failed, one in each run\n", tried);
    return tried;
}

void sweep_load(char **argv)
{
    const char *loaded = getenv("LD_PRELOAD"), *asan = getenv("ASAN_OPTIONS");
    char options[1024];
    if (loaded != NULL && strstr(loaded, FAULTS_LIBRARY) != NULL)
        return;
    snprintf(options, sizeof options, "%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
             asan != NULL ? ":" : "");
    setenv("ASAN_OPTIONS", options, 1);
    setenv("LD_PRELOAD", FAULTS_LIBRARY, 1);
    execv("/proc/self/exe", argv);
    perror("cannot start again with " FAULTS_LIBRARY);
    exit(1);
}

int sweep_tell(void **state)
{
    (void)state;
    if (number != 0)
        print_message("# call number %" PRIu64 " failed\n", number);
    faults_disarm();
    if (number != 0)
        print_message("# it is at %#" PRIx64 " (addr2line -ife tests/faults/…)\n",
                      faults_failed_at());
    number = 0;
    return 0;
}
