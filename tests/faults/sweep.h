/* Runs a scenario once for every call that can fail in it: the first time the first of them fails,
 * then the second, until a run comes to its end without reaching the one that should have failed.
 *
 * KADPEER_FAULTS_STRIDE=N takes every N-th only, from a start that the seed says; N is 3 unless
 * set, and 11 where the sanitizers slow everything down. */
#pragma once

#include "faults.h"
#include "support/unit.h"

enum sweep_mode {
    SWEEP_ONCE,   /* that call fails, the next goes through */
    SWEEP_FOREVER /* and all after it, until sweep_cure */
};

struct sweep {
    enum faults_caller caller;
    enum faults_kind kind;
    int error; /* errno, or FAULTS_SHORT */
    enum sweep_mode mode;
    uint64_t limit; /* of calls tried; 0: none */
};

/* `scenario` calls sweep_begin where calls may fail from, then sweep_cure where they must not any
 * more. It fails the test when it ends otherwise than it should, and so does a leak. Returns how
 * many calls were made to fail. */
uint64_t sweep(const struct sweep *how, void (*scenario)(void *user), void *user);
void sweep_begin(void);
/* Whether any call failed since sweep_begin. */
bool sweep_cure(void);

/* For main: loads the shared object if it is not loaded yet. */
void sweep_load(char **argv);
/* A teardown that says which call it was. */
int sweep_tell(void **state);
