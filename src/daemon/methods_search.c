#include <stdlib.h>
#include <string.h>

#include "content/magnet.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/finder_names.h"
#include "daemon/params.h"

#define WORDS_MAX      32 /* taken from one call; a name has at most 16 of them */
#define EXIT_BAD_INPUT 12
#define EXIT_NO_MEMORY 1

static void pack_link(struct pack *pack, const struct name_match *match)
{
    struct buffer link;
    struct magnet *magnet = calloc(1, sizeof *magnet);
    buffer_init(&link);
    if (magnet != NULL) {
        magnet->infohash = match->infohash;
        magnet->length = match->size;
        strcpy(magnet->name, match->name);
        magnet_format(magnet, &link);
        buffer_add_byte(&link, 0);
    }
    pack_text(pack, "link", link.len > 1 && !link.failed ? (const char *)link.data : NULL);
    buffer_dispose(&link);
    free(magnet);
}

static void pack_count(struct pack *pack, const char *key, bool known, unsigned count)
{
    if (known)
        pack_u64(pack, key, count);
    else
        pack_nil(pack, key);
}

static void on_match(void *user, const struct name_match *match)
{
    struct call *call = user;
    struct pack *note = call_notify(call, "result");
    pack_id(note, "hash", &match->infohash);
    pack_text(note, "name", match->name);
    pack_u64(note, "size", match->size);
    pack_u64(note, "files", match->files);
    pack_count(note, "sources", match->counted, match->peers);
    pack_u64(note, "publishers", match->publishers);
    pack_count(note, "networks", match->counted, match->networks);
    pack_time(note, "first_seen", match->first_seen_unix_s);
    pack_bool(note, "again", match->told_before);
    pack_link(note, match);
    call_notify_end(call);
}

static void on_end(void *user, const struct name_search_end *end, const struct name_match *best,
                   size_t count)
{
    struct call *call = user;
    (void)best;
    if (end->status == STATUS_MALFORMED) {
        call_fail(call, "bad_words", EXIT_BAD_INPUT, "words have 2 to 40 letters and digits",
                  "there is no word to search for");
        return;
    }
    struct pack *result = call_result(call);
    pack_u64(result, "results", count);
    pack_u64(result, "answered", end->answered);
    pack_u64(result, "asked", end->asked);
    call_finish(call);
}

static void on_cancel(void *user)
{
    name_search_cancel(user);
}

/* The whole of what was typed as one name. */
static char *join_words(const char *const words[], size_t count)
{
    struct buffer joined;
    buffer_init(&joined);
    for (size_t i = 0; i < count; i++) {
        if (i > 0)
            buffer_add_byte(&joined, ' ');
        buffer_add_string(&joined, words[i]);
    }
    buffer_add_byte(&joined, 0);
    if (joined.failed)
        buffer_dispose(&joined);
    return (char *)buffer_take(&joined);
}

static uint64_t wait_ms_of(const struct call *call)
{
    double wait_s = call_double(call, "wait", NAME_SEARCH_WAIT_S);
    if (!(wait_s >= 0)) /* NaN too */
        wait_s = 0;
    return (uint64_t)(1000 * (wait_s < NAME_SEARCH_WAIT_MAX_S ? wait_s : NAME_SEARCH_WAIT_MAX_S));
}

static void search(struct daemon *daemon, struct call *call)
{
    const char *words[WORDS_MAX];
    int64_t limit = call_number(call, "limit", NAME_SEARCH_LIMIT);
    int64_t min_size = call_number(call, "min_size", 0);
    struct name_query query = {
        .words = words,
        .word_count = call_texts(call, "words", words, WORDS_MAX),
        .wait_ms = wait_ms_of(call),
        .limit = limit > 0 ? (size_t)limit : 0,
        .min_size = min_size > 0 ? (uint64_t)min_size : 0,
        .extension = call_text(call, "type", NULL),
        .count_peers = true,
    };
    char *exact = NULL;
    if (call_bool(call, "exact", false))
        query.exact_name = exact = join_words(words, query.word_count);
    struct name_search *started = name_search_start(daemon, &query, on_match, on_end, call);
    free(exact);
    if (started == NULL)
        call_fail(call, "no_memory", EXIT_NO_MEMORY, NULL, "out of memory");
    else
        call_on_cancel(call, on_cancel, started);
}

const struct control_method methods_search[] = {{"search", search}, {NULL, NULL}};
