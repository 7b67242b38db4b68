/* List blobs: what a shelf could not hold, fetched from a member that has it. Members that were
 * seen are asked one after the other; then we give up until the group asks again. */
#include <stdlib.h>
#include <string.h>

#include "daemon/channels_private.h"
#include "daemon/daemon.h"

#define BLOB_ADDRESSES 16 /* tried, before nobody has it */

struct blob_search {
    struct blob_search *prev, *next; /* channels->blobs */
    struct public_key group;
    uint8_t sha256[SHA256_BYTES];
    uint32_t len;
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

void channel_blob_start(struct channels *channels, struct membership *membership,
                        const uint8_t sha256[SHA256_BYTES], uint32_t len)
{
    const struct public_key *group = group_key(membership->group);
    if (len > LIST_BLOB_MAX || find(channels, group, sha256) != NULL)
        return;
    struct blob_search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return;
    search->group = *group;
    memcpy(search->sha256, sha256, SHA256_BYTES);
    search->len = len;
    search->count = presence_addresses(channels, group, search->addresses, BLOB_ADDRESSES);
    DL_APPEND(channels->blobs, search);
    try_next(channels, search);
}

void channel_blob_ended(struct channels *channels, const struct public_key *group,
                        const uint8_t sha256[SHA256_BYTES], struct bytes got)
{
    struct blob_search *search = find(channels, group, sha256);
    if (search == NULL)
        return;
    if (got.len == search->len && got.len > 0)
        end_search(channels, search, got);
    else
        try_next(channels, search);
}

void channel_blob_forget(struct channels *channels, const struct public_key *group)
{
    struct blob_search *search, *next;
    DL_FOREACH_SAFE(channels->blobs, search, next)
    {
        if (group != NULL && !public_key_equal(&search->group, group))
            continue;
        DL_DELETE(channels->blobs, search);
        free(search);
    }
}
