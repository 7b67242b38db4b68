/* bootstrap_nodes.txt: nodes to join by, `host:port` a line. Names, IPv4 addresses, IPv6 addresses
 * in brackets; '#' begins a comment, blank lines are passed over, CRLF and a byte order mark are
 * allowed. A bad line never spoils the others: it is named with its number. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"

#define BOOTSTRAP_FILE_MAX    (256 << 10) /* bytes; a list of 1000 nodes with comments has room */
#define BOOTSTRAP_ENTRIES_MAX 1000        /* nodes; all are asked at once */
#define BOOTSTRAP_HOST_SIZE   254         /* bytes of a name [RFC 1035: 253], with the final zero */
#define BOOTSTRAP_BAD_MAX     16          /* bad lines told; the others are only counted */
#define BOOTSTRAP_TEXT_SIZE   64          /* bytes shown of a bad line */

struct bootstrap_entry {
    char host[BOOTSTRAP_HOST_SIZE]; /* no brackets */
    uint16_t port;
    unsigned line; /* from 1 */
};

struct bootstrap_bad_line {
    unsigned line;
    const char *why;                /* "no port", …: static storage */
    char text[BOOTSTRAP_TEXT_SIZE]; /* its begin, printable */
};

struct bootstrap_file {
    struct bootstrap_entry *entries; /* in the order of the file, no repeats */
    size_t count;
    struct bootstrap_bad_line bad[BOOTSTRAP_BAD_MAX];
    size_t bad_count; /* all of them; `bad` has the first */
};

/* One address. NULL: good, and `out` is set but for its line; else why not. */
const char *bootstrap_parse_address(struct bytes text, struct bootstrap_entry *out);
/* "name:61881", "[2001:db8::1]:61881"; longer ones are cut. */
#define BOOTSTRAP_ADDRESS_SIZE 272
void bootstrap_format_address(const struct bootstrap_entry *entry,
                              char out[BOOTSTRAP_ADDRESS_SIZE]);

/* OK with bad lines too; TOO_BIG: more than BOOTSTRAP_FILE_MAX; NO_MEMORY. */
enum status bootstrap_file_parse(struct bytes text, struct bootstrap_file *out);
/* The same from a file; NOT_FOUND, PERMISSION, IO besides. */
enum status bootstrap_file_load(const char *path, struct bootstrap_file *out);
void bootstrap_file_dispose(struct bootstrap_file *file);
