/* List blobs: what a shelf could not hold, fetched from a member that has it. Members that were
 * seen are asked one after the other, the shelf's owner first; then we give up until the group asks
 * again. What was fetched is kept for a while: its owner may be away when others ask. */
#include <stdlib.h>
#include <string.h>

#include "daemon/channels_private.h"
#include "daemon/daemon.h"
#include "kadpeer/sha256.h"

#define BLOB_ADDRESSES 16                  /* tried, before nobody has it */
#define KEPT_BYTES_MAX (2 * LIST_BLOB_MAX) /* of all groups; the longest unused makes way */

/* ---- kept ---- */

struct kept_blob {
    struct kept_blob *prev, *next; /* channels->kept */
    struct public_key group;
    uint8_t sha256[SHA256_BYTES];
    size_t len;
    uint8_t data[];
};

static void forget_kept(struct channels *channels, struct kept_blob *kept)
{
    DL_DELETE(channels->kept, kept);
    channels->kept_bytes -= kept->len;
    free(kept);
}

static struct kept_blob *find_kept(struct channels *channels, const struct public_key *group,
                                   const uint8_t sha256[SHA256_BYTES])
{
    struct kept_blob *kept;
    DL_FOREACH(channels->kept, kept)
    if (public_key_equal(&kept->group, group) && memcmp(kept->sha256, sha256, SHA256_BYTES) == 0)
        return kept;
    return NULL;
}

/* NULL: no memory. */
static struct kept_blob *keep(struct channels *channels, const struct public_key *group,
                              const uint8_t sha256[SHA256_BYTES], struct bytes blob)
{
    struct kept_blob *kept = malloc(sizeof *kept + blob.len);
    if (kept == NULL)
        return NULL;
    kept->group = *group;
    kept->len = blob.len;
    memcpy(kept->sha256, sha256, SHA256_BYTES);
    memcpy(kept->data, blob.data, blob.len);
    while (channels->kept != NULL && channels->kept_bytes + blob.len > KEPT_BYTES_MAX)
        forget_kept(channels, channels->kept->prev); /* of the first one: the last */
    DL_PREPEND(channels->kept, kept);
    channels->kept_bytes += blob.len;
    return kept;
}

/* Our own is kept, too: the group would hash it for each run of bytes that is asked for. */
bool channel_blob_find(struct channels *channels, struct membership *membership,
                       const uint8_t sha256[SHA256_BYTES], struct bytes *out)
{
    const struct public_key *group = group_key(membership->group);
    struct kept_blob *kept = find_kept(channels, group, sha256);
    struct bytes own;
    if (kept == NULL && group_find_blob(membership->group, sha256, &own))
        kept = keep(channels, group, sha256, own);
    if (kept == NULL)
        return false;
    DL_DELETE(channels->kept, kept);
    DL_PREPEND(channels->kept, kept);
    *out = bytes_of(kept->data, kept->len);
    return true;
}

/* ---- looked for ---- */

struct blob_search {
    struct blob_search *prev, *next; /* channels->blobs */
    struct public_key group, owner;
    uint8_t sha256[SHA256_BYTES];
    uint32_t len;
    bool waiting; /* until members were looked for */
    struct endpoint addresses[BLOB_ADDRESSES];
    size_t count, tried;
};

static struct blob_search *find(struct channels *channels, const struct public_key *group,
                                const uint8_t sha256[SHA256_BYTES])
{
    struct blob_search *search;
    DL_FOREACH(channels->blobs, search)
    if (public_key_equal(&search->group, group) &&
        memcmp(search->sha256, sha256, SHA256_BYTES) == 0)
        return search;
    return NULL;
}

static void end_search(struct channels *channels, struct blob_search *search, struct bytes got)
{
    struct membership *membership = groups_find(channels->daemon->groups, &search->group);
    struct blob_search ended = *search;
    DL_DELETE(channels->blobs, search);
    free(search);
    if (membership == NULL)
        return;
    if (got.len > 0)
        keep(channels, &ended.group, ended.sha256, got);
    group_on_blob(membership->group, ended.sha256, got, channels_now(channels));
    membership_drain(membership);
}

static void try_next(struct channels *channels, struct blob_search *search)
{
    struct membership *membership = groups_find(channels->daemon->groups, &search->group);
    struct channel_session *session = NULL;
    if (membership != NULL && search->tried < search->count)
        session = channel_session_new(channels, SESSION_BLOB);
    if (session == NULL) {
        end_search(channels, search, bytes_of(NULL, 0));
        return;
    }
    memcpy(session->sha256, search->sha256, SHA256_BYTES);
    session->blob_len = search->len;
    channel_session_dial(session, membership, 0, &search->addresses[search->tried++]);
}

/* While nobody is known and members are being looked for, it waits for them. */
static void begin(struct channels *channels, struct blob_search *search)
{
    search->count = presence_addresses(channels, &search->group, &search->owner, search->addresses,
                                       BLOB_ADDRESSES);
    search->waiting = search->count == 0 && presence_is_looking(channels, &search->group);
    if (!search->waiting)
        try_next(channels, search);
}

void channel_blob_start(struct channels *channels, struct membership *membership,
                        const struct public_key *owner, const uint8_t sha256[SHA256_BYTES],
                        uint32_t len)
{
    const struct public_key *group = group_key(membership->group);
    if (len > LIST_BLOB_MAX || find(channels, group, sha256) != NULL)
        return;
    struct blob_search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return;
    search->group = *group;
    search->owner = *owner;
    memcpy(search->sha256, sha256, SHA256_BYTES);
    search->len = len;
    DL_APPEND(channels->blobs, search);
    begin(channels, search);
}

static struct blob_search *waiting_one(struct channels *channels, const struct public_key *group)
{
    struct blob_search *search;
    DL_FOREACH(channels->blobs, search)
    if (search->waiting && public_key_equal(&search->group, group))
        return search;
    return NULL;
}

void channel_blob_go_on(struct channels *channels, const struct public_key *group)
{
    struct blob_search *search;
    while ((search = waiting_one(channels, group)) != NULL) {
        search->waiting = false;
        search->count =
            presence_addresses(channels, group, &search->owner, search->addresses, BLOB_ADDRESSES);
        try_next(channels, search);
    }
}

static bool is_it(const struct blob_search *search, struct bytes got)
{
    uint8_t digest[SHA256_BYTES];
    if (got.len == 0 || got.len != search->len)
        return false;
    sha256_of_parts(&got, 1, digest);
    return memcmp(digest, search->sha256, SHA256_BYTES) == 0;
}

void channel_blob_ended(struct channels *channels, const struct public_key *group,
                        const uint8_t sha256[SHA256_BYTES], struct bytes got)
{
    struct blob_search *search = find(channels, group, sha256);
    if (search == NULL)
        return;
    if (is_it(search, got))
        end_search(channels, search, got);
    else
        try_next(channels, search); /* also when it gave something else */
}

void channel_blob_forget(struct channels *channels, const struct public_key *group)
{
    struct blob_search *search, *next;
    struct kept_blob *kept, *after;
    DL_FOREACH_SAFE(channels->blobs, search, next)
    {
        if (group != NULL && !public_key_equal(&search->group, group))
            continue;
        DL_DELETE(channels->blobs, search);
        free(search);
    }
    DL_FOREACH_SAFE(channels->kept, kept, after)
    if (group == NULL || public_key_equal(&kept->group, group))
        forget_kept(channels, kept);
}
