/* What the group_*.c share. Each section names the file that has it. */
#pragma once

#include "kadpeer/records.h"
#include "people/group.h"
#include "people/group_params.h"
#include "people/keypage.h"

/* ---- records we hold, group_held.c ---- */

struct held_record {
    struct id key;
    enum record_kind kind;
    uint16_t len;
    uint8_t *value;
    /* while it is being written */
    bool fresh;      /* not in the table yet, for all we know */
    bool looking;    /* it is being read back */
    bool checked;    /* enough nodes have it */
    bool stored;     /* by some node, as it says */
    bool trusted;    /* half of the nodes say so: read back only as one of a sample */
    uint64_t put_ms; /* a member's copy: put last; 0: not since we were loaded */
};

/* What HEAD stands for: itself, key pages, parts. The owner keeps all of it in the table; a member
 * has copies of what it has read. */
struct held {
    struct held_record *items;
    size_t count, cap;
};

void held_dispose(struct held *held);
/* Copies; what has that key gets the new value. NULL: no memory, or no key fits the value. */
struct held_record *held_put(struct held *held, enum record_kind kind, struct bytes value);
struct held_record *held_find(const struct held *held, const struct id *key);
bool held_copy(struct held *out, const struct held_record *record);
static inline struct bytes held_value(const struct held_record *record)
{
    return bytes_of(record->value, record->len);
}

/* ---- what is under way ---- */

enum look_for {
    LOOK_HEAD,
    LOOK_PAGE, /* number: page */
    LOOK_PART, /* number: among reading.keys */
    LOOK_BACK, /* what we wrote; number: in writing.records */
    LOOK_UPKEEP,
    LOOK_MAIL,
    LOOK_INVITE,
    LOOK_SHELF, /* number: slot, the member is found by `member` */
    LOOK_HANDOVER,
};

struct looking {
    struct looking *next;
    uint32_t handle;
    enum look_for what;
    struct id key;
    enum record_kind kind;
    uint32_t number;
    struct public_key member;
    struct buffer best; /* of items: the newest that verifies */
    uint64_t best_seq;
    bool forked;     /* two of one seq; LOOK_BACK: another one stands in its place */
    bool seen;       /* LOOK_BACK, LOOK_UPKEEP: the one we hold came */
    unsigned opened; /* boxes, of LOOK_MAIL and LOOK_INVITE */
};

enum group_timer {
    TIMER_HEAD,
    TIMER_READ,    /* what was not found is looked for again */
    TIMER_WRITE,   /* what did not hold is put again */
    TIMER_OWNER,   /* HEAD is signed anew, the epoch has lasted long enough */
    TIMER_MAIL,    /* the group's mailbox */
    TIMER_INVITES, /* those of open invites */
    TIMER_EPOCHS,  /* an old epoch ends for latecomers */
    TIMER_STALE,
    TIMER_POST, /* our own drop is made anew */
    TIMER_UPKEEP,
    TIMER_SHELVES,
    TIMER_SHELF, /* ours */
    TIMERS
};

/* A change that the owner has decided on: until the world can read it, and a while longer. */
enum change_type { CHANGE_ADD, CHANGE_REMOVE };

struct change {
    enum change_type type;
    struct member member;
    uint32_t epoch; /* of the HEAD that told of it; 0: none yet */
};

struct change_list {
    struct change *items;
    size_t count, cap;
};

struct change_time {
    struct public_key member;
    uint64_t unix_s;
};

struct open_invite {
    uint8_t token[INVITE_TOKEN_BYTES];
    uint32_t uses_left;
    uint64_t made_unix_s, expiry_unix_s;
    struct public_key *used_by; /* void once one of them is removed */
    size_t used_count;
};

struct rejected {
    struct public_key user;
};

/* What brings us from one HEAD to the next, group_member.c. */
enum read_stage { READ_NOTHING, READ_PAGES, READ_INDEX, READ_PARTS, READ_HANDOVER };

struct reading {
    enum read_stage stage;
    unsigned tries;
    bool last_pages;                    /* an applicant's second look: says nothing of the others */
    uint16_t order[GROUP_KEYPAGES_MAX]; /* pages, the likeliest first */
    size_t order_count, order_next;
    size_t under_way;
    bool failed; /* something was not found this time round */
    bool has_secret;
    uint8_t secret[ROOT_BYTES];       /* of the epoch that HEAD names */
    struct id keys[ROSTER_PARTS_MAX]; /* of the parts of the stage */
    size_t key_count, key_next;
    struct held came; /* pages, parts, index parts */
};

/* A new HEAD in the making, group_write.c. */
enum write_step { WRITE_NOTHING, WRITE_PAGES, WRITE_PARTS, WRITE_READ_BACK, WRITE_HEAD };

struct writing {
    enum write_step step;
    unsigned tries;
    bool distrusts; /* of a sample one did not hold: all are read back */
    uint64_t seq;
    uint32_t epoch;
    uint8_t secret[ROOT_BYTES];
    uint8_t mark[EPOCH_MARK_BYTES];
    struct roster roster;
    struct held records; /* all the new HEAD stands for, itself last */
    struct change_list changes;
    bool withdraws; /* an empty HEAD: the group ends */
    bool hands_over;
};

/* What one device of a member offers. */
struct shelf_list {
    uint64_t seq;
    uint8_t digest[SHA256_BYTES]; /* of two of one seq the smaller one stays at the nodes */
    struct shelf shelf;
    bool has_pointer; /* its list is on its way, of … */
    struct shelf_pointer pointer;
    uint64_t pointer_seq;
    uint8_t pointer_digest[SHA256_BYTES];
    uint32_t pointer_epoch;
};

struct member_shelf {
    struct public_key member;
    struct shelf_list lists[SHELF_SLOTS];
};

struct epoch_secret {
    uint32_t epoch;
    uint8_t secret[ROOT_BYTES];
    uint64_t ended_unix_s; /* 0: the newest */
};

struct queued_action {
    struct group_action action;
    uint8_t *value;
};

enum post_kind { POST_NOTHING, POST_JOIN, POST_LEAVE };

struct group {
    struct rng rng;
    uint8_t user_root[ROOT_BYTES];
    char user_name[USER_NAME_MAX + 1];
    uint64_t unix_base_ms, now_ms;
    uint64_t timers[TIMERS]; /* UINT64_MAX: not set */

    struct public_key key;  /* gpk */
    struct id head_key;     /* of the table */
    struct public_key user; /* ours */
    struct key_pairs own;   /* our pseudonym */
    enum group_standing standing;
    bool has_root; /* the owner, and who was until the next one has taken over */
    uint8_t root[ROOT_BYTES];
    struct key_pairs pairs; /* of the group, with has_root */
    char name[GROUP_NAME_MAX + 1];
    char about[GROUP_ABOUT_MAX + 1];
    bool listed, history;
    enum join_policy policy;
    uint32_t expires_s;
    uint64_t created_unix_s, applied_unix_s;

    /* news */
    struct buffer head; /* the newest HEAD seen, an item record; empty: none */
    uint64_t head_seq, head_expiry_unix_s;
    struct head_body body;
    uint64_t seq_seen; /* the highest that was signed, taken or not */
    uint64_t expiry_seen_unix_s;
    uint64_t changes;      /* how often `head` became another one */
    bool head_looked_for;  /* since we were loaded: before that the owner writes nothing */
    bool head_is_empty;    /* withdrawn */
    bool head_held_by_few; /* as the last look at it saw it */
    bool stale_told;
    uint64_t fork_told_seq;
    uint64_t settled_seq;                 /* of the HEAD that `roster` belongs to */
    uint8_t settled_sha256[SHA256_BYTES]; /* of that roster, sealed */
    bool gone;                            /* nothing is left to be done */
    uint64_t head_asked_ms, head_gap_ms;  /* gap 0: as always */
    uint64_t apply_started_ms, apply_gap_ms;
    struct reading reading;

    /* what we are in */
    bool has_roster;
    struct roster roster;
    struct held held;
    struct epoch_secret secrets[OLD_EPOCHS_MAX + 1]; /* oldest first */
    size_t secret_count;
    struct epoch_keys live[EPOCHS_LIVE_MAX]; /* newest first */
    size_t live_count;

    /* owner */
    struct writing writing;
    struct change_list pending, journal;
    bool rotate_due, renew_due, withdraw_due, leave_after;
    bool handover_due;
    struct public_key handover_to;
    uint32_t handover_epoch;                       /* handed over in that epoch; 0: not */
    uint64_t handover_seq, handover_expiry_unix_s; /* of the record, last */
    uint64_t head_written_unix_s, epoch_begun_unix_s;
    bool ready_told;
    struct join_request *requests; /* oldest first */
    size_t request_count;
    struct rejected *rejected;
    size_t rejected_count;
    struct open_invite *invites;
    size_t invite_count;
    struct change_time *times; /* oldest first */
    size_t time_count;
    uint64_t times_floor_unix_s; /* whose time is not kept: changed no later */
    uint64_t *mail_seen;         /* a ring of hashes */
    size_t mail_seen_count, mail_seen_next;

    /* applicant, leaver */
    enum post_kind post;
    bool has_token;
    uint8_t token[INVITE_TOKEN_BYTES];
    char note[JOIN_NOTE_MAX + 1];
    struct buffer drop; /* being worked on, or published */
    struct id drop_key; /* its mailbox */
    bool drop_published;
    unsigned drop_bits;
    uint32_t work; /* handle; 0: none */
    uint32_t leave_epoch;

    /* shelves */
    struct shelf shelf; /* ours */
    size_t shelf_cap;
    uint64_t shelf_seq, shelf_expiry_unix_s;
    bool shelf_dirty, shelf_unchecked; /* unchecked: not seen in the table since it was written */
    uint64_t shelf_written_ms;
    uint8_t shelf_sha256[SHA256_BYTES];          /* of the record that was written last */
    uint64_t shelf_quarrel_ms;                   /* another device of ours wrote it, last … */
    unsigned shelf_quarrels;                     /* … so often in a row */
    struct buffer shelf_blob, shelf_blob_before; /* sealed lists, to be given out */
    uint8_t shelf_slot; /* ours; others of our member's are other devices' */
    uint8_t shelf_misses;
    bool shelf_looked, shelf_moved; /* into that slot; from another one */
    struct member_shelf own_shelf;  /* what those have */
    struct member_shelf *shelves;   /* of the others, in the order of the roster */
    size_t shelf_count;
    size_t sweep_next, sweep_left, sweep_under_way;

    /* out */
    struct looking *looking;
    uint32_t last_handle;
    struct queued_action *actions; /* a ring */
    size_t action_head, action_count, action_cap;
    uint8_t *given;             /* the value of the last action */
    bool saving;                /* nothing is given out until it is on disk */
    struct group_event *events; /* a ring */
    size_t event_head, event_count, event_cap;
    uint64_t mail_refused; /* drops that opened and were not taken */
};

/* ---- group.c ---- */

uint64_t group_unix_s(const struct group *group);
bool group_is_in(const struct group *group); /* member or owner */
/* Sets the input's time; group_settle does what became possible meanwhile. */
void group_begin(struct group *group, uint64_t now_ms);
void group_settle(struct group *group);
struct group *group_new(const struct group_config *config, const struct public_key *key,
                        uint64_t now_ms); /* no more than keys and timers */
bool group_set_root(struct group *group, const uint8_t root[ROOT_BYTES]);
void group_fill_random(struct group *group, void *out, size_t len);
/* No more a member: what of the group is secret goes, but a root that is being handed over. */
void group_forget_keys(struct group *group);
void group_forget_root(struct group *group);

/* ---- group_actions.c ---- */

void group_actions_push(struct group *group, struct group_action action, struct bytes value);
void actions_save(struct group *group);
void actions_publish(struct group *group, const struct held_record *record);
void actions_withdraw(struct group *group, const struct held_record *record);
void events_push(struct group *group, struct group_event event);
void events_tell(struct group *group, enum group_event_type type); /* one without a person */
void actions_dispose(struct group *group);

/* ---- group_lookup.c ---- */

/* NULL: no memory. */
struct looking *looking_begin(struct group *group, enum look_for what, const struct id *key,
                              enum record_kind kind, uint32_t number);
/* Ends all of a sort, and says that nothing further is needed. */
void looking_cancel(struct group *group, enum look_for what);
void looking_cancel_one(struct group *group, struct looking *looking);
struct looking *looking_find(const struct group *group, enum look_for what, const struct id *key);
bool looking_for(const struct group *group, enum look_for what);
struct bytes looking_best(const struct looking *looking); /* len 0: nothing that verifies came */
void looking_dispose(struct group *group);
/* Half of the nodes that could have it do, ourselves included  [groups-design 5]. */
bool held_by_half(uint32_t answered, uint32_t holding);

/* ---- group_time.c ---- */

void group_timer_set(struct group *group, enum group_timer timer, uint64_t pause_ms);
void timer_set_unix(struct group *group, enum group_timer timer, uint64_t unix_s);
void timer_stop(struct group *group, enum group_timer timer);
uint64_t jittered(struct group *group, uint64_t ms, unsigned percent);
uint64_t retry_ms(struct group *group, unsigned tries);
/* All that the standing asks for: after a load, and when the standing changed. */
void timers_begin(struct group *group);
void timers_stop(struct group *group);

/* ---- group_head.c ---- */

void head_ask(struct group *group);
void head_ask_soon(struct group *group); /* somebody knows more than we do */
void head_watch(struct group *group);    /* soon, and then ever less often */
void head_ask_done(struct group *group, struct looking *looking, uint32_t answered,
                   uint32_t holding);
/* OK: newer, taken. EXISTS: ours. REFUSED: older. CONFLICT: another one of the same seq, which
 * does not replace ours. MALFORMED, MISMATCH. */
enum status head_offer(struct group *group, struct bytes value);
/* Our own new one: high-water mark, and what it says. */
bool head_set(struct group *group, struct bytes value);
bool head_load(struct group *group, struct bytes value); /* the same, from what was saved */
void head_check_stale(struct group *group);

/* ---- group_epochs.c ---- */

const struct epoch_secret *secrets_find(const struct group *group, uint32_t epoch);
bool secrets_keys(const struct group *group, uint32_t epoch, struct epoch_keys *out);
/* Is it what HEAD means, or another device's of the same number? */
bool secret_is_of_head(const struct group *group, const uint8_t secret[ROOT_BYTES]);
/* Adds it in its place; the newest ends those before it. */
void secrets_add(struct group *group, uint32_t epoch, const uint8_t secret[ROOT_BYTES],
                 uint64_t ended_unix_s);
/* Those that latecomers may still use, newest first; true: they changed. */
bool secrets_refresh_live(struct group *group);
void epochs_due(struct group *group);

/* ---- group_member.c ---- */

void reading_begin(struct group *group); /* HEAD is a new one */
void reading_stop(struct group *group);
void reading_retry(struct group *group);
void reading_last_pages(struct group *group); /* an applicant looks again */
/* All parts of the stage are here. */
void reading_end_of_parts(struct group *group);
void reading_page_done(struct group *group, struct looking *looking);
void reading_again(struct group *group); /* after a pause that grows */
/* A key page of the epoch that HEAD names, in the table. */
struct id page_key(const struct group *group, uint16_t page);

/* ---- group_parts.c ---- */

void parts_begin(struct group *group, const struct id *keys, size_t count);
void parts_value(struct group *group, struct looking *looking, struct bytes value);
void parts_done(struct group *group);
/* All of them, one after the other. */
bool parts_join(const struct group *group, struct buffer *out);

/* ---- group_roster.c ---- */

/* Takes roster and records over: who is gone, who is new, is the epoch new? `tell`: of people. */
void roster_adopt(struct group *group, struct roster *roster, struct held *held,
                  const uint8_t secret[ROOT_BYTES], bool tell);
/* One that was read: are we in it at all? */
void roster_read(struct group *group, struct roster *roster);
void standing_set_removed(struct group *group);
void tell_of_member(struct group *group, enum group_event_type type, const struct member *member);
void group_set_gone(struct group *group);

/* ---- group_owner.c ---- */

void owner_work(struct group *group); /* begins to write, when there is something to write */
bool changes_add(struct change_list *list, const struct change *change, size_t max);
void changes_remove(struct change_list *list, size_t index);
void changes_dispose(struct change_list *list);
bool changes_has(const struct change_list *list, enum change_type type,
                 const struct public_key *member);
bool owner_add(struct group *group, const struct join_request *request);
bool owner_remove_member(struct group *group, const struct member *member, uint64_t time_unix_s);
bool owner_is_full(const struct group *group);
void owner_due(struct group *group);
void owner_soon(struct group *group); /* there is something to write */
void owner_set_timer(struct group *group);
/* A HEAD that another device wrote has been read: what it did not know of is done again. */
void owner_redo(struct group *group);

/* ---- group_plan.c: the records of a new HEAD ---- */

struct plan {
    bool new_epoch, new_roster;
    bool withdraws, hands_over;
};
bool plan_make(struct group *group, const struct plan *plan);
uint64_t plan_expiry(struct group *group, uint64_t life_s, uint64_t not_before);

/* ---- group_write.c ---- */

void writing_begin(struct group *group, const struct plan *plan);
void writing_resume(struct group *group); /* after a load */
void writing_stop(struct group *group);   /* its changes are pending again */
void writing_published(struct group *group, const struct id *key, uint32_t stored, uint32_t asked);
void writing_value(struct group *group, struct looking *looking, struct bytes value);
void writing_back(struct group *group, struct looking *looking, enum status status,
                  uint32_t answered, uint32_t holding);
void writing_retry(struct group *group);
void writing_dispose(struct writing *writing);

/* ---- group_requests.c, group_mail.c, group_invites.c ---- */

/* OK: kept, or accepted at once. EXISTS: a member. REFUSED. FULL. */
enum status requests_offer(struct group *group, const struct join_request *request);
void group_requests_remove(struct group *group, size_t index);
void requests_leave(struct group *group, const struct leave_notice *notice);
uint64_t times_of(const struct group *group, const struct public_key *member);
void times_set(struct group *group, const struct public_key *member, uint64_t unix_s);
void mail_ask(struct group *group);
void mail_ask_invites(struct group *group);
void mail_value(struct group *group, struct looking *looking, struct bytes value);
void mail_set_timers(struct group *group);
void times_forget_old(struct group *group);
struct open_invite *invites_find(struct group *group, const uint8_t *token);
void invites_use(struct group *group, struct open_invite *invite, const struct public_key *member);
void invites_void(struct group *group, const struct public_key *member);
void invites_expire(struct group *group);
void invites_dispose(struct group *group);

/* ---- group_applicant.c ---- */

void post_begin(struct group *group, enum post_kind kind);
void post_go_on(struct group *group); /* HEAD is known now */
void post_stop(struct group *group);
void post_due(struct group *group);
void post_published(struct group *group, const struct id *key, uint32_t stored, uint32_t asked);
uint64_t applicant_gap_ms(struct group *group);
void leave_if_asked(struct group *group); /* after a hand-over */

/* ---- group_handover.c ---- */

struct id handover_key(const struct group *group);
/* The record for the roster's new owner, into `out`. */
bool handover_record(struct group *group, const struct member *to, struct buffer *out);
bool handover_clear_record(struct group *group, struct buffer *out);
void handover_ask(struct group *group);
void handover_done(struct group *group, struct looking *looking);
void handover_check(struct group *group); /* who is the owner now? */

/* ---- group_upkeep.c ---- */

void upkeep_due(struct group *group);
void upkeep_done(struct group *group, struct looking *looking, uint32_t answered, uint32_t holding);
void upkeep_published(struct group *group, const struct id *key);

/* ---- group_shelf.c: ours; group_shelves.c: the others' ---- */

void shelf_due(struct group *group);
void shelf_touch(struct group *group); /* it has to be written anew */
/* The slot has our list, not another device's. */
bool shelf_is_ours(const struct group *group);
void shelf_seen(struct group *group, const struct looking *looking);
/* The slot before ours is another device's, or nobody's any more. */
void shelf_seen_before(struct group *group, bool is_taken);
void shelf_withdraw(struct group *group);
void shelf_begin(struct group *group); /* after a load */
void shelf_dispose_own(struct group *group);
void shelves_match_roster(struct group *group);
void shelves_dispose(struct group *group);
void shelves_sweep(struct group *group, size_t count);
void shelves_due(struct group *group);
void shelves_look_at_own(struct group *group);
void shelves_done(struct group *group, struct looking *looking);
struct id shelf_key(const struct public_key *member, unsigned slot);

/* ---- group_codec.c: integers, runs of bytes and sections of the saved state ---- */

#define STATE_MAGIC   "kpgroup"
#define STATE_VERSION 1

/* Sections of the state: u8 tag, u32 length, content; unknown ones are skipped. */
enum state_section {
    STATE_BASICS = 1,
    STATE_OWNER,
    STATE_HEAD,
    STATE_ROSTER,
    STATE_SECRETS,
    STATE_HELD,
    STATE_WRITING,
    STATE_PENDING,
    STATE_JOURNAL,
    STATE_REQUESTS,
    STATE_REJECTED,
    STATE_INVITES,
    STATE_TIMES,
};

struct state_reader {
    const uint8_t *at, *end;
    bool failed;
};

void state_u8(struct buffer *out, uint8_t value);
void state_u32(struct buffer *out, uint32_t value);
void state_u64(struct buffer *out, uint64_t value);
void state_run(struct buffer *out, struct bytes run); /* its length first */
void state_text(struct buffer *out, const char *text);
uint8_t state_read_u8(struct state_reader *reader);
uint32_t state_read_u32(struct state_reader *reader);
uint64_t state_read_u64(struct state_reader *reader);
struct bytes state_read_run(struct state_reader *reader, size_t max);
void state_read_fixed(struct state_reader *reader, void *out, size_t len);
/* Text of a buffer of `size`, the final zero included. */
void state_read_text(struct state_reader *reader, char *out, size_t size);
