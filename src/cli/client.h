/* Talking to the daemon over its control socket (docs/control.md): blocking, with deadlines; any
 * number of calls under way at one time; what comes is turned into JSON values at once. */
#pragma once

#include <stdint.h>

#include <jansson.h>

#include "cli/request.h"
#include "kadpeer/buffer.h"
#include "kadpeer/status.h"

#define CLIENT_FOREVER    UINT64_MAX
#define CLIENT_EVENT_SIZE 32

uint64_t client_now_ms(void); /* monotonic */

/* A connected socket, or -1 with errno. */
int client_dial(const char *path);

struct client;
struct client *client_new(int fd);       /* takes fd, which becomes non-blocking; NULL: no memory */
void client_free(struct client *client); /* closes; NULL is allowed */

int client_fd(const struct client *client); /* to poll for reading */

/* While waiting, look at this one too (-1: none): readable ends client_next with CANCELLED. */
void client_watch(struct client *client, int fd);

struct message {
    bool response;                 /* else a notification */
    uint32_t msgid;                /* of the call it belongs to */
    char event[CLIENT_EVENT_SIZE]; /* of a notification */
    json_t *body;                  /* result or params, an object; NULL in a failed response */
    json_t *error;                 /* of a failed response: the error map */
    struct buffer data; /* the result's last field, if that is bytes of the name "data": the content
                           of files, which is not in `body` */
};
void message_dispose(struct message *message);

/* Sends one call; *msgid identifies its messages. */
enum status client_send(struct client *client, const struct request *request, uint32_t *msgid);

/* The next message, whosoever it is; dispose of it. TIMED_OUT: `deadline_ms` has passed; CANCELLED:
 * the watched descriptor; CLOSED: the daemon went away; MALFORMED: not our protocol. */
enum status client_next(struct client *client, uint64_t deadline_ms, struct message *out);
