/* One private group as one of its people sees it, sans I/O: the procedures of owner, member and
 * applicant  [groups-design 5; docs/security.md].
 *
 * Values of records, results and time go in; lookups, records to keep in the table, things to save
 * and events come out, always pulled. After each input the owner of the struct drains both queues
 * and sets one timer to group_deadline. The same code runs in the daemon and in the simulator.
 *
 * - What must be on disk before the world may see it comes as GROUP_SAVE; no further action is
 * given out until group_on_saved.
 * - HEAD is polled every 10 min +- 20 %, and whatever a peer brings over a channel is taken like a
 *   value from the table: signature, then seq; never below what was seen before.
 * - Removing and rotating: new secret, key pages, roster, read back, HEAD last.
 * - Records are self-signed: any member puts HEAD, pages and parts anew when fewer than half of the
 *   nodes near them answer for them. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kadpeer/buffer.h"
#include "kadpeer/bytes.h"
#include "kadpeer/dht.h"
#include "kadpeer/rng.h"
#include "kadpeer/status.h"
#include "people/drops.h"
#include "people/group_records.h"
#include "people/head.h"
#include "people/invite.h"
#include "people/keys.h"
#include "people/roster.h"
#include "people/shelf.h"

struct group;

enum group_standing {
    GROUP_APPLYING, /* asked to join; not accepted yet */
    GROUP_MEMBER,
    GROUP_OWNER,
    GROUP_REMOVED, /* by the owner; old shelves of ours are kept, nothing is announced */
    GROUP_LEAVING, /* our notice is on its way; keys of the group are gone */
};

struct group_config {
    struct rng rng; /* seeded from the system's randomness, or a simulation's seed */
    uint8_t user_root[ROOT_BYTES];
    char user_name[USER_NAME_MAX + 1];
    uint64_t unix_base_ms; /* Unix time in ms at monotonic time 0 */
};

struct group_options {
    char name[GROUP_NAME_MAX + 1];
    char about[GROUP_ABOUT_MAX + 1];
    bool listed; /* its name is findable, and `group ls` of everybody shows it */
    bool history;
    enum join_policy policy;
    uint32_t expires_s; /* of HEAD: 7 to 90 days; 0: 30 days */
};

/* ---- making and keeping ---- */

struct group *group_create(const struct group_config *config, const struct group_options *options,
                           uint64_t now_ms); /* NULL: no memory, or a crypto call failed */
/* With an invite, or (token NULL) by its key alone: a request that its owner sees. Its time is
 * later than `after_unix_s`, when we were last seen out of the group (0: never in it): the owner
 * takes no request that is not newer than the removal. */
struct group *group_apply(const struct group_config *config, const struct public_key *key,
                          const uint8_t *token, const char *name, const char *note,
                          uint64_t after_unix_s, uint64_t now_ms);
/* What group_save gave. NULL: malformed, or no memory. */
struct group *group_load(const struct group_config *config, struct bytes state, uint64_t now_ms);
void group_save(const struct group *group, struct buffer *out); /* secrets are in it */
void group_free(struct group *group);                           /* and wipes; NULL is allowed */

/* ---- in ---- */

void group_on_time(struct group *group, uint64_t now_ms);
uint64_t group_deadline(const struct group *group); /* UINT64_MAX: nothing is waiting */
void group_set_unix_base(struct group *group, uint64_t unix_base_ms); /* the clock was set */

/* Of a GROUP_LOOKUP: any number of values, then done (also when it could not be begun: BUSY).
 * Of the nodes nearest to the key, ourselves included, `answered` answered, and `holding` of those
 * brought the newest item, or the part: `nearest` and `holding` of the table's event. */
void group_on_value(struct group *group, uint32_t lookup, struct bytes value, uint64_t now_ms);
void group_on_lookup_done(struct group *group, uint32_t lookup, enum status status,
                          uint32_t answered, uint32_t holding, uint64_t now_ms);
/* A round of storing what a GROUP_PUBLISH asked for has ended: `stored` of `asked` nodes have it.
 */
void group_on_published(struct group *group, const struct id *key, enum record_kind kind,
                        uint32_t stored, uint32_t asked, uint64_t now_ms);
void group_on_saved(struct group *group, uint64_t now_ms);
/* End of a GROUP_WORK. False: cancelled; it is asked for again. */
void group_on_worked(struct group *group, uint32_t work, bool done, struct bytes drop,
                     uint64_t now_ms);
/* From a channel: an item record of HEAD, a roster's parts, an answer to GROUP_BLOB (len 0: nobody
 * has it now), a JOIN (owner). */
enum status group_on_head(struct group *group, struct bytes value, uint64_t now_ms);
void group_on_part(struct group *group, struct bytes part, uint64_t now_ms);
void group_on_blob(struct group *group, const uint8_t sha256[SHA256_BYTES], struct bytes blob,
                   uint64_t now_ms);
enum status group_on_join(struct group *group, struct bytes plain, uint64_t now_ms);

/* ---- out: what is to be done ---- */

enum group_action_type {
    GROUP_LOOKUP,   /* read (key, kind), all k nearest: answers as `handle` */
    GROUP_CANCEL,   /* of the lookup `handle` nothing further is needed */
    GROUP_PUBLISH,  /* keep (key, kind, value) in the table; replaces the value of that key and kind
                       (drops: of the same body) */
    GROUP_WITHDRAW, /* keep it no more; `value` as it was published */
    GROUP_SAVE,     /* group_save, on disk, then group_on_saved */
    GROUP_WORK,     /* find a nonce of `bits` for the drop `value` (its nonce is zero): `handle` */
    GROUP_BLOB,     /* ask members for the list blob `sha256` of `len` bytes */
    GROUP_KEYS,     /* the epoch changed, or was lost: announce under the new keys alone, offer and
                       accept sessions under what group_epoch says now */
    GROUP_DROP_PEER, /* end sessions of `member` at once */
};

struct group_action {
    enum group_action_type type;
    uint32_t handle;
    struct id key;
    enum record_kind kind;
    struct bytes value; /* borrowed until the next call with this group */
    unsigned bits;
    uint8_t sha256[SHA256_BYTES];
    uint32_t len;
    struct public_key member;
};

bool group_next_action(struct group *group, struct group_action *out);

/* ---- out: what has happened ---- */

enum group_event_type {
    GROUP_EVENT_READY,    /* created: HEAD stands in the table */
    GROUP_EVENT_REQUEST,  /* somebody wants in: `member` */
    GROUP_EVENT_JOINED,   /* we are a member now */
    GROUP_EVENT_ACCEPTED, /* `member` is one now, and the world can read so */
    GROUP_EVENT_LEFT,     /* `member` is one no more, and the world can read so */
    GROUP_EVENT_REMOVED,  /* we are a member no more */
    GROUP_EVENT_EPOCH,    /* a new one */
    GROUP_EVENT_ROSTER,   /* members changed */
    GROUP_EVENT_FILES,    /* the list of files changed */
    GROUP_EVENT_OWNER,    /* we are the owner now, or no more */
    GROUP_EVENT_FORK,     /* two HEADs of one seq: two devices, or a stolen key */
    GROUP_EVENT_STALE,    /* HEAD is past its expiry: the owner has been away too long */
    GROUP_EVENT_GONE,     /* our leaving is known, or the group was withdrawn: may be forgotten */
};

struct group_event {
    enum group_event_type type;
    struct public_key member, user; /* REQUEST, ACCEPTED, LEFT */
    char name[USER_NAME_MAX + 1];
    char note[JOIN_NOTE_MAX + 1]; /* REQUEST */
};

bool group_next_event(struct group *group, struct group_event *out);

/* ---- what a person asks for ---- */

/* Owner. By user. REFUSED: not the owner; NOT_FOUND; FULL: 512 members; EXISTS; CONFLICT: the owner
 * himself is not removed. */
enum status group_accept(struct group *group, const struct public_key *user, uint64_t now_ms);
enum status group_reject(struct group *group, const struct public_key *user, uint64_t now_ms);
enum status group_remove(struct group *group, const struct public_key *user, uint64_t now_ms);
enum status group_rotate(struct group *group, uint64_t now_ms);
/* `addresses` are ours. A token is used `uses` times, until `expires_s` from now. */
enum status group_invite(struct group *group, uint32_t uses, uint32_t expires_s,
                         const struct endpoint addresses[], size_t count, uint64_t now_ms,
                         struct buffer *text);
/* Gives the group to a member, who rotates. */
enum status group_transfer(struct group *group, const struct public_key *user, uint64_t now_ms);
/* CONFLICT: the owner, while members remain. */
enum status group_leave(struct group *group, uint64_t now_ms);

/* Looks for news now rather than at its time: HEAD and the members' shelves, mailboxes as owner. */
void group_refresh(struct group *group, uint64_t now_ms);
/* HEAD, roster or shelves are being read: the list of files may grow presently. */
bool group_is_looking(const struct group *group);

/* Our own shelf. Kept by the caller over restarts: set before the first drain after group_load. */
enum status group_shelf_add(struct group *group, const struct shelf_entry *entry, uint64_t now_ms);
void group_shelf_remove(struct group *group, const struct id *infohash, uint64_t now_ms);

/* ---- questions ---- */

const struct public_key *group_key(const struct group *group);
enum group_standing group_standing(const struct group *group);
const char *group_name(const struct group *group); /* empty: not known yet */
const char *group_about(const struct group *group);
const struct roster *group_roster(const struct group *group);      /* NULL: not known yet */
const struct key_pairs *group_own_keys(const struct group *group); /* our pseudonym in it */
struct group_facts {
    uint32_t epoch; /* 0: none known */
    uint64_t head_seq, head_expiry_unix_s;
    bool head_is_stale, listed, history;
    enum join_policy policy;
    uint64_t applied_unix_s, created_unix_s;
    size_t members, requests, files, invites;
};
void group_facts(const struct group *group, struct group_facts *out);

/* Grows with every other HEAD that is held: a higher one, or of a fork the one that stays. */
uint64_t group_head_changes(const struct group *group);
/* Of the newest HEAD that is held; the keys of that epoch may not have come yet. 0: no HEAD. */
uint32_t group_head_epoch(const struct group *group);
/* Keys of the newest epoch (age 0), and of those before it that are still kept for latecomers (7
 * days): NULL: no further one. */
const struct epoch_keys *group_epoch(const struct group *group, unsigned age);
/* Tokens of open invites (owner), for the channel. NULL: no further one. */
const uint8_t *group_open_token(const struct group *group, size_t index);
/* The newest HEAD as an item record, and the sealed roster's parts, to give to others. */
struct bytes group_head_value(const struct group *group); /* len 0: none */
bool group_find_part(const struct group *group, const struct id *key, struct bytes *out);
/* Our own list blob, where our shelf needed one. */
bool group_find_blob(const struct group *group, const uint8_t sha256[SHA256_BYTES],
                     struct bytes *out);

/* Applicant: the request as the channel's JOIN carries it. REFUSED: no applicant. */
enum status group_join_plain(const struct group *group, uint64_t now_ms, struct buffer *out);
/* Owner of a listed group: the entry (KIND_ENTRY) to publish under `key`, which is
 * key_of_group_name, key_of_group_part or key_of_group_list. REFUSED: not the owner, or not listed.
 */
enum status group_listing(const struct group *group, const struct id *key, uint64_t now_ms,
                          struct buffer *out);

struct group_request {
    struct public_key user, member;
    char name[USER_NAME_MAX + 1];
    char note[JOIN_NOTE_MAX + 1];
    uint64_t time_unix_s;
};
/* Copies up to `cap`. Returns how many there are. */
size_t group_requests(const struct group *group, struct group_request out[], size_t cap);

struct group_file {
    const struct shelf_entry *entry; /* borrowed until the next call that is not a question */
    const struct member *owner;      /* whose shelf; the first of several */
    unsigned shelves;                /* on how many of them */
};
/* The union of the members' shelves, by path: `*count` of them, to be freed. NULL: no memory. */
struct group_file *group_files(const struct group *group, size_t *count);

bool group_valid(const struct group *group); /* all invariants hold; for tests */
