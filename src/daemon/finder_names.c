/* How a search goes:
 * - One lookup per key: of the exact name, of the alias, or of up to NAME_SEARCH_LOOKUPS of the
 *   words, longest first, for those tend to be rare. Every entry carries the whole name, so one
 *   word's entries are enough, whichever has the fewest: entries of all lookups are filtered by
 *   all words and merged by infohash.
 * - A lookup that nobody answered is repeated once the node has joined.
 * - For each infohash live peers are counted, NAME_SEARCH_COUNTS at a time. Results are ranked by
 *   how many different networks those are in, for publishers cost nothing to forge.
 * - A match is told when its peers are counted, or after a second without; again when its numbers
 *   change. */
#include "daemon/finder_names.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "content/names.h"
#include "daemon/daemon.h"
#include "daemon/found_name.h"
#include "daemon/node.h"
#include "daemon/params.h"
#include "io/timer.h"

struct lookup {
    struct name_search *search;
    struct id key;
    uint32_t handle; /* 0: not under way */
    bool done;
};

struct name_search {
    struct daemon *daemon;
    name_search_on_match *on_match;
    name_search_on_end *on_end;
    void *user;
    uint64_t min_size, deadline_ms;
    size_t limit, told;
    bool count_peers, malformed;
    char *exact_name; /* normal; NULL: words or an alias */
    char *extension;  /* NULL: any */
    bool by_alias;
    struct names_words words;
    struct lookup lookups[NAME_SEARCH_LOOKUPS];
    size_t lookup_count;
    unsigned asked, answered;
    struct found_name *found[NAME_SEARCH_MATCHES_MAX]; /* in the order they came */
    size_t found_count, counting;
    struct timer *timer;
    unsigned busy; /* inside calls to the owner */
    bool dead;     /* cancelled meanwhile */
};

/* ---- the end ---- */

static void free_search(struct name_search *search)
{
    struct node *node = search->daemon->node;
    for (size_t i = 0; i < search->lookup_count; i++)
        if (search->lookups[i].handle != 0)
            node_cancel(node, search->lookups[i].handle);
    for (size_t i = 0; i < search->found_count; i++) {
        if (search->found[i]->handle != 0)
            node_cancel(node, search->found[i]->handle);
        found_name_free(search->found[i]);
    }
    timer_free(search->timer);
    free(search->exact_name);
    free(search->extension);
    free(search);
}

void name_search_cancel(struct name_search *search)
{
    search->dead = true;
    if (search->busy == 0)
        free_search(search);
}

static int compare_matches(const void *a, const void *b)
{
    const struct name_match *x = a, *y = b;
    if (x->networks != y->networks)
        return x->networks > y->networks ? -1 : 1;
    if (x->peers != y->peers)
        return x->peers > y->peers ? -1 : 1;
    if (x->publishers != y->publishers)
        return x->publishers > y->publishers ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum status outcome(const struct name_search *search)
{
    if (search->malformed)
        return STATUS_MALFORMED;
    if (search->found_count > 0)
        return STATUS_OK;
    return search->answered > 0 ? STATUS_NOT_FOUND : STATUS_UNREACHABLE;
}

static void end_search(struct name_search *search)
{
    struct name_match *best = calloc(search->found_count + 1, sizeof *best);
    size_t count = best != NULL ? search->found_count : 0;
    for (size_t i = 0; i < count; i++)
        best[i] = search->found[i]->match;
    if (count > 0)
        qsort(best, count, sizeof *best, compare_matches);
    count = count < search->limit ? count : search->limit;
    struct name_search_end end = {.status = outcome(search),
                                  .matches = (unsigned)count,
                                  .asked = search->asked,
                                  .answered = search->answered};
    search->busy++;
    search->on_end(search->user, &end, best, count);
    free(best);
    free_search(search);
}

/* ---- telling ---- */

/* False: the owner has cancelled; the search must not be touched any more. */
static bool tell(struct name_search *search, struct found_name *found)
{
    found->changed = false;
    if (search->on_match == NULL || (!found->told && search->told >= search->limit))
        return true;
    search->told += !found->told;
    found->told = true;
    search->busy++;
    search->on_match(search->user, &found->match);
    search->busy--;
    if (!search->dead) {
        found->match.told_before = true;
        return true;
    }
    if (search->busy == 0)
        free_search(search);
    return false;
}

static bool is_due(const struct name_search *search, const struct found_name *found,
                   uint64_t now_ms)
{
    if (found->told)
        return found->changed && found->handle == 0;
    return !search->count_peers || found->match.counted ||
           now_ms >= found->found_ms + NAME_SEARCH_TELL_MS;
}

/* ---- counting peers ---- */

static void wake(struct name_search *search)
{
    timer_set(search->timer, daemon_now_ms(search->daemon));
}

static void on_peer(void *user, const struct dht_event *event)
{
    struct found_name *found = user;
    struct peer_record record;
    if (event->type == DHT_EVENT_VALUE) {
        if (peer_record_decode(event->value, &record))
            found_name_add_peer(found, &event->endpoint);
        return;
    }
    struct name_search *search = found->owner;
    found->handle = 0;
    found->asked_peers = true;
    search->counting--;
    found_name_count(found);
    wake(search);
}

static void count_more(struct name_search *search)
{
    for (size_t i = 0; i < search->found_count && search->counting < NAME_SEARCH_COUNTS; i++) {
        struct found_name *found = search->found[i];
        if (found->asked_peers || found->handle != 0)
            continue;
        found->handle =
            node_get(search->daemon->node, &found->match.infohash, KIND_PEER, on_peer, found);
        if (found->handle == 0) /* no room: the match stays uncounted */
            found->asked_peers = true;
        else
            search->counting++;
    }
}

/* ---- entries ---- */

static bool has_words(const struct names_words *name, const struct names_words *wanted)
{
    for (size_t i = 0; i < wanted->count; i++) {
        bool has = false;
        for (size_t j = 0; j < name->count && !has; j++)
            has = strcmp(name->words[j], wanted->words[i]) == 0;
        if (!has)
            return false;
    }
    return true;
}

static bool has_extension(const char *name, const char *extension)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && strcasecmp(dot + 1, extension) == 0;
}

static bool name_fits(const struct name_search *search, const char *name)
{
    char *normal;
    struct names_words words;
    if (search->by_alias)
        return true;
    if (names_normalize(name, &normal) != STATUS_OK)
        return false;
    names_split_words(normal, &words);
    bool fits = search->exact_name != NULL ? strcmp(normal, search->exact_name) == 0
                                           : has_words(&words, &search->words);
    free(normal);
    return fits && (search->extension == NULL || has_extension(name, search->extension));
}

static struct found_name *find_or_add(struct name_search *search, const struct entry_body *body)
{
    for (size_t i = 0; i < search->found_count; i++)
        if (id_equal(&search->found[i]->match.infohash, &body->infohash))
            return search->found[i];
    if (search->found_count == NAME_SEARCH_MATCHES_MAX)
        return NULL;
    struct found_name *found = found_name_new(body, search, daemon_now_ms(search->daemon));
    if (found != NULL)
        search->found[search->found_count++] = found;
    return found;
}

static void take_entry(struct lookup *lookup, struct bytes value)
{
    struct name_search *search = lookup->search;
    struct entry_record record;
    struct entry_body body;
    if (!entry_record_decode(value, &record) || !entry_record_verify(&record, &lookup->key) ||
        record.expiry_unix_s <= (uint64_t)time(NULL) || !entry_body_decode(record.body, &body) ||
        body.size < search->min_size || !name_fits(search, body.name))
        return;
    struct found_name *found = find_or_add(search, &body);
    if (found == NULL)
        return;
    found_name_add_publisher(found, &record, time(NULL));
    wake(search);
}

/* ---- lookups ---- */

static void on_entry(void *user, const struct dht_event *event)
{
    struct lookup *lookup = user;
    struct name_search *search = lookup->search;
    if (event->type == DHT_EVENT_VALUE) {
        take_entry(lookup, event->value);
        return;
    }
    lookup->handle = 0;
    lookup->done = event->answered > 0 || !node_may_join(search->daemon->node);
    if (event->answered >= search->answered) { /* the nodes of several keys are partly the same */
        search->asked = event->asked;
        search->answered = event->answered;
    }
    wake(search);
}

static void look_up_more(struct name_search *search)
{
    bool joined = node_joined(search->daemon->node);
    for (size_t i = 0; i < search->lookup_count; i++) {
        struct lookup *lookup = &search->lookups[i];
        bool first = lookup->search == NULL;
        if (lookup->done || lookup->handle != 0 || (!first && !joined))
            continue;
        lookup->search = search;
        lookup->handle = node_get(search->daemon->node, &lookup->key, KIND_ENTRY, on_entry, lookup);
    }
}

/* ---- the turns ---- */

static bool is_done(const struct name_search *search)
{
    if (search->malformed)
        return true;
    for (size_t i = 0; i < search->lookup_count; i++)
        if (!search->lookups[i].done)
            return false;
    for (size_t i = 0; i < search->found_count && search->count_peers; i++)
        if (!search->found[i]->asked_peers)
            return false;
    return true;
}

static void on_timer(void *user)
{
    struct name_search *search = user;
    uint64_t now_ms = daemon_now_ms(search->daemon);
    bool over = now_ms >= search->deadline_ms;
    if (!over) {
        look_up_more(search);
        if (search->count_peers)
            count_more(search);
    }
    over = over || is_done(search);
    for (size_t i = 0; i < search->found_count; i++)
        if ((over && !search->found[i]->told) || is_due(search, search->found[i], now_ms))
            if (!tell(search, search->found[i]))
                return;
    if (over) {
        end_search(search);
        return;
    }
    uint64_t next_ms = now_ms + NAME_SEARCH_TICK_MS;
    timer_set(search->timer, next_ms < search->deadline_ms ? next_ms : search->deadline_ms);
}

/* ---- the query ---- */

static void add_lookup(struct name_search *search, struct id key)
{
    search->lookups[search->lookup_count++].key = key;
}

static int compare_words(const void *a, const void *b)
{
    size_t x = strlen(a), y = strlen(b);
    return x != y ? (x > y ? -1 : 1) : strcmp(a, b);
}

/* The words as one name, so that what was typed splits as a published name does. */
static bool read_words(struct name_search *search, const struct name_query *query)
{
    struct buffer joined;
    char *normal = NULL;
    buffer_init(&joined);
    for (size_t i = 0; i < query->word_count; i++) {
        buffer_add_string(&joined, query->words[i]);
        buffer_add_byte(&joined, ' ');
    }
    buffer_add_byte(&joined, 0);
    if (!joined.failed && names_normalize((const char *)joined.data, &normal) == STATUS_OK)
        names_split_words(normal, &search->words);
    free(normal);
    buffer_dispose(&joined);
    qsort(search->words.words, search->words.count, sizeof search->words.words[0], compare_words);
    for (size_t i = 0; i < search->words.count && i < NAME_SEARCH_LOOKUPS; i++)
        add_lookup(search, key_of_word(search->words.words[i]));
    return search->words.count > 0;
}

static bool read_query(struct name_search *search, const struct name_query *query)
{
    search->extension = query->extension != NULL ? strdup(query->extension) : NULL;
    search->by_alias = query->file_sha1 != NULL;
    if (query->file_sha1 != NULL) {
        add_lookup(search, key_of_file_sha1(query->file_sha1));
        return true;
    }
    if (query->exact_name == NULL)
        return read_words(search, query);
    if (names_normalize(query->exact_name, &search->exact_name) != STATUS_OK)
        return false;
    add_lookup(search, key_of_name(search->exact_name));
    return true;
}

struct name_search *name_search_start(struct daemon *daemon, const struct name_query *query,
                                      name_search_on_match *on_match, name_search_on_end *on_end,
                                      void *user)
{
    struct name_search *search = calloc(1, sizeof *search);
    if (search == NULL)
        return NULL;
    search->daemon = daemon;
    search->on_match = on_match;
    search->on_end = on_end;
    search->user = user;
    search->min_size = query->min_size;
    search->count_peers = query->count_peers;
    search->deadline_ms = daemon_now_ms(daemon) + query->wait_ms;
    search->limit = query->limit > 0 && query->limit < NAME_SEARCH_MATCHES_MAX
                        ? query->limit
                        : NAME_SEARCH_MATCHES_MAX;
    search->timer = timer_new(daemon->loop, on_timer, search);
    if (search->timer == NULL) {
        free(search);
        return NULL;
    }
    search->malformed = !read_query(search, query);
    timer_set(search->timer, daemon_now_ms(daemon));
    return search;
}
