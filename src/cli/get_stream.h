/* get -o -: the content goes to stdout in order, piece after verified piece, while it is fetched.
 *
 * One run of bytes is written while the next is asked for, never more: whoever reads slowly holds
 * up nothing but himself. The daemon is listened to all the while. */
#pragma once

#include <stdbool.h>

#include "cli/cli.h"
#include "kadpeer/buffer.h"

struct get_stream {
    struct cli *cli;
    const char *id;           /* borrowed: how the daemon names the transfer, changes with it */
    uint32_t msgid;           /* of the call under way; 0: none */
    uint64_t offset;          /* of what is asked for next */
    bool all_asked, ended;    /* all of it was asked for; was written */
    struct buffer data, next; /* being written; to be written then */
    size_t written;           /* of `data` */
    int failure;              /* errno of a write that failed, or 0 */
    size_t write_bytes;       /* that stdout takes without waiting, when it is ready */
    void (*old_handler)(int);
};

void get_stream_init(struct get_stream *stream, struct cli *cli, const char *id);
void get_stream_dispose(struct get_stream *stream);

/* As client_next, and writes meanwhile. OK with no msgid: something was written. IO: see `failure`.
 * CANCELLED: `interrupt` is readable. */
enum status get_stream_next(struct get_stream *stream, int interrupt, struct message *out);
/* NULL; or why it cannot go on (taken from the message). */
json_t *get_stream_take(struct get_stream *stream, struct message *message);
