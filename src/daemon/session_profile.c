/* What others find of the user who is logged in: the profile (name, mailbox key) under the user's
 * key, and the entry that leads from the name to the key  [groups-design 2; protocol.md 2]. Signed
 * anew each day. */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "content/names.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "daemon/session_private.h"
#include "daemon/signing.h"
#include "kadpeer/records.h"
#include "people/user_body.h"

#define PROFILE_LIFE_S (30ull * 24 * 3600)
#define NAME_LIFE_S    (7ull * 24 * 3600)

static bool publish_profile(struct session *session, uint64_t now_unix_s)
{
    struct user_body body;
    struct buffer plain, value;
    struct bytes salt = bytes_of_string(ITEM_SALT_USER);
    memset(&body, 0, sizeof body);
    snprintf(body.name, sizeof body.name, "%s", session->keystore.name);
    memcpy(body.box_public, session->keys.box_public, sizeof body.box_public);
    buffer_init(&plain);
    buffer_init(&value);
    user_body_encode(&body, &plain);
    enum status status =
        item_record_make(session->keys.seed, salt, session->keystore.profile_seq,
                         now_unix_s + PROFILE_LIFE_S, buffer_bytes(&plain), &value);
    session->profile_key = key_of_item(session->keys.public_key.bytes, salt);
    if (status == STATUS_OK && !value.failed && !plain.failed)
        status = node_publish(session->daemon->node, &session->profile_key, KIND_ITEM,
                              buffer_bytes(&value));
    buffer_dispose(&plain);
    buffer_dispose(&value);
    return status == STATUS_OK;
}

static bool publish_name(struct session *session, uint64_t now_unix_s)
{
    struct user_entry_body body;
    struct buffer plain, value;
    char *normal;
    if (names_normalize(session->keystore.name, &normal) != STATUS_OK)
        return false;
    session->name_key = key_of_user_name(normal);
    free(normal);
    memcpy(body.user, session->keys.public_key.bytes, sizeof body.user);
    buffer_init(&plain);
    buffer_init(&value);
    user_entry_body_encode(&body, &plain);
    enum status status =
        entry_record_make(&session->name_key, session->keys.seed, session->keystore.profile_seq,
                          now_unix_s + NAME_LIFE_S, buffer_bytes(&plain), &value);
    if (status == STATUS_OK && !value.failed && !plain.failed)
        status = node_publish(session->daemon->node, &session->name_key, KIND_ENTRY,
                              buffer_bytes(&value));
    buffer_dispose(&plain);
    buffer_dispose(&value);
    return status == STATUS_OK;
}

/* The number is on disk before the world sees it. */
static void on_saved(void *user, enum status status)
{
    struct session *session = user;
    uint64_t now_unix_s = (uint64_t)time(NULL);
    if (status != STATUS_OK || !session->logged_in)
        return;
    session->profile_published = true;
    if (!publish_profile(session, now_unix_s) || !publish_name(session, now_unix_s))
        log_warn("session", "the profile of %s is not published", session->keystore.name);
}

void session_publish(struct session *session)
{
    uint64_t now_unix_s = (uint64_t)time(NULL);
    struct waiting_save *waiting = malloc(sizeof *waiting);
    if (waiting == NULL || !session->logged_in) {
        free(waiting);
        return;
    }
    session->keystore.profile_seq =
        session->keystore.profile_seq < now_unix_s ? now_unix_s : session->keystore.profile_seq + 1;
    *waiting = (struct waiting_save){session->waiting, on_saved, session};
    session->waiting = waiting;
    session_mark_dirty(session);
    session->signed_unix_s = now_unix_s;
    timer_set(session->timer, daemon_now_ms(session->daemon) + SIGN_EVERY_S * 1000);
}

void session_on_clock(struct session *session)
{
    if (session->logged_in && signing_is_due(session->signed_unix_s, (uint64_t)time(NULL)))
        session_publish(session);
}

void session_withdraw(struct session *session)
{
    timer_set(session->timer, UINT64_MAX);
    if (!session->profile_published)
        return;
    session->profile_published = false;
    node_withdraw(session->daemon->node, &session->profile_key, KIND_ITEM, bytes_of(NULL, 0));
    node_withdraw(session->daemon->node, &session->name_key, KIND_ENTRY, bytes_of(NULL, 0));
}
