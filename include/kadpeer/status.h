/* What a call that can fail returns. One list gives the code, its name in JSON and its text. */
#pragma once

#define KADPEER_STATUS_MAP(X)                                                                      \
    X(OK, "ok", "done")                                                                            \
    X(NO_MEMORY, "no_memory", "out of memory")                                                     \
    X(MALFORMED, "malformed", "malformed data")                                                    \
    X(REFUSED, "refused", "refused")                                                               \
    X(NOT_FOUND, "not_found", "not found")                                                         \
    X(EXISTS, "exists", "exists already")                                                          \
    X(FULL, "full", "no room left in a bounded table")                                             \
    X(TOO_BIG, "too_big", "too big")                                                               \
    X(TIMED_OUT, "timed_out", "timed out")                                                         \
    X(CANCELLED, "cancelled", "cancelled")                                                         \
    X(CLOSED, "closed", "connection closed")                                                       \
    X(UNREACHABLE, "unreachable", "cannot be reached")                                             \
    X(ADDRESS_IN_USE, "address_in_use", "address already in use")                                  \
    X(NO_SPACE, "no_space", "no space left on the device")                                         \
    X(PERMISSION, "permission", "permission denied")                                               \
    X(IO, "io", "read or write failed")                                                            \
    X(MISMATCH, "mismatch", "data did not verify")                                                 \
    X(CHANGED, "changed", "changed by somebody else")                                              \
    X(CONFLICT, "conflict", "in conflict with what is there")                                      \
    X(UNSUPPORTED, "unsupported", "not supported")                                                 \
    X(BUSY, "busy", "busy")                                                                        \
    X(INTERNAL, "internal", "a library call failed")

enum status {
#define X(code, name, text) STATUS_##code,
    KADPEER_STATUS_MAP(X)
#undef X
};

const char *status_name(enum status status); /* "not_found"; static storage */
const char *status_text(enum status status); /* "not found"; static storage */
