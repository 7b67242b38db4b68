/* Who is logged in: the users of this profile, whose keystores lie in data_dir/users/NAME.keystore,
 * and the one whose keystore is open. Also publishes that user's profile (KIND_ITEM, salt "user")
 * and the entry of the name, and finds other users. scrypt and files: in the pool, one job at a
 * time. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "kadpeer/bytes.h"
#include "kadpeer/status.h"
#include "people/keys.h"
#include "people/keystore.h"

struct call;
struct daemon;
struct session;

struct session *session_new(struct daemon *daemon); /* NULL: no memory */
/* Logs in who asked to be remembered; before anybody can ask: without scrypt it takes a moment. */
void session_start(struct session *session);
/* Begins to save what is not saved yet; with the engine's jobs, which engine_stop waits for. */
void session_stop(struct session *session);
/* Nothing follows; what was to be saved is with the engine's jobs, which engine_stop waits for. */
void session_free(struct session *session); /* NULL is allowed */

/* The wall clock was set, or the machine has slept. */
void session_on_clock(struct session *session);

/* NULL: nobody is logged in. Borrowed until groups_on_logout has been called. */
const struct keystore *session_keystore(const struct session *session);
const struct key_pairs *session_keys(const struct session *session);

/* Puts a group's state into the keystore and that to disk; `done` is called from the loop once it
 * is there, or with the reason why not (then the caller tries again later). Calls close together
 * are one write. After a logout: CANCELLED. */
typedef void session_saved(void *user, enum status status);
void session_save_group(struct session *session, const struct public_key *group, struct bytes state,
                        session_saved *done, void *user);
void session_forget_group(struct session *session, const struct public_key *group);

/* ---- for methods_user.c ---- */

/* Fails the call (error not_logged_in of docs/control.md) and returns false while nobody is. */
bool session_need_user(struct session *session, struct call *call);
