/* Invites: a token is good for a number of uses, until a time, and is void once somebody who came
 * by it is removed. */
#include <stdlib.h>
#include <string.h>

#include "people/group_private.h"

static void remove_at(struct group *group, size_t index)
{
    free(group->invites[index].used_by);
    keys_wipe(&group->invites[index], sizeof group->invites[index]);
    group->invite_count--;
    memmove(&group->invites[index], &group->invites[index + 1],
            (group->invite_count - index) * sizeof group->invites[0]);
}

static bool is_over(const struct group *group, const struct open_invite *invite)
{
    return invite->uses_left == 0 || group_unix_s(group) >= invite->expiry_unix_s;
}

void invites_expire(struct group *group)
{
    size_t before = group->invite_count;
    for (size_t i = group->invite_count; i-- > 0;)
        if (is_over(group, &group->invites[i]))
            remove_at(group, i);
    if (group->invite_count != before)
        actions_save(group);
}

struct open_invite *invites_find(struct group *group, const uint8_t *token)
{
    struct open_invite *found = NULL;
    for (size_t i = 0; i < group->invite_count; i++)
        if (memcmp(group->invites[i].token, token, INVITE_TOKEN_BYTES) == 0 &&
            !is_over(group, &group->invites[i]))
            found = &group->invites[i];
    return found;
}

void invites_use(struct group *group, struct open_invite *invite, const struct public_key *member)
{
    struct public_key *used_by =
        realloc(invite->used_by, (invite->used_count + 1) * sizeof *used_by);
    invite->uses_left--;
    if (used_by != NULL) {
        invite->used_by = used_by;
        used_by[invite->used_count++] = *member;
    }
    invites_expire(group);
}

static bool was_used_by(const struct open_invite *invite, const struct public_key *member)
{
    for (size_t i = 0; i < invite->used_count; i++)
        if (public_key_equal(&invite->used_by[i], member))
            return true;
    return false;
}

void invites_void(struct group *group, const struct public_key *member)
{
    for (size_t i = group->invite_count; i-- > 0;)
        if (was_used_by(&group->invites[i], member))
            remove_at(group, i);
}

void invites_dispose(struct group *group)
{
    while (group->invite_count > 0)
        remove_at(group, group->invite_count - 1);
    free(group->invites);
    group->invites = NULL;
}

static struct open_invite *add(struct group *group, uint32_t uses, uint32_t expires_s)
{
    if (group->invites == NULL)
        group->invites = calloc(INVITES_MAX, sizeof *group->invites);
    if (group->invites == NULL)
        return NULL;
    struct open_invite *invite = &group->invites[group->invite_count++];
    uint64_t now_unix_s = group_unix_s(group);
    *invite = (struct open_invite){
        .uses_left = uses, .made_unix_s = now_unix_s, .expiry_unix_s = now_unix_s + expires_s};
    group_fill_random(group, invite->token, sizeof invite->token);
    return invite;
}

enum status group_invite(struct group *group, uint32_t uses, uint32_t expires_s,
                         const struct endpoint addresses[], size_t count, uint64_t now_ms,
                         struct buffer *text)
{
    group_begin(group, now_ms);
    if (group->standing != GROUP_OWNER)
        return STATUS_REFUSED;
    invites_expire(group);
    if (group->invite_count == INVITES_MAX)
        return STATUS_FULL;
    uses = uses == 0 ? 1 : uses < INVITE_USES_MAX ? uses : INVITE_USES_MAX;
    const struct open_invite *open =
        add(group, uses, expires_s == 0 ? (uint32_t)INVITE_LIFE_DEFAULT_S : expires_s);
    if (open == NULL)
        return STATUS_NO_MEMORY;
    struct invite invite = {.group = group->key};
    memcpy(invite.token, open->token, sizeof invite.token);
    for (size_t i = 0; i < count && i < INVITE_ADDRESSES_MAX; i++)
        invite.addresses[invite.address_count++] = addresses[i];
    invite_format(&invite, text);
    keys_wipe(&invite, sizeof invite);
    actions_save(group);
    group_timer_set(group, TIMER_INVITES, INVITE_POLL_MS);
    return text->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

const uint8_t *group_open_token(const struct group *group, size_t index)
{
    for (size_t i = 0; i < group->invite_count; i++)
        if (!is_over(group, &group->invites[i]) && index-- == 0)
            return group->invites[i].token;
    return NULL;
}
