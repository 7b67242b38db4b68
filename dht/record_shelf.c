#include "dht/record_shelf.h"

#include "dht/params.h"

void record_shelf_init(struct record_shelf *shelf, const struct source_rules *sources,
                       const uint8_t secret[16], size_t budget_bytes)
{
    *shelf = (struct record_shelf){.sources = sources, .budget_bytes = budget_bytes};
    record_index_init(&shelf->index, secret);
}

void record_shelf_dispose(struct record_shelf *shelf)
{
    record_index_dispose(&shelf->index);
    byte_sketch_dispose(&shelf->narrow);
    byte_sketch_dispose(&shelf->wide);
}

size_t record_shelf_bytes(const struct record_shelf *shelf)
{
    return shelf->index.bytes + allocation_bytes(byte_sketch_memory(&shelf->narrow)) +
           allocation_bytes(byte_sketch_memory(&shelf->wide));
}

/* ---- who holds how much ---- */

/* A record and a group: nobody is to gain by using many keys. */
static uint32_t cost_of(size_t record_size)
{
    return (uint32_t)(record_size + allocation_bytes(sizeof(struct record_group)));
}

static struct record_owners owners_of(const struct record_shelf *shelf, unsigned kind,
                                      const struct record *record)
{
    return record_owners_of_record(shelf->sources, record_rules(kind)->owner, record);
}

static bool is_counting(const struct record_shelf *shelf)
{
    return shelf->wide.cells != NULL;
}

static void charge(struct record_shelf *shelf, unsigned kind, struct record *record)
{
    if (!is_counting(shelf) || record->counted)
        return;
    struct record_owners owners = owners_of(shelf, kind, record);
    byte_sketch_add(&shelf->narrow, owners.narrow, cost_of(record_bytes(record)));
    byte_sketch_add(&shelf->wide, owners.wide, cost_of(record_bytes(record)));
    record->counted = true;
}

static void discharge(struct record_shelf *shelf, unsigned kind, struct record *record)
{
    if (!record->counted)
        return;
    struct record_owners owners = owners_of(shelf, kind, record);
    byte_sketch_take(&shelf->narrow, owners.narrow, cost_of(record_bytes(record)));
    byte_sketch_take(&shelf->wide, owners.wide, cost_of(record_bytes(record)));
    record->counted = false;
}

static uint32_t width_for(size_t budget_bytes, size_t bytes_per_cell)
{
    uint32_t width = 512; /* below that all would seem to have the share of one */
    while (width * 2 <= budget_bytes / bytes_per_cell)
        width *= 2;
    return width;
}

/* Without memory for it nobody is counted, until there is some. */
static void begin_counting(struct record_shelf *shelf)
{
    if (!byte_sketch_init(&shelf->narrow, width_for(shelf->budget_bytes, STORE_NARROW_CELL)) ||
        !byte_sketch_init(&shelf->wide, width_for(shelf->budget_bytes, STORE_WIDE_CELL)))
        byte_sketch_dispose(&shelf->narrow);
    shelf->counted_buckets = 0;
}

static void charge_bucket(struct record_shelf *shelf, size_t at)
{
    for (const struct record_group *group = record_index_bucket(&shelf->index, at); group != NULL;
         group = group->next)
        for (struct record *record = record_first(group); record < record_end(group);
             record = record_after(record))
            charge(shelf, group->kind, record);
}

static void end_counting(struct record_shelf *shelf)
{
    byte_sketch_dispose(&shelf->narrow);
    byte_sketch_dispose(&shelf->wide);
    for (size_t at = 0; at < shelf->index.bucket_count; at++)
        for (const struct record_group *group = record_index_bucket(&shelf->index, at);
             group != NULL; group = group->next)
            for (struct record *record = record_first(group); record < record_end(group);
                 record = record_after(record))
                record->counted = false;
}

/* What was there before counting began is counted by and by. */
static void go_on_counting(struct record_shelf *shelf)
{
    size_t most = shelf->budget_bytes / STORE_COUNTING_PART;
    if (!is_counting(shelf) && shelf->index.bytes > most)
        begin_counting(shelf);
    else if (is_counting(shelf) && shelf->index.bytes < most / 4)
        end_counting(shelf);
    for (unsigned i = 0; i < STORE_COUNTING_STEP && is_counting(shelf) &&
                         shelf->counted_buckets < shelf->index.bucket_count;
         i++)
        charge_bucket(shelf, shelf->counted_buckets++);
}

bool record_shelf_within_shares(const struct record_shelf *shelf, enum record_owner owner,
                                struct record_owners owners, size_t size)
{
    size_t wide_share = owner == OWNER_SOURCE ? STORE_NETWORK_SHARE : STORE_BRINGER_SHARE;
    size_t cost = cost_of(size), budget = shelf->budget_bytes;
    return !is_counting(shelf) ||
           (byte_sketch_of(&shelf->narrow, owners.narrow) + cost <= budget / STORE_ADDRESS_SHARE &&
            byte_sketch_of(&shelf->wide, owners.wide) + cost <= budget / wide_share);
}

/* ---- in and out ---- */

bool record_shelf_put(struct record_shelf *shelf, const struct id *key, unsigned kind,
                      struct record *old, const struct record_fields *fields)
{
    if (old != NULL)
        discharge(shelf, kind, old);
    struct record *record = record_index_put(&shelf->index, key, kind, old, fields);
    if (record != NULL)
        charge(shelf, kind, record);
    else if (old != NULL)
        charge(shelf, kind, old);
    go_on_counting(shelf);
    return record != NULL;
}

void record_shelf_remove(struct record_shelf *shelf, struct record_group *group,
                         struct record *record)
{
    discharge(shelf, group->kind, record);
    record_index_remove(&shelf->index, group, record);
    go_on_counting(shelf);
}

/* ---- making room ---- */

struct prey {
    struct record_group *group; /* NULL: none */
    struct record *record;
    uint32_t held; /* by its network */
    bool ended;
    bool stale; /* it should have been renewed by now */
};

/* Whoever is there renews well before half of the life is over. */
static bool is_stale(unsigned kind, const struct record *record, uint32_t now_s)
{
    return record->ends_s - now_s < record_rules(kind)->lifetime_s / 2;
}

static struct prey draw(struct record_shelf *shelf, uint32_t now_s)
{
    struct prey prey = {.group = record_index_pick(&shelf->index)};
    if (prey.group == NULL)
        return prey;
    prey.record = record_first(prey.group);
    for (uint64_t skip = rng_below(&shelf->index.rng, prey.group->count); skip > 0; skip--)
        prey.record = record_after(prey.record);
    prey.ended = prey.record->ends_s <= now_s;
    prey.stale = !prey.ended && is_stale(prey.group->kind, prey.record, now_s);
    prey.held = byte_sketch_of(&shelf->wide, owners_of(shelf, prey.group->kind, prey.record).wide);
    return prey;
}

static bool is_better_prey(const struct prey *a, const struct prey *b)
{
    if (a->ended != b->ended)
        return a->ended;
    if (a->held != b->held)
        return a->held > b->held;
    if (a->stale != b->stale)
        return a->stale;
    if (a->group->count != b->group->count)
        return a->group->count > b->group->count;
    return a->record->ends_s < b->record->ends_s;
}

static bool gives_way(const struct prey *prey, size_t held, const struct shelf_newcomer *newcomer)
{
    if (prey->group == NULL || prey->ended)
        return prey->ended;
    if (prey->held != held)
        return prey->held > held || (prey->stale && 2 * (size_t)prey->held >= held);
    return prey->stale || prey->group->count > newcomer->beside + 1;
}

/* Draws a few, and chooses the one that gives way first; group NULL: none does. */
static struct prey choose_prey(struct record_shelf *shelf, const struct shelf_newcomer *newcomer)
{
    struct prey best = {0}, stale = {0};
    size_t held = byte_sketch_of(&shelf->wide, newcomer->owners.wide) + cost_of(newcomer->size);
    for (unsigned i = 0; i < STORE_PREY_DRAWN && !best.ended; i++) {
        struct prey prey = draw(shelf, newcomer->now_s);
        if (prey.group == NULL)
            break;
        if (best.group == NULL || is_better_prey(&prey, &best))
            best = prey;
        if (prey.stale && (stale.group == NULL || is_better_prey(&prey, &stale)))
            stale = prey;
    }
    if (gives_way(&best, held, newcomer))
        return best;
    return gives_way(&stale, held, newcomer) ? stale : (struct prey){0};
}

bool record_shelf_make_room(struct record_shelf *shelf, const struct shelf_newcomer *newcomer,
                            size_t growth)
{
    while (record_shelf_bytes(shelf) + growth > shelf->budget_bytes) {
        struct prey prey = choose_prey(shelf, newcomer);
        if (prey.group == NULL)
            return false;
        shelf->expired += prey.ended;
        shelf->evicted += !prey.ended;
        record_shelf_remove(shelf, prey.group, prey.record);
    }
    return true;
}

/* ---- time ---- */

struct record_group *record_shelf_expire(struct record_shelf *shelf, struct record_group *group,
                                         uint32_t now_s)
{
    struct id key = group->key;
    unsigned kind = group->kind;
    struct record *record = record_first(group);
    while (record < record_end(group)) {
        if (record->ends_s > now_s) {
            record = record_after(record);
            continue;
        }
        size_t at = (size_t)((uintptr_t)record - (uintptr_t)record_first(group));
        record_shelf_remove(shelf, group, record);
        shelf->expired++;
        group = record_index_find(&shelf->index, &key, kind);
        if (group == NULL)
            return NULL;
        record = (struct record *)((uintptr_t)record_first(group) + at);
    }
    return group;
}

bool record_shelf_sweep(struct record_shelf *shelf, uint32_t now_s, size_t buckets)
{
    struct record_group *group;
    while ((group = record_index_sweep(&shelf->index, now_s, &buckets)) != NULL)
        record_shelf_expire(shelf, group, now_s);
    return shelf->index.unswept == 0;
}

/* ---- invariants ---- */

static void add_up(const struct record_shelf *shelf, const struct record_group *group,
                   uint64_t *narrow, uint64_t *wide)
{
    for (const struct record *record = record_first(group); record < record_end(group);
         record = record_after(record)) {
        struct record_owners owners = owners_of(shelf, group->kind, record);
        uint32_t cost = record->counted ? cost_of(record_bytes(record)) : 0;
        *narrow += owners.narrow != 0 ? cost : 0;
        *wide += owners.wide != 0 ? cost : 0;
    }
}

bool record_shelf_valid(const struct record_shelf *shelf)
{
    uint64_t narrow = 0, wide = 0;
    for (size_t at = 0; at < shelf->index.bucket_count; at++)
        for (const struct record_group *group = record_index_bucket(&shelf->index, at);
             group != NULL; group = group->next)
            add_up(shelf, group, &narrow, &wide);
    return record_index_valid(&shelf->index) && byte_sketch_sum(&shelf->narrow) == narrow &&
           byte_sketch_sum(&shelf->wide) == wide;
}
