/* What the routing table is to do, as one flat list in which everything is looked for from its
 * beginning to its end. Its public addresses share their first byte. */
#pragma once

#include <string.h>

#include "dht/node_id.h"
#include "dht/params.h"
#include "dht/routing_table.h"
#include "support/unit.h"

struct model {
    struct id self;
    uint8_t family;
    unsigned buckets;
    uint32_t crowded;
    struct id due; /* whom a full bucket asked for last */
    uint32_t refresh_s[ID_BITS];
    struct model_entry {
        struct contact contact;
        uint64_t order; /* the lower, the older */
        bool candidate;
        bool gives_way, came_second;
    } entries[4096];
    size_t count;
    uint64_t clock;
};

/* ---- what it holds ---- */

static unsigned model_bucket(const struct model *model, const struct id *id)
{
    unsigned common = id_common_bits(&model->self, id);
    return common < model->buckets ? common : model->buckets - 1;
}

static bool fits(const struct contact *contact)
{
    return node_id_fits(&contact->id, &contact->endpoint);
}

static bool share_prefix(const struct endpoint *a, const struct endpoint *b, size_t v4, size_t v6)
{
    return !endpoint_is_local(a) && !endpoint_is_local(b) &&
           memcmp(a->addr, b->addr, a->family == ENDPOINT_IPV4 ? v4 : v6) == 0;
}

static bool in_one_network(const struct endpoint *a, const struct endpoint *b)
{
    return share_prefix(a, b, 3, 6);
}

static bool in_one_wide_network(const struct endpoint *a, const struct endpoint *b)
{
    return share_prefix(a, b, 2, 4);
}

static bool at_one_address(const struct endpoint *a, const struct endpoint *b)
{
    return share_prefix(a, b, 4, 8);
}

static void model_take_out(struct model *model, struct model_entry *entry)
{
    *entry = model->entries[--model->count];
}

static size_t model_members(const struct model *model, unsigned bucket)
{
    size_t members = 0;
    for (size_t i = 0; i < model->count; i++)
        members += !model->entries[i].candidate &&
                   model_bucket(model, &model->entries[i].contact.id) == bucket;
    return members;
}

static struct model_entry *model_candidate(struct model *model, unsigned bucket)
{
    for (size_t i = 0; i < model->count; i++)
        if (model->entries[i].candidate &&
            model_bucket(model, &model->entries[i].contact.id) == bucket)
            return &model->entries[i];
    return NULL;
}

static struct model_entry *model_find(struct model *model, const struct id *id)
{
    for (size_t i = 0; i < model->count; i++)
        if (id_equal(&model->entries[i].contact.id, id))
            return &model->entries[i];
    return NULL;
}

/* ---- what changes it ---- */

static void model_remove(struct model *model, struct model_entry *entry)
{
    unsigned bucket = model_bucket(model, &entry->contact.id);
    bool was_candidate = entry->candidate;
    model_take_out(model, entry);
    struct model_entry *candidate = model_candidate(model, bucket);
    if (was_candidate || candidate == NULL)
        return;
    candidate->candidate = false;
    candidate->order = ++model->clock;
}

static void model_drop_candidate(struct model *model, unsigned bucket)
{
    struct model_entry *candidate = model_candidate(model, bucket);
    if (candidate != NULL)
        model_take_out(model, candidate);
}

/* Of those that fit, nearer to ourselves. */
static size_t model_nearer(const struct model *model, const struct contact *who)
{
    size_t nearer = 0;
    for (size_t i = 0; i < model->count; i++)
        nearer += !model->entries[i].candidate && fits(&model->entries[i].contact) &&
                  id_distance_compare(&model->self, &model->entries[i].contact.id, &who->id) < 0;
    return nearer;
}

static bool model_has_room(const struct model *model, const struct contact *who)
{
    unsigned bucket = model_bucket(model, &who->id);
    size_t members = model_members(model, bucket);
    return members < DHT_K || (bucket + 1 < model->buckets && members < 2 * DHT_K && fits(who) &&
                               model_nearer(model, who) < DHT_K);
}

/* The candidate of its bucket gives way, and does not count. */
static size_t model_others(const struct model *model, const struct contact *who, bool in_table)
{
    unsigned bucket = model_bucket(model, &who->id);
    size_t others = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct model_entry *entry = &model->entries[i];
        bool same_bucket = model_bucket(model, &entry->contact.id) == bucket;
        others += in_one_network(&entry->contact.endpoint, &who->endpoint) &&
                  !(same_bucket && entry->candidate) && (in_table || same_bucket);
    }
    return others;
}

static size_t model_contacts(const struct model *model)
{
    size_t contacts = 0;
    for (size_t i = 0; i < model->count; i++)
        contacts += !model->entries[i].candidate;
    return contacts;
}

/* Of its /16 or /32, and of the others how many there are on average. */
static bool model_is_wide_crowded(const struct model *model, const struct contact *who)
{
    static bool met[1 << 24]; /* by the address behind its first byte, which all share */
    size_t count = 0, all = 0, distinct = 0;
    for (int pass = 0; pass < 2; pass++) /* the second cleans up */
        for (size_t i = 0; i < model->count; i++) {
            const struct model_entry *entry = &model->entries[i];
            const struct endpoint *at = &entry->contact.endpoint;
            if (endpoint_is_local(at) ||
                (entry->candidate &&
                 model_bucket(model, &entry->contact.id) == model_bucket(model, &who->id)))
                continue;
            size_t wide = at->family == ENDPOINT_IPV4 ? at->addr[1] : read_u32(at->addr) & 0xffffff;
            all += pass == 0;
            distinct += pass == 0 && !met[wide];
            count += pass == 0 && in_one_wide_network(at, &who->endpoint);
            met[wide] = pass == 0;
        }
    size_t share = distinct > 0 ? all * all / (distinct * distinct) : 1;
    share = share > all / 100 ? share : all / 100;
    return count > 0 && 2 * count < all && count >= share;
}

enum crowd { NO_CROWD, CROWD, WIDE_CROWD };

static size_t model_network_max(const struct model *model)
{
    size_t contacts = model_contacts(model);
    return contacts < DHT_K             ? ROUTING_PER_TABLE
           : contacts < ROUTING_DIVERSE ? ROUTING_PER_BUCKET
                                        : 1;
}

static enum crowd model_crowd(const struct model *model, const struct contact *who)
{
    if (model_others(model, who, true) >= model_network_max(model))
        return CROWD;
    return model_contacts(model) >= ROUTING_DIVERSE && model_is_wide_crowded(model, who)
               ? WIDE_CROWD
               : NO_CROWD;
}

/* The one that comes first, in the farthest bucket the oldest, of those that `is_meant`. */
static struct model_entry *model_first(struct model *model, const struct contact *who,
                                       bool (*is_meant)(const struct model *model,
                                                        const struct model_entry *entry,
                                                        const struct contact *who))
{
    struct model_entry *first = NULL;
    for (size_t i = 0; i < model->count; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->candidate || !is_meant(model, entry, who))
            continue;
        unsigned bucket = model_bucket(model, &entry->contact.id);
        unsigned best = first != NULL ? model_bucket(model, &first->contact.id) : 0;
        if (first == NULL || bucket < best || (bucket == best && entry->order < first->order))
            first = entry;
    }
    return first;
}

static bool is_farther_of_crowd(const struct model *model, const struct model_entry *entry,
                                const struct contact *who)
{
    const struct endpoint *at = &entry->contact.endpoint;
    return in_one_wide_network(at, &who->endpoint) &&
           model_bucket(model, &entry->contact.id) < model_bucket(model, &who->id) &&
           (in_one_network(at, &who->endpoint) || model_crowd(model, who) == WIDE_CROWD);
}

/* In whose place a neighbour comes whose network has its share. */
static struct model_entry *model_farther(struct model *model, const struct contact *who)
{
    if (!fits(who) || !model_has_room(model, who) || model_nearer(model, who) >= DHT_K)
        return NULL;
    return model_first(model, who, is_farther_of_crowd);
}

static bool is_surplus(const struct model *model, const struct model_entry *entry,
                       const struct contact *who)
{
    (void)who;
    size_t members = 0;
    for (size_t i = 0; entry->came_second && i < model->count; i++)
        members += in_one_network(&model->entries[i].contact.endpoint, &entry->contact.endpoint);
    return entry->came_second && members > model_network_max(model);
}

static bool model_is_refused(struct model *model, const struct contact *who)
{
    return model_others(model, who, false) >= ROUTING_PER_BUCKET ||
           (model_crowd(model, who) != NO_CROWD && model_farther(model, who) == NULL);
}

static bool model_gives_way(const struct model *model, const struct contact *who)
{
    return !fits(who) || model_others(model, who, true) > 0;
}

static struct model_entry *model_due(struct model *model, unsigned bucket, uint64_t now_ms)
{
    struct model_entry *oldest = NULL, *failed = NULL;
    for (size_t i = 0; i < model->count; i++) {
        struct model_entry *entry = &model->entries[i];
        if (entry->candidate || model_bucket(model, &entry->contact.id) != bucket)
            continue;
        if (oldest == NULL || entry->order < oldest->order)
            oldest = entry;
        if (entry->contact.failures > 0 && (failed == NULL || entry->order < failed->order))
            failed = entry;
    }
    if (failed != NULL)
        return failed;
    return now_ms / 1000 * 1000 >= oldest->contact.seen_ms + ROUTING_FRESH_MS ? oldest : NULL;
}

static struct model_entry *model_loser(struct model *model, unsigned bucket)
{
    struct model_entry *oldest = NULL;
    for (size_t i = 0; i < model->count; i++) {
        struct model_entry *entry = &model->entries[i];
        if (!entry->candidate && model_bucket(model, &entry->contact.id) == bucket &&
            entry->gives_way && (oldest == NULL || entry->order < oldest->order))
            oldest = entry;
    }
    return oldest;
}

static void model_add(struct model *model, const struct contact *who, bool candidate,
                      bool gives_way)
{
    model_drop_candidate(model, model_bucket(model, &who->id));
    bool second = model_others(model, who, true) > 0;
    model->entries[model->count] = (struct model_entry){.contact = *who,
                                                        .order = ++model->clock,
                                                        .candidate = candidate,
                                                        .gives_way = gives_way,
                                                        .came_second = second};
    model->entries[model->count++].contact.failures = 0;
}

static enum seen_result model_beyond(struct model *model, const struct contact *who)
{
    unsigned bucket = model_bucket(model, &who->id);
    struct model_entry *due = model_due(model, bucket, who->seen_ms);
    if (due != NULL)
        model->due = due->contact.id;
    struct model_entry *waiting = model_candidate(model, bucket);
    bool gives_way = model_gives_way(model, who);
    bool waits = waiting == NULL || !gives_way || waiting->gives_way;
    if (waits)
        model_add(model, who, true, gives_way);
    if (due == NULL)
        return SEEN_IGNORED;
    due = model_find(model, &model->due);
    if (due->contact.failures < ROUTING_FAILURES_REPLACE)
        return SEEN_ASK_OLDEST;
    model_remove(model, due);
    return waits ? SEEN_ADDED : SEEN_IGNORED;
}

static enum seen_result model_newcomer(struct model *model, const struct contact *who)
{
    while (!model_has_room(model, who) && model_bucket(model, &who->id) + 1 == model->buckets) {
        model_drop_candidate(model, model->buckets - 1);
        model->refresh_s[model->buckets] = model->refresh_s[model->buckets - 1];
        model->buckets++;
    }
    if (model_is_refused(model, who)) {
        model->crowded++;
        return SEEN_IGNORED;
    }
    unsigned bucket = model_bucket(model, &who->id);
    if (model_crowd(model, who) != NO_CROWD)
        model_remove(model, model_farther(model, who));
    bool gives_way = model_gives_way(model, who);
    if (!model_has_room(model, who)) {
        if (gives_way || model_loser(model, bucket) == NULL)
            return model_beyond(model, who);
        model_drop_candidate(model, bucket);
        model_take_out(model, model_loser(model, bucket));
    } else {
        model_drop_candidate(model, bucket);
        struct model_entry *surplus = NULL;
        if (!gives_way && model_contacts(model) >= DHT_K)
            surplus = model_first(model, who, is_surplus);
        if (surplus != NULL)
            model_remove(model, surplus);
    }
    model_add(model, who, false, gives_way);
    return SEEN_ADDED;
}

static enum seen_result model_seen(struct model *model, const struct contact *who)
{
    struct model_entry *entry = model_find(model, &who->id);
    if (entry != NULL && !entry->candidate) {
        if (endpoint_equal(&entry->contact.endpoint, &who->endpoint)) {
            entry->contact.failures = 0;
            entry->contact.seen_ms = who->seen_ms;
            entry->order = ++model->clock;
            return SEEN_REFRESHED;
        }
        return SEEN_ELSEWHERE;
    } else if (entry != NULL) {
        model_take_out(model, entry);
    }
    for (size_t i = model->count; i-- > 0;)
        if (i < model->count &&
            endpoint_equal(&model->entries[i].contact.endpoint, &who->endpoint)) {
            model_remove(model, &model->entries[i]);
            i = model->count;
        }
    return model_newcomer(model, who);
}

static enum failed_result model_failed(struct model *model, const struct id *id)
{
    struct model_entry *entry = model_find(model, id);
    if (entry == NULL)
        return FAILED_UNKNOWN;
    if (entry->candidate) {
        model_take_out(model, entry);
        return FAILED_DROPPED;
    }
    bool waiting = model_candidate(model, model_bucket(model, id)) != NULL;
    entry->contact.failures++;
    if (waiting && entry->contact.failures >= ROUTING_FAILURES_REPLACE) {
        model_remove(model, entry);
        return FAILED_REPLACED;
    }
    if (entry->contact.failures < ROUTING_FAILURES_MAX)
        return FAILED_COUNTED;
    model_remove(model, entry);
    return FAILED_DROPPED;
}

static bool model_forget(struct model *model, const struct id *id)
{
    struct model_entry *entry = model_find(model, id);
    if (entry == NULL)
        return false;
    model_remove(model, entry);
    return true;
}

static unsigned model_refresh_next(const struct model *model)
{
    unsigned first = 0;
    for (unsigned b = 1; b < model->buckets; b++)
        if (model->refresh_s[b] < model->refresh_s[first])
            first = b;
    return first;
}

static void model_refresh_poor(struct model *model, size_t enough, uint64_t due_ms)
{
    for (unsigned b = 0; b < model->buckets; b++)
        if (model->refresh_s[b] > due_ms / 1000 &&
            (b + 1 == model->buckets || model_members(model, b) < enough))
            model->refresh_s[b] = (uint32_t)(due_ms / 1000);
}
