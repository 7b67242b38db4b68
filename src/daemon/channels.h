/* The group channels of this daemon: TLS sessions between members (people/channel.h over io/tls.h),
 * which bring news of the group, lists too long for the table, and connections for transfers
 * [groups-design 4]. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/bytes.h"
#include "kadpeer/endpoint.h"
#include "kadpeer/id.h"
#include "people/invite.h"
#include "people/keys.h"

struct channels;
struct daemon;
struct membership;
struct tcp;

struct channels *channels_new(struct daemon *daemon); /* NULL: no memory */
void channels_free(struct channels *channels);        /* NULL is allowed */

/* An accepted connection whose first byte is that of a TLS record; taken. */
void channels_accept(struct channels *channels, struct tcp *tcp, struct bytes received);

/* Sessions of strangers that did not come to be, or broke the protocol. */
uint64_t channels_refused(const struct channels *channels);

/* Dials a member for the transfer of that blinded key. When the channel was switched, `ready` gets
 * the connection, which is then its own, and who the other side is; or `failed` why not. From the
 * loop. NULL: it can't be begun. */
struct channel_dial;
struct channel_dialled {
    void (*ready)(void *user, struct tcp *tcp, const struct public_key *member);
    void (*failed)(void *user, enum status why);
};
struct channel_dial *channels_dial_transfer(struct channels *channels,
                                            struct membership *membership,
                                            const struct endpoint *to, const struct id *blinded,
                                            const struct channel_dialled *callbacks, void *user);
void channels_cancel(struct channel_dial *dial); /* nothing follows */

/* Keeps in touch: announces our presence, and exchanges news with a few members that are found. */
void channels_on_keys(struct channels *channels, struct membership *membership);
/* There are nodes to ask now: members are looked for at once. */
void channels_on_network(struct channels *channels);
/* Its HEAD is a newer one: those who are connected, and some who were seen, are told. */
void channels_on_head(struct channels *channels, struct membership *membership);
/* An applicant with an invite: says JOIN at those addresses. */
void channels_join(struct channels *channels, struct membership *membership,
                   const struct invite *invite);
/* Asks members for a list blob, its owner first; group_on_blob gets it, or that nobody has it. */
void channels_want_blob(struct channels *channels, struct membership *membership,
                        const struct public_key *owner, const uint8_t sha256[SHA256_BYTES],
                        uint32_t len);
/* Ends what is open with that member; NULL: of the whole group (it is gone, or the user left). */
void channels_drop(struct channels *channels, const struct public_key *group,
                   const struct public_key *member);
bool channels_is_online(const struct channels *channels, const struct public_key *group,
                        const struct public_key *member); /* seen within the last minutes */
