/* Secrets of the epochs we know, oldest first, and the keys of those that latecomers may still use:
 * the newest, and what ended within seven days. */
#include <string.h>

#include "people/group_private.h"

const struct epoch_secret *secrets_find(const struct group *group, uint32_t epoch)
{
    for (size_t i = group->secret_count; i-- > 0;)
        if (group->secrets[i].epoch == epoch)
            return &group->secrets[i];
    return NULL;
}

bool secrets_keys(const struct group *group, uint32_t epoch, struct epoch_keys *out)
{
    for (size_t i = 0; i < group->live_count; i++)
        if (group->live[i].epoch == epoch) {
            *out = group->live[i];
            return true;
        }
    const struct epoch_secret *secret = secrets_find(group, epoch);
    return secret != NULL &&
           epoch_keys_derive(&group->key, epoch, secret->secret, out) == STATUS_OK;
}

bool secret_is_of_head(const struct group *group, const uint8_t secret[ROOT_BYTES])
{
    struct epoch_keys keys;
    uint8_t mark[EPOCH_MARK_BYTES];
    if (epoch_keys_derive(&group->key, group->body.epoch, secret, &keys) != STATUS_OK)
        return false;
    epoch_mark(&keys, mark);
    keys_wipe(&keys, sizeof keys);
    return memcmp(mark, group->body.mark, sizeof mark) == 0;
}

static void drop_oldest(struct group *group)
{
    memmove(&group->secrets[0], &group->secrets[1],
            (group->secret_count - 1) * sizeof group->secrets[0]);
    group->secret_count--;
}

void secrets_add(struct group *group, uint32_t epoch, const uint8_t secret[ROOT_BYTES],
                 uint64_t ended_unix_s)
{
    const size_t max = sizeof group->secrets / sizeof group->secrets[0];
    if (group->secret_count == max &&
        (secrets_find(group, epoch) == NULL && epoch < group->secrets[0].epoch))
        return;
    size_t at = group->secret_count;
    while (at > 0 && group->secrets[at - 1].epoch > epoch)
        at--;
    if (at > 0 && group->secrets[at - 1].epoch == epoch) {
        at--; /* another device's of the same number: that one stands */
    } else {
        if (group->secret_count == max) {
            drop_oldest(group);
            at--;
        }
        memmove(&group->secrets[at + 1], &group->secrets[at],
                (group->secret_count - at) * sizeof group->secrets[0]);
        group->secret_count++;
    }
    group->secrets[at] = (struct epoch_secret){.epoch = epoch, .ended_unix_s = ended_unix_s};
    memcpy(group->secrets[at].secret, secret, ROOT_BYTES);
    for (size_t i = 0; i + 1 < group->secret_count; i++)
        if (group->secrets[i].ended_unix_s == 0)
            group->secrets[i].ended_unix_s = group_unix_s(group);
}

static bool is_live(const struct group *group, const struct epoch_secret *secret)
{
    return secret->ended_unix_s == 0 || secret->ended_unix_s + EPOCH_KEPT_S > group_unix_s(group);
}

static bool same_as_before(const struct group *group, size_t at, const struct epoch_secret *secret)
{
    return at < group->live_count && group->live[at].epoch == secret->epoch &&
           memcmp(group->live[at].secret, secret->secret, ROOT_BYTES) == 0;
}

bool secrets_refresh_live(struct group *group)
{
    size_t count = 0;
    bool changed = false;
    for (size_t i = group->secret_count; i-- > 0 && count < EPOCHS_LIVE_MAX;) {
        const struct epoch_secret *secret = &group->secrets[i];
        if (!is_live(group, secret))
            break;
        if (!same_as_before(group, count, secret)) {
            changed = true;
            if (epoch_keys_derive(&group->key, secret->epoch, secret->secret,
                                  &group->live[count]) != STATUS_OK)
                break;
        }
        count++;
    }
    changed |= count != group->live_count;
    if (count < group->live_count)
        keys_wipe(&group->live[count], (group->live_count - count) * sizeof group->live[0]);
    group->live_count = count;
    return changed;
}

void epochs_due(struct group *group)
{
    if (secrets_refresh_live(group))
        group_actions_push(group, (struct group_action){.type = GROUP_KEYS}, (struct bytes){0});
    if (group->live_count < 2)
        return;
    const struct epoch_secret *oldest =
        secrets_find(group, group->live[group->live_count - 1].epoch);
    timer_set_unix(group, TIMER_EPOCHS, oldest->ended_unix_s + EPOCH_KEPT_S);
}
