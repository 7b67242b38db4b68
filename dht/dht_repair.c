/* Who holds what a get brought, and who is given it anew.
 *
 * Under the key of an item or a part stands one value: the newest of those brought. At the end of
 * the get the nodes among the k nearest that hold an older item are given the newest; and when
 * fewer than half of the k nearest brought it at all, so are those that hold none. The get has left
 * a token of each: no further walk is needed. What is put has been verified, like all that a get
 * tells of. */
#include <stdlib.h>
#include <string.h>

#include "dht/node.h"
#include "dht/record_kinds.h"
#include "kadpeer/siphash.h"

static bool has_one_value(const struct walk *walk)
{
    const struct record_rules *rules = record_rules(walk->kind);
    return rules != NULL && rules->per_key_max == 1;
}

/* The same for all encodings of one signed item; never 0 or HELD_OLDER. */
static uint64_t mark_of(const struct dht *dht, const struct walk *walk, struct bytes value)
{
    const struct record_rules *rules = record_rules(walk->kind);
    uint8_t digest[SHA256_BYTES];
    if (rules->digest != NULL) {
        rules->digest(value, digest);
        value = bytes_of(digest, sizeof digest);
    }
    uint64_t hash = siphash(dht->config.secret, value);
    return hash > HELD_OLDER ? hash : HELD_OLDER + 1;
}

static void set_newest(struct walk *walk, struct bytes value, uint64_t mark)
{
    struct record_facts facts;
    uint8_t *copy = malloc(value.len > 0 ? value.len : 1);
    if (copy == NULL || !record_rules(walk->kind)->inspect(value, &facts)) {
        free(copy);
        return;
    }
    if (value.len > 0)
        memcpy(copy, value.data, value.len);
    free(walk->newest.value);
    walk->newest.value = copy;
    walk->newest.len = (uint16_t)value.len;
    walk->newest.seq = facts.seq;
    walk->newest.mark = mark;
}

static struct bytes newest_value(const struct walk *walk)
{
    return bytes_of(walk->newest.value, walk->newest.len);
}

void dht_repair_note(struct dht *dht, struct walk *walk, struct lookup_node *node,
                     struct bytes value)
{
    uint64_t *held = node != NULL ? &node->held : &walk->newest.ours;
    uint64_t mark = HELD_OLDER + 1;
    if (has_one_value(walk)) {
        mark = mark_of(dht, walk, value);
        if (walk->newest.value == NULL ||
            (mark != walk->newest.mark && record_is_newer(walk->kind, value, newest_value(walk))))
            set_newest(walk, value, mark);
    }
    if (*held == 0 || mark == walk->newest.mark)
        *held = mark;
}

bool dht_repair_seq(const struct walk *walk, uint64_t *out)
{
    if (walk->newest.value == NULL || walk->newest.seq == 0)
        return false;
    *out = walk->newest.seq - 1; /* another of the same seq is worth seeing */
    return true;
}

/* ---- at the end of the get ---- */

static bool holds(const struct walk *walk, uint64_t held)
{
    return has_one_value(walk) ? held != 0 && held == walk->newest.mark : held != 0;
}

/* The k nearest, ourselves among them if we are: then one of the others fewer. */
static size_t nearest_others(const struct dht *dht, const struct walk *walk,
                             uint16_t nearest[DENSITY_WIDE_MAX], bool *ourselves)
{
    size_t count = lookup_result(&walk->lookup, nearest, walk->lookup.config.k);
    *ourselves = dht_walk_is_among(dht, &walk->lookup, nearest, count);
    return *ourselves && count == walk->lookup.config.k ? count - 1 : count;
}

struct holders dht_repair_count(const struct dht *dht, const struct walk *walk)
{
    uint16_t nearest[DENSITY_WIDE_MAX];
    bool ourselves;
    size_t count = nearest_others(dht, walk, nearest, &ourselves);
    struct holders holders = {.nearest = (uint32_t)count + ourselves,
                              .holding = ourselves && holds(walk, walk->newest.ours)};
    for (size_t i = 0; i < count; i++)
        holders.holding += holds(walk, walk->lookup.nodes[nearest[i]].held);
    return holders;
}

static void add_target(struct walk *repair, const struct walk *get, const struct lookup_node *node)
{
    if (!lookup_add(&repair->lookup, &node->id, &node->endpoint, 0) ||
        lookup_next(&repair->lookup) == NULL)
        return;
    lookup_answered(&repair->lookup, &node->id); /* the get did */
    struct lookup_node *target = lookup_find(&repair->lookup, &node->id);
    lookup_keep_token(&repair->lookup, target, lookup_token(&get->lookup, node));
}

static bool is_to_mend(const struct walk *walk, uint64_t held, bool scarce)
{
    return !holds(walk, held) && (held != 0 || scarce);
}

/* What we publish ourselves has a round of its own, and what is on its way needs no second one. */
static bool goes_by_itself(struct dht *dht, const struct walk *walk)
{
    struct published_record *record =
        published_same_place(&dht->published, &walk->lookup.target, walk->kind, newest_value(walk));
    if (record != NULL && !record->busy && !record->foreign &&
        bytes_equal(published_value(record), newest_value(walk)))
        published_set_due(&dht->published, record, dht->now_ms);
    return record != NULL;
}

static void mend_ourselves(struct dht *dht, const struct walk *walk)
{
    struct record_put put = {.key = walk->lookup.target,
                             .kind = walk->kind,
                             .value = newest_value(walk),
                             .lifetime_cap_s = UINT32_MAX};
    record_store_put(dht->store, &put, dht->now_ms, dht_now_unix_s(dht));
}

static void mend_others(struct dht *dht, const struct walk *walk, const uint16_t targets[],
                        size_t count)
{
    struct walk *repair = dht_walk_new(dht, WALK_REPAIR, &walk->lookup.target, walk->kind);
    if (repair == NULL)
        return;
    repair->lookup.config.k = walk->lookup.config.k;
    for (size_t i = 0; i < count; i++)
        add_target(repair, walk, &walk->lookup.nodes[targets[i]]);
    dht_publish_carry(dht, repair, &walk->lookup.target, walk->kind, newest_value(walk), 0);
    dht_walk_begin(dht, repair);
}

void dht_repair(struct dht *dht, const struct walk *walk)
{
    uint16_t nearest[DENSITY_WIDE_MAX], targets[DENSITY_WIDE_MAX];
    bool ourselves;
    if (walk->newest.value == NULL)
        return;
    struct holders holders = dht_repair_count(dht, walk);
    bool scarce = 2 * holders.holding < holders.nearest;
    size_t count = nearest_others(dht, walk, nearest, &ourselves), target_count = 0;
    for (size_t i = 0; i < count; i++)
        if (is_to_mend(walk, walk->lookup.nodes[nearest[i]].held, scarce))
            targets[target_count++] = nearest[i];
    if (ourselves && is_to_mend(walk, walk->newest.ours, scarce))
        mend_ourselves(dht, walk);
    if (target_count > 0 && !goes_by_itself(dht, walk))
        mend_others(dht, walk, targets, target_count);
}
