/* From what people know of a file to infohashes: by words, by its exact name, by the SHA-1 of its
 * bytes. Entries are asked for, verified here once more, merged by infohash; then live peers are
 * counted: docs/protocol.md section 2. Names come from strangers. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/id.h"
#include "kadpeer/records.h"

struct daemon;
struct name_search;

/* Exactly one of words, exact_name, file_sha1 is set; texts as typed (UTF-8), copied. */
struct name_query {
    const char *const *words;
    size_t word_count;
    const char *exact_name;
    const struct id *file_sha1;
    uint64_t wait_ms;      /* the whole search ends by then */
    size_t limit;          /* matches told at most; 0: NAME_SEARCH_MATCHES_MAX */
    uint64_t min_size;     /* bytes; smaller ones are left out */
    const char *extension; /* "pdf": other names are left out; NULL: all */
    bool count_peers;      /* else `peers` and `networks` stay unknown and the search ends sooner */
};

struct name_match {
    struct id infohash;
    char name[ENTRY_NAME_MAX + 1]; /* the first publisher's; of a file_sha1: empty */
    uint64_t size;                 /* bytes */
    uint32_t files;
    unsigned publishers;       /* different keys that say so */
    int64_t first_seen_unix_s; /* the earliest time a publisher claims; 0: none does */
    bool told_before;          /* on_match was called for it already: the numbers changed */
    bool counted;              /* the two below are known */
    unsigned peers;            /* live peers of the infohash, at least: one of both families once */
    unsigned networks;         /* different /24 or /48 they are in; local ones: addresses */
};

struct name_search_end {
    enum status status; /* OK; NOT_FOUND: nodes answered, none knew it; UNREACHABLE: no node
                           answered; MALFORMED: the query has no usable word or is not UTF-8 */
    unsigned matches;
    unsigned asked, answered; /* nodes, by the lookup that the most answered */
};

/* A match as it comes, and again when its numbers change; borrowed for the call. */
typedef void name_search_on_match(void *user, const struct name_match *match);
/* Once, last; `best` has all matches, most networks first, borrowed for the call. */
typedef void name_search_on_end(void *user, const struct name_search_end *end,
                                const struct name_match *best, size_t count);

/* Both are called from the loop, never from inside name_search_start; on_match may be NULL. A
 * daemon that has not joined yet waits for that within wait_ms. NULL: no memory. */
struct name_search *name_search_start(struct daemon *daemon, const struct name_query *query,
                                      name_search_on_match *on_match, name_search_on_end *on_end,
                                      void *user);
void name_search_cancel(struct name_search *search); /* before its end only; no further call */
