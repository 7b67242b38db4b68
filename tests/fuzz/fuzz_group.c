/* One group as its owner and one as an applicant, led through any inputs: the first byte says
 * which, then come steps, each a byte that says what it is, two bytes of length, and its bytes.
 * Some are signed by the group first, as an owner may write whatever he likes. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "kadpeer/records.h"
#include "people/group.h"
#include "people/keypage.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { STEPS_MAX = 64, UNIX_BASE_S = 1700000000 };

enum step {
    STEP_TIME,
    STEP_VALUE,
    STEP_SIGNED_HEAD, /* as a value of a lookup */
    STEP_SIGNED_PAGE,
    STEP_DONE,
    STEP_HEAD, /* from a channel, signed */
    STEP_PART,
    STEP_BLOB,
    STEP_JOIN,
    STEP_PUBLISHED,
    STEP_WORKED,
    STEP_LOAD,
    STEPS
};

struct play {
    struct group *group;
    struct group_config config;
    struct key_pairs pairs; /* of the applicant's group */
    uint64_t now_ms, seq;
    struct group_action lookup, publish; /* the last of each */
    uint32_t work;
};

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void drain(struct play *play)
{
    struct group_action action;
    struct group_event event;
    for (int i = 0; i < 2000 && group_next_action(play->group, &action); i++) {
        if (action.type == GROUP_LOOKUP)
            play->lookup = action;
        else if (action.type == GROUP_PUBLISH)
            play->publish = action;
        else if (action.type == GROUP_WORK)
            play->work = action.handle;
        else if (action.type == GROUP_SAVE)
            group_on_saved(play->group, play->now_ms);
    }
    while (group_next_event(play->group, &event))
        ;
    require(group_valid(play->group));
}

static struct buffer signed_item(struct play *play, struct bytes salt, struct bytes body)
{
    struct buffer value;
    buffer_init(&value);
    if (body.len > ITEM_BODY_MAX)
        body.len = ITEM_BODY_MAX;
    require(item_record_make(play->pairs.seed, salt, ++play->seq,
                             UNIX_BASE_S + 86400 + play->now_ms / 1000, body, &value) == STATUS_OK);
    return value;
}

static void give_signed(struct play *play, enum step step, struct bytes bytes)
{
    uint8_t page[KEYPAGE_SALT_BYTES];
    struct bytes salt = bytes_of_string(ITEM_SALT_HEAD);
    if (step == STEP_SIGNED_PAGE && bytes.len > 0) {
        const uint8_t mark[EPOCH_MARK_BYTES] = {0};
        keypage_salt(bytes.data[0], mark, 0, page);
        salt = bytes_of(page, sizeof page);
    }
    struct buffer value = signed_item(play, salt, bytes);
    if (step == STEP_HEAD)
        group_on_head(play->group, buffer_bytes(&value), play->now_ms);
    else
        group_on_value(play->group, play->lookup.handle, buffer_bytes(&value), play->now_ms);
    buffer_dispose(&value);
}

static void load(struct play *play, struct bytes bytes)
{
    struct buffer state;
    buffer_init(&state);
    group_save(play->group, &state);
    for (size_t i = 0; i + 2 < bytes.len; i += 3) /* a saved state with some bytes changed */
        if (state.len > 0)
            state.data[read_u16(bytes.data + i) % state.len] ^= bytes.data[i + 2];
    struct group *group = group_load(&play->config, buffer_bytes(&state), play->now_ms);
    group_free(group);
    group_free(group_load(&play->config, bytes, play->now_ms));
    buffer_dispose(&state);
}

static void take_step(struct play *play, enum step step, struct bytes bytes)
{
    uint8_t digest[SHA256_BYTES] = {0};
    uint8_t first = bytes.len > 0 ? bytes.data[0] : 0, second = bytes.len > 1 ? bytes.data[1] : 0;
    switch (step) {
    case STEP_TIME:
        play->now_ms += first < 128 ? first * 100u : (first - 127u) * 600000u;
        group_on_time(play->group, play->now_ms);
        break;
    case STEP_VALUE:
        group_on_value(play->group, play->lookup.handle, bytes, play->now_ms);
        break;
    case STEP_SIGNED_HEAD:
    case STEP_SIGNED_PAGE:
    case STEP_HEAD:
        give_signed(play, step, bytes);
        break;
    case STEP_DONE:
        group_on_lookup_done(play->group, play->lookup.handle - second % 4, STATUS_OK, first,
                             second, play->now_ms);
        break;
    case STEP_PART:
        group_on_part(play->group, bytes, play->now_ms);
        break;
    case STEP_BLOB:
        group_on_blob(play->group, digest, bytes, play->now_ms);
        break;
    case STEP_JOIN:
        group_on_join(play->group, bytes, play->now_ms);
        break;
    case STEP_PUBLISHED:
        group_on_published(play->group, &play->publish.key, play->publish.kind, first, second,
                           play->now_ms);
        break;
    case STEP_WORKED:
        group_on_worked(play->group, play->work, first & 1, bytes, play->now_ms);
        break;
    case STEP_LOAD:
        load(play, bytes);
        break;
    case STEPS:
        break;
    }
    drain(play);
}

static struct play begin(bool as_owner)
{
    static const struct group_options options = {.name = "fuzz", .policy = JOIN_ON_REQUEST};
    struct play play = {
        .config = {.user_root = {1}, .user_name = "me", .unix_base_ms = UNIX_BASE_S * 1000ull}};
    uint8_t root[ROOT_BYTES] = {0xee};
    rng_init_seed(&play.config.rng, 1);
    require(keys_of_group(root, &play.pairs) == STATUS_OK);
    play.group = as_owner ? group_create(&play.config, &options, 0)
                          : group_apply(&play.config, &play.pairs.public_key, NULL, "", "", 0, 0);
    require(play.group != NULL);
    drain(&play);
    return play;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    struct play play = begin(data[0] & 1);
    size_t at = 1;
    for (int step = 0; step < STEPS_MAX && size - at >= 3; step++) {
        size_t len = read_u16(data + at + 1);
        if (len > size - at - 3)
            len = size - at - 3;
        take_step(&play, (enum step)(data[at] % STEPS), bytes_of(data + at + 3, len));
        at += 3 + len;
    }
    group_free(play.group);
    return 0;
}
