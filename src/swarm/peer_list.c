#include "swarm/peer_list.h"

#include <stdlib.h>

#include "swarm/params.h"

/* Rules. Of those due, the one with the fewest failures in a row is dialled first; among equals the
 * one from the better source; then the one that has waited longest. A connection that lasted clears
 * the failures. Each failure doubles the wait, up to PEER_RETRY_MAX_MS; no address is given up. */

struct entry {
    struct endpoint endpoint;
    bool in_use;
    bool worked; /* the connection in use has given something */
    bool is_us;
    bool halted;     /* we hung up, and have not called back */
    bool hung_up;    /* the last time, before its handshake */
    bool met;        /* it shook hands with us once */
    uint8_t sources; /* or-ed enum peer_source */
    uint16_t failures;
    uint64_t due_ms;
    uint64_t since_ms; /* in use since then */
};

struct peer_list {
    struct entry *entries;
    size_t count, cap;
    struct endpoint *bans; /* a ring of PEER_LIST_BANS_MAX; NULL before the first */
    size_t ban_count, ban_next;
};

struct peer_list *peer_list_new(void)
{
    return calloc(1, sizeof(struct peer_list));
}

void peer_list_free(struct peer_list *list)
{
    if (list == NULL)
        return;
    free(list->entries);
    free(list->bans);
    free(list);
}

static struct entry *find(const struct peer_list *list, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < list->count; i++)
        if (endpoint_equal(&list->entries[i].endpoint, endpoint))
            return &list->entries[i];
    return NULL;
}

/* What somebody asked us to fetch from, then what proved itself, then what the network says. */
static unsigned source_rank(unsigned sources)
{
    static const struct {
        enum peer_source source;
        unsigned rank;
    } ranks[] = {
        {PEER_FROM_LINK, 6}, {PEER_FROM_INCOMING, 5}, {PEER_FROM_AVAILABILITY, 4},
        {PEER_FROM_DHT, 3},  {PEER_FROM_SAVED, 2},    {PEER_FROM_EXCHANGE, 1},
    };
    for (size_t i = 0; i < sizeof ranks / sizeof ranks[0]; i++)
        if ((sources & ranks[i].source) != 0)
            return ranks[i].rank;
    return 0;
}

/* Whether `a` is to be dialled before `b`, and kept rather than `b`. */
static bool is_better(const struct entry *a, const struct entry *b)
{
    if (a->failures != b->failures)
        return a->failures < b->failures;
    unsigned rank_a = source_rank(a->sources), rank_b = source_rank(b->sources);
    return rank_a != rank_b ? rank_a > rank_b : a->due_ms < b->due_ms;
}

static struct entry *grow(struct peer_list *list)
{
    if (list->count == list->cap) {
        size_t cap = list->cap == 0 ? 16 : list->cap * 2;
        cap = cap > PEER_LIST_MAX ? PEER_LIST_MAX : cap;
        struct entry *entries = realloc(list->entries, cap * sizeof *entries);
        if (entries == NULL)
            return NULL;
        list->entries = entries;
        list->cap = cap;
    }
    return &list->entries[list->count++];
}

/* The place for a newcomer: a free one, or that of the worst not in use when it is worse. */
static struct entry *place_for(struct peer_list *list, const struct entry *newcomer)
{
    if (list->count < PEER_LIST_MAX)
        return grow(list);
    struct entry *worst = NULL;
    for (size_t i = 0; i < list->count; i++) {
        struct entry *entry = &list->entries[i];
        if (!entry->in_use && !entry->is_us && (worst == NULL || is_better(worst, entry)))
            worst = entry;
    }
    return worst != NULL && is_better(newcomer, worst) ? worst : NULL;
}

static struct entry *add(struct peer_list *list, const struct endpoint *endpoint,
                         enum peer_source source, uint64_t now_ms)
{
    struct entry newcomer = {.endpoint = *endpoint, .sources = (uint8_t)source, .due_ms = now_ms};
    struct entry *place = place_for(list, &newcomer);
    if (place != NULL)
        *place = newcomer;
    return place;
}

bool peer_list_add(struct peer_list *list, const struct endpoint *endpoint, enum peer_source source,
                   uint64_t now_ms)
{
    if (!endpoint_is_usable(endpoint) || peer_list_is_banned(list, endpoint))
        return false;
    struct entry *known = find(list, endpoint);
    if (known == NULL)
        return add(list, endpoint, source, now_ms) != NULL;
    known->sources |= (uint8_t)source;
    return false;
}

static void use(struct entry *entry, uint64_t now_ms)
{
    entry->in_use = true;
    entry->halted = false;
    entry->since_ms = now_ms;
}

static bool next(struct peer_list *list, bool halted_only, uint64_t now_ms, struct endpoint *out)
{
    struct entry *best = NULL;
    for (size_t i = 0; i < list->count; i++) {
        struct entry *entry = &list->entries[i];
        bool wanted = !entry->in_use && entry->due_ms <= now_ms && (entry->halted || !halted_only);
        if (wanted && (best == NULL || is_better(entry, best)))
            best = entry;
    }
    if (best == NULL)
        return false;
    use(best, now_ms);
    *out = best->endpoint;
    return true;
}

bool peer_list_next(struct peer_list *list, uint64_t now_ms, struct endpoint *out)
{
    return next(list, false, now_ms, out);
}

bool peer_list_next_halted(struct peer_list *list, uint64_t now_ms, struct endpoint *out)
{
    return next(list, true, now_ms, out);
}

bool peer_list_has_halted(const struct peer_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        if (list->entries[i].halted)
            return true;
    return false;
}

uint64_t peer_list_due(const struct peer_list *list)
{
    uint64_t due_ms = UINT64_MAX;
    for (size_t i = 0; i < list->count; i++)
        if (!list->entries[i].in_use && list->entries[i].due_ms < due_ms)
            due_ms = list->entries[i].due_ms;
    return due_ms;
}

bool peer_list_postpone(struct peer_list *list, const struct endpoint *endpoint, uint64_t now_ms)
{
    struct entry *entry = find(list, endpoint);
    if (entry == NULL || !entry->hung_up)
        return false;
    entry->in_use = false;
    entry->due_ms = now_ms + PEER_RETRY_CROWDED_MS;
    return true;
}

bool peer_list_claim(struct peer_list *list, const struct endpoint *endpoint, uint64_t now_ms)
{
    if (!endpoint_is_usable(endpoint) || peer_list_is_banned(list, endpoint))
        return false;
    struct entry *entry = find(list, endpoint);
    if (entry == NULL)
        entry = add(list, endpoint, PEER_FROM_INCOMING, now_ms);
    if (entry == NULL || entry->in_use)
        return false;
    entry->sources |= PEER_FROM_INCOMING;
    use(entry, now_ms);
    return true;
}

/* ---- bans ---- */

static void ban(struct peer_list *list, const struct endpoint *endpoint)
{
    struct entry *entry = find(list, endpoint);
    if (entry != NULL)
        *entry = list->entries[--list->count];
    for (size_t i = 0; i < list->ban_count; i++)
        if (endpoint_equal(&list->bans[i], endpoint))
            return;
    if (list->bans == NULL)
        list->bans = malloc(PEER_LIST_BANS_MAX * sizeof *list->bans);
    if (list->bans == NULL)
        return;
    list->bans[list->ban_next] = *endpoint;
    list->ban_next = (list->ban_next + 1) % PEER_LIST_BANS_MAX;
    if (list->ban_count < PEER_LIST_BANS_MAX)
        list->ban_count++;
}

bool peer_list_is_banned(const struct peer_list *list, const struct endpoint *endpoint)
{
    unsigned same_address = 0;
    for (size_t i = 0; i < list->ban_count; i++) {
        if (!endpoint_same_address(&list->bans[i], endpoint))
            continue;
        if (list->bans[i].port == endpoint->port)
            return true;
        same_address++;
    }
    return same_address >= 2 && !endpoint_is_local(endpoint);
}

/* ---- how it went ---- */

static uint64_t doubled(uint64_t base_ms, unsigned times)
{
    uint64_t wait_ms = times < 16 ? base_ms << times : PEER_RETRY_MAX_MS;
    return wait_ms < PEER_RETRY_MAX_MS ? wait_ms : PEER_RETRY_MAX_MS;
}

/* Milliseconds until the next dial; counts the failure. */
static uint64_t wait_after(struct entry *entry, enum peer_outcome outcome, uint64_t now_ms)
{
    bool lasted = entry->in_use && (entry->worked || now_ms - entry->since_ms >= PEER_LASTED_MS);
    unsigned before = entry->failures;
    switch (outcome) {
    case PEER_LOST:
        before = lasted ? 0 : before;
        entry->failures = (uint16_t)(lasted ? 0 : before + 1);
        return doubled(PEER_RETRY_LOST_MS, before);
    case PEER_HALTED:
        return 0;
    case PEER_CROWDED:
        return PEER_RETRY_CROWDED_MS;
    case PEER_LOST_EARLY:
    case PEER_HUNG_UP:
        entry->failures++;
        return doubled(PEER_RETRY_EARLY_MS, before);
    case PEER_DUPLICATE:
        return PEER_RETRY_DUPLICATE_MS;
    case PEER_BOTH_SEEDS:
        return PEER_RETRY_SEED_MS;
    default:
        entry->failures++;
        return doubled(PEER_RETRY_FAILED_MS, before);
    }
}

void peer_list_worked(struct peer_list *list, const struct endpoint *endpoint)
{
    struct entry *entry = find(list, endpoint);
    if (entry != NULL)
        entry->worked = entry->in_use;
}

void peer_list_ended(struct peer_list *list, const struct endpoint *endpoint,
                     enum peer_outcome outcome, uint64_t now_ms)
{
    if (outcome == PEER_BANNED) {
        ban(list, endpoint);
        return;
    }
    struct entry *entry = find(list, endpoint);
    if (entry == NULL || entry->is_us)
        return;
    if (outcome == PEER_IS_US) {
        entry->is_us = true;
        entry->due_ms = UINT64_MAX;
    } else {
        entry->due_ms = now_ms + wait_after(entry, outcome, now_ms);
    }
    if (entry->failures == UINT16_MAX)
        entry->failures--;
    entry->halted = outcome == PEER_HALTED;
    entry->hung_up = outcome == PEER_HUNG_UP || outcome == PEER_CROWDED;
    entry->met = entry->met || (outcome != PEER_FAILED && !entry->hung_up);
    entry->in_use = entry->worked = false;
}

size_t peer_list_count(const struct peer_list *list)
{
    return list->count;
}

size_t peer_list_count_from(const struct peer_list *list, unsigned sources)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += (list->entries[i].sources & sources) != 0;
    return count;
}

size_t peer_list_count_hung_up(const struct peer_list *list)
{
    size_t count = 0;
    for (size_t i = 0; i < list->count; i++)
        count += list->entries[i].hung_up && !list->entries[i].met;
    return count;
}

size_t peer_list_known(const struct peer_list *list, struct peer_known out[], size_t cap)
{
    size_t count = list->count < cap ? list->count : cap;
    for (size_t i = 0; i < count; i++)
        out[i] = (struct peer_known){.endpoint = list->entries[i].endpoint,
                                     .sources = list->entries[i].sources,
                                     .failures = list->entries[i].failures,
                                     .in_use = list->entries[i].in_use,
                                     .hung_up = list->entries[i].hung_up && !list->entries[i].met};
    return count;
}

void peer_list_forget_failures(struct peer_list *list, uint64_t now_ms)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->entries[i].is_us)
            continue;
        list->entries[i].failures = 0;
        list->entries[i].due_ms = now_ms;
    }
}
