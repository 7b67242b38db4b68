/* What the files of the shared object share. */
#pragma once

#include "faults.h"

#include <dlfcn.h>
#include <sys/types.h>

/* The next definition of the function that is being defined. */
#define NEXT(name)                                                                                 \
    static __typeof__(&name) next;                                                                 \
    if (next == NULL)                                                                              \
    next = (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define CALLER __builtin_return_address(0)

#pragma GCC visibility push(hidden)

/* Whether this call fails; errno is set then. */
bool faults_fails(const void *address, enum faults_kind kind);
/* *half: it is to be done by half. */
bool faults_fails_or_halves(const void *address, enum faults_kind kind, bool *half);
bool faults_without_sync(void);
size_t faults_share_of(size_t len, bool half);

/* Of what serves files and sockets. */
bool faults_stream_fails(const void *address, int fd, enum faults_kind of_file,
                         enum faults_kind of_socket, bool *half);

/* A call that writes, by name below `at`, or (name NULL) to that open file. */
void faults_note_write(const void *address, int at, const char *name);

#pragma GCC visibility pop
