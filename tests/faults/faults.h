/* Makes calls fail: a shared object that is loaded before all others (LD_PRELOAD), stands in front
 * of the allocator and of every call to disk or network, and counts them by kind and by who calls.
 * The calls numbered first … last of a rule fail with its error; all others go through.
 *
 * Who calls is told by the return address: the program itself (ours, the libraries of this project
 * are part of it), or one of the shared libraries. Code of a test is compiled to call
 * spared_malloc and its like instead (tests/faults/meson.build): what it allocates never fails.
 *
 * In another process the rules lie in the file that KADPEER_FAULTS names, mapped by both sides:
 * tests/e2e/faults.py. A file that does not exist: the rules stay in memory. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum faults_caller { BY_US, BY_SQLITE, BY_LIBUV, BY_CRYPTO, BY_OTHERS, CALLERS };

enum faults_kind {
    CALL_ALLOCATE, /* malloc, calloc, realloc, strdup and their like */
    CALL_OPEN,     /* and fopen, opendir */
    CALL_READ,     /* of files, as all up to CALL_TIMES */
    CALL_WRITE,    /* at an offset */
    CALL_APPEND,   /* where the last one ended */
    CALL_SYNC,
    CALL_RENAME,
    CALL_REMOVE,
    CALL_TRUNCATE,
    CALL_STAT,   /* and statvfs */
    CALL_FOLDER, /* mkdir */
    CALL_LOCK,
    CALL_TIMES,
    CALL_SOCKET,
    CALL_BIND, /* and listen */
    CALL_ACCEPT,
    CALL_CONNECT,
    CALL_SEND,
    CALL_RECEIVE,
    KINDS
};

enum { FAULTS_SHORT = -1 }; /* as `error`: half of what was to be read or written is */
enum { FAULTS_PATH_SIZE = 512 };

struct faults_rule {
    _Atomic uint64_t calls;       /* so far */
    _Atomic uint64_t first, last; /* these fail, counted from 1; first 0: none */
    _Atomic uint64_t failed;      /* so many did */
    _Atomic int64_t error;        /* errno, or FAULTS_SHORT */
    _Atomic uint64_t failed_at;   /* where the program called it last, for addr2line */
};

struct faults_page {
    struct faults_rule rules[CALLERS][KINDS];
    /* Calls of ours from the main thread that write below `folder`: there should be none. */
    char folder[FAULTS_PATH_SIZE]; /* "": not looked for */
    _Atomic uint64_t loop_writes;
    char loop_write[FAULTS_PATH_SIZE]; /* the first of them */
    _Atomic uint64_t without_sync;     /* not 0: a sync that does not fail does nothing */
};

struct faults_page *faults_page(void);

/* ---- for tests in one process ---- */

/* Counts from 0 again; calls number `first` … `last` of that kind fail with `error`. */
void faults_arm(enum faults_caller caller, enum faults_kind kind, uint64_t first, uint64_t last,
                int error);
/* Nothing fails from here on. How many calls failed since faults_arm. */
uint64_t faults_disarm(void);

/* What code of ours has allocated since faults_watch and not freed; *where: one of them, for
 * addr2line. */
void faults_watch(void);
size_t faults_leaks(uint64_t *where);
uint64_t faults_failed_at(void); /* the last call that failed since faults_arm, likewise */

/* What a test calls for itself. */
void *spared_malloc(size_t size);
void *spared_calloc(size_t count, size_t size);
void *spared_realloc(void *pointer, size_t size);
char *spared_strdup(const char *text);
