#include "daemon/group_search.h"

#include <stdlib.h>
#include <string.h>

#include "content/names.h"
#include "daemon/daemon.h"
#include "daemon/node.h"
#include "io/timer.h"

#define LOOKUPS_MAX    8 /* at a time */
#define LIST_PARTS     16
#define SHARDS_OF_PART 16
#define PART_IS_FULL   150  /* entries at one node, which keeps 200: its shards hold the rest */
#define FOUND_MAX      4096 /* groups told of by one search */

/* A part of the list of all groups, or one of the 16 shards of a part that is full. */
struct list_part {
    bool fine;
    uint8_t number;
};

struct shard_lookup {
    struct group_search *search;
    uint32_t handle; /* 0: none */
    struct list_part part;
    struct id key;
};

struct group_search {
    struct daemon *daemon;
    const struct group_search_callbacks *callbacks;
    void *user;
    struct timer *timer;
    struct id name_key;
    struct list_part parts[LIST_PARTS * (1 + SHARDS_OF_PART)]; /* of all groups */
    unsigned next, end; /* of them, still to be looked up; of a name: one lookup, of name_key */
    bool by_name;
    struct shard_lookup lookups[LOOKUPS_MAX];
    unsigned running, asked, answered;
    struct found_group *found;
    size_t count, cap;
};

static void free_search(struct group_search *search)
{
    for (size_t i = 0; i < LOOKUPS_MAX; i++)
        if (search->lookups[i].handle != 0)
            node_cancel(search->daemon->node, search->lookups[i].handle);
    timer_free(search->timer);
    free(search->found);
    free(search);
}

void group_search_cancel(struct group_search *search)
{
    free_search(search);
}

/* Timed out, or all was looked up. */
static void on_timer(void *user)
{
    struct group_search *search = user;
    struct group_search_end end = {search->asked, search->answered, search->count, search->found};
    search->callbacks->ended(search->user, &end);
    free_search(search);
}

static bool is_known(const struct group_search *search, const struct group_entry_body *body)
{
    for (size_t i = 0; i < search->count; i++)
        if (memcmp(search->found[i].body.group, body->group, sizeof body->group) == 0)
            return true;
    return false;
}

static bool make_room(struct group_search *search)
{
    if (search->count < search->cap)
        return true;
    size_t cap = search->cap == 0 ? 16 : search->cap * 2;
    if (cap > FOUND_MAX)
        return false;
    struct found_group *found = realloc(search->found, cap * sizeof *found);
    if (found == NULL)
        return false;
    search->found = found;
    search->cap = cap;
    return true;
}

static void on_entry(struct group_search *search, const struct id *key, struct bytes value)
{
    struct entry_record record;
    struct found_group group;
    if (!entry_record_decode(value, &record) ||
        !group_entry_body_decode(record.body, &group.body) ||
        memcmp(record.public_key, group.body.group, sizeof group.body.group) != 0 ||
        is_known(search, &group.body) || !entry_record_verify(&record, key) || !make_room(search))
        return;
    search->found[search->count++] = group;
    if (search->callbacks->found != NULL)
        search->callbacks->found(search->user, &group);
}

static void go_on(struct group_search *search);

static void add_shards(struct group_search *search, uint8_t part)
{
    for (unsigned i = 0; i < SHARDS_OF_PART; i++)
        search->parts[search->end++] =
            (struct list_part){.fine = true, .number = (uint8_t)(part * SHARDS_OF_PART + i)};
}

static struct id key_of(const struct group_search *search, const struct list_part *part)
{
    if (search->by_name)
        return search->name_key;
    return part->fine ? key_of_group_list(part->number) : key_of_group_part(part->number);
}

static void on_lookup(void *user, const struct dht_event *event)
{
    struct shard_lookup *lookup = user;
    struct group_search *search = lookup->search;
    if (event->type == DHT_EVENT_VALUE) {
        on_entry(search, &lookup->key, event->value);
        return;
    }
    lookup->handle = 0;
    search->running--;
    if (!search->by_name && !lookup->part.fine && event->held >= PART_IS_FULL)
        add_shards(search, lookup->part.number);
    if (event->asked > search->asked)
        search->asked = event->asked;
    if (event->answered > search->answered)
        search->answered = event->answered;
    go_on(search);
}

static bool look_up(struct group_search *search, struct shard_lookup *lookup)
{
    lookup->search = search;
    lookup->part = search->parts[search->next];
    lookup->key = key_of(search, &lookup->part);
    lookup->handle = node_get(search->daemon->node, &lookup->key, KIND_ENTRY, on_lookup, lookup);
    search->next += lookup->handle != 0;
    search->running += lookup->handle != 0;
    return lookup->handle != 0;
}

static void go_on(struct group_search *search)
{
    for (size_t i = 0; i < LOOKUPS_MAX && search->next < search->end; i++)
        if (search->lookups[i].handle == 0 && !look_up(search, &search->lookups[i]))
            break;
    if (search->running == 0) /* all done; or the node has no room at all */
        timer_set(search->timer, daemon_now_ms(search->daemon));
}

static bool read_name(struct group_search *search, const char *name)
{
    char *normal;
    search->end = LIST_PARTS;
    for (uint8_t i = 0; i < LIST_PARTS; i++)
        search->parts[i] = (struct list_part){.number = i};
    if (name == NULL)
        return true;
    if (names_normalize(name, &normal) != STATUS_OK)
        return false;
    search->by_name = true;
    search->end = 1;
    search->name_key = key_of_group_name(normal);
    free(normal);
    return true;
}

struct group_search *group_search_start(struct daemon *daemon, const char *name, uint64_t wait_ms,
                                        const struct group_search_callbacks *callbacks, void *user)
{
    struct group_search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return NULL;
    search->daemon = daemon;
    search->callbacks = callbacks;
    search->user = user;
    search->timer = timer_new(daemon->loop, on_timer, search);
    if (search->timer == NULL || !read_name(search, name)) {
        free_search(search);
        return NULL;
    }
    timer_set(search->timer, daemon_now_ms(daemon) + wait_ms);
    go_on(search);
    return search;
}
