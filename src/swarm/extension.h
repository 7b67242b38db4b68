/* The extension handshake and the message ids it agrees on [BEP 10], and the messages that have no
 * module of their own: ut_metadata [BEP 9], lt_donthave [BEP 54]. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/status.h"

/* What others put into messages to us. */
enum extension_id {
    EXTENSION_HANDSHAKE = 0,
    EXTENSION_METADATA = 1,
    EXTENSION_PEX = 2,
    EXTENSION_DONT_HAVE = 3,
};

struct extension_offer {
    bool pex;
    uint32_t metadata_size; /* 0: not known */
    uint16_t port;          /* 0: none */
    uint32_t requests;      /* we take at a time */
    const char *client;
    struct endpoint remote; /* they are told what we see of them; family 0: nothing */
};

/* The body of the handshake, without the extended id. */
void extension_write_handshake(const struct extension_offer *offer, struct buffer *out);

struct extension_peer {
    bool known;                                /* a handshake came */
    uint8_t metadata_id, pex_id, dont_have_id; /* what we put into messages to it; 0: off */
    uint32_t metadata_size;                    /* 0: it has none, or too big to be one */
    uint16_t port;                             /* 0: unsaid */
    uint32_t requests;                         /* it takes at a time; 0: unsaid */
    char client[48];                           /* printable ASCII; empty: unsaid */
};

/* Another handshake changes only what it names [BEP 10]. Unchanged when not OK. */
/* REFUSED: some of it cannot be meant (an id below 0, say) and was left out, the rest was read. */
enum status extension_read_handshake(struct bytes body, struct extension_peer *peer);

enum metadata_type { METADATA_REQUEST = 0, METADATA_DATA = 1, METADATA_REJECT = 2 };

struct metadata_message {
    int64_t type; /* enum metadata_type; others are to be ignored [BEP 9] */
    uint32_t part;
    uint32_t total_size; /* of METADATA_DATA; 0: unsaid */
    struct bytes data;   /* of METADATA_DATA, what follows the dictionary */
};

enum status extension_read_metadata(struct bytes body, struct metadata_message *out);
/* Without the data, which follows. */
void extension_write_metadata(const struct metadata_message *message, struct buffer *out);
