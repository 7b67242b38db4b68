/* Users and a group of them, with keys made from small numbers: user i has the root secret of bytes
 * i, i / 256; the group that of 0xee. */
#pragma once

#include "kadpeer/rng.h"
#include "people/drops.h"
#include "people/keys.h"
#include "people/roster.h"
#include "support/unit.h"

struct person {
    uint8_t root[ROOT_BYTES];
    struct key_pairs user;
    struct key_pairs member; /* in the group */
};

struct people {
    uint8_t root[ROOT_BYTES]; /* of the group */
    struct key_pairs group;
    struct epoch_keys epoch; /* 3 */
    struct rng rng;
};

static inline void people_init(struct people *people, uint8_t root)
{
    uint8_t secret[ROOT_BYTES];
    memset(people->root, root, sizeof people->root);
    memset(secret, root ^ 0xff, sizeof secret);
    assert_int_equal(keys_of_group(people->root, &people->group), STATUS_OK);
    assert_int_equal(epoch_keys_derive(&people->group.public_key, 3, secret, &people->epoch),
                     STATUS_OK);
    rng_init_seed(&people->rng, root);
}

static inline struct person person_of(const struct people *people, unsigned number)
{
    struct person person = {.root = {(uint8_t)number, (uint8_t)(number >> 8), 0x55}};
    assert_int_equal(keys_of_user(person.root, &person.user), STATUS_OK);
    assert_int_equal(keys_of_member(person.root, &people->group.public_key, &person.member),
                     STATUS_OK);
    return person;
}

static inline struct member member_of(const struct people *people, const struct person *person,
                                      const char *name)
{
    struct member member = {
        .key = person->member.public_key, .user = person->user.public_key, .since_epoch = 1};
    memcpy(member.box_public, person->member.box_public, sizeof member.box_public);
    assert_int_equal(join_sign(person->user.seed, &people->group.public_key, &person->member,
                               member.join_signature),
                     STATUS_OK);
    snprintf(member.name, sizeof member.name, "%s", name);
    return member;
}

/* Of `count` members, the first its owner; names of `name_len` bytes; ends with roster_dispose. */
static inline struct roster roster_of(const struct people *people, size_t count, int name_len)
{
    struct roster roster = {.name = "night shift",
                            .about = "what we read",
                            .epoch = 3,
                            .time_unix_s = 1800000000,
                            .member_count = count};
    roster.members = calloc(count + 1, sizeof *roster.members);
    assert_non_null(roster.members);
    for (size_t i = 0; i < count; i++) {
        char name[USER_NAME_MAX + 1];
        struct person person = person_of(people, (unsigned)i + 1);
        snprintf(name, sizeof name, "%0*zu", name_len, i + 1);
        roster.members[i] = member_of(people, &person, name);
    }
    if (count > 0)
        roster.members[0].role = ROLE_OWNER;
    return roster;
}

/* For what takes an ephemeral key. */
static inline const uint8_t *ephemeral_of(struct people *people, uint8_t out[X25519_BYTES])
{
    rng_fill(&people->rng, out, X25519_BYTES);
    return out;
}
