#include "daemon/publisher.h"

#include <stdlib.h>
#include <string.h>

#include "content/names.h"
#include "daemon/engine_params.h"
#include "daemon/node.h"
#include "daemon/signing.h"
#include "kadpeer/records.h"

struct segment {
    struct publisher_record record;
    bool published;
    uint64_t at_ms;  /* last told */
    uint32_t pieces; /* that were told */
};

struct publisher {
    struct node *node;
    struct publisher_record peer; /* kind 0: not published */
    struct id infohash;           /* of what is published */
    bool peer_is_seed, peer_failed;
    uint32_t peer_pieces;
    uint64_t peer_at_ms;

    struct segment *segments;
    uint32_t segment_count;
    uint16_t tcp_port; /* as told in them */

    struct publisher_record *names;
    size_t name_count;
    bool has_alias; /* one of them is of the file's SHA-1 */
    int64_t names_seq;
    int64_t names_signed_unix_s;
    uint64_t names_due_ms;
    uint64_t names_turn_ms; /* when it may sign them; 0: it has not asked */
    uint64_t due_ms;
};

struct publisher *publisher_new(struct node *node)
{
    struct publisher *publisher = calloc(1, sizeof *publisher);
    if (publisher != NULL) {
        publisher->node = node;
        publisher->due_ms = UINT64_MAX;
    }
    return publisher;
}

void publisher_free(struct publisher *publisher)
{
    if (publisher == NULL)
        return;
    free(publisher->segments);
    free(publisher->names);
    free(publisher);
}

static void is_due(struct publisher *publisher, uint64_t at_ms)
{
    if (at_ms < publisher->due_ms)
        publisher->due_ms = at_ms;
}

/* ---- the peer record ---- */

static void publish_peer(struct publisher *publisher, const struct publisher_facts *facts,
                         uint64_t now_ms)
{
    bool first = publisher->peer.kind == 0;
    bool grown = publisher->peer_pieces != facts->have_count;
    bool changed = publisher->peer_is_seed != facts->seed ||
                   (grown && now_ms >= publisher->peer_at_ms + PEER_REPUBLISH_MS);
    if (!first && grown && !changed)
        is_due(publisher, publisher->peer_at_ms + PEER_REPUBLISH_MS);
    if (!first && !changed)
        return;
    if (first && publisher->peer_failed && now_ms < publisher->peer_at_ms + PUBLISH_AGAIN_MS) {
        is_due(publisher, publisher->peer_at_ms + PUBLISH_AGAIN_MS);
        return;
    }
    struct peer_record record = {
        .tcp_port = facts->tcp_port, .seed = facts->seed, .pieces_held = facts->have_count};
    struct buffer value;
    buffer_init(&value);
    peer_record_encode(&record, &value);
    publisher->peer_failed =
        value.failed || node_publish(publisher->node, &facts->infohash, KIND_PEER,
                                     buffer_bytes(&value)) != STATUS_OK;
    publisher->peer_at_ms = now_ms;
    if (publisher->peer_failed) {
        is_due(publisher, now_ms + PUBLISH_AGAIN_MS);
    } else {
        publisher->peer.key = facts->infohash;
        publisher->peer.kind = KIND_PEER;
        publisher->peer_is_seed = facts->seed;
        publisher->peer_pieces = facts->have_count;
    }
    buffer_dispose(&value);
}

static void withdraw_peer(struct publisher *publisher)
{
    if (publisher->peer.kind != 0)
        node_withdraw(publisher->node, &publisher->peer.key, KIND_PEER, bytes_of(NULL, 0));
    publisher->peer = (struct publisher_record){.kind = 0};
    publisher->peer_failed = false;
}

/* ---- availability ---- */

/* Writes the bits of one segment, zeros at its end left out; returns how many are set. */
static uint32_t segment_bits(const struct publisher_facts *facts, uint32_t segment,
                             uint8_t out[AVAILABILITY_BITFIELD_MAX], size_t *len)
{
    size_t first = (size_t)segment * AVAILABILITY_BITFIELD_MAX;
    size_t total = (facts->piece_count + 7u) / 8, count = total - first;
    uint32_t set = 0;
    if (count > AVAILABILITY_BITFIELD_MAX)
        count = AVAILABILITY_BITFIELD_MAX;
    *len = 0;
    for (size_t i = 0; i < count; i++) {
        out[i] = facts->have[first + i];
        set += (uint32_t)__builtin_popcount(out[i]);
        if (out[i] != 0)
            *len = i + 1;
    }
    return set;
}

static void put_segment(struct publisher *publisher, struct segment *segment, struct bytes bits,
                        bool last)
{
    struct availability_record record = {.tcp_port = publisher->tcp_port, .bitfield = bits};
    struct buffer value;
    buffer_init(&value);
    availability_record_encode(&record, &value);
    if (value.failed) {
        /* told at the next occasion */
    } else if (last) {
        node_withdraw(publisher->node, &segment->record.key, KIND_AVAILABILITY,
                      buffer_bytes(&value));
        segment->published = false;
    } else {
        segment->published = node_publish(publisher->node, &segment->record.key, KIND_AVAILABILITY,
                                          buffer_bytes(&value)) == STATUS_OK;
    }
    buffer_dispose(&value);
}

static void update_segment(struct publisher *publisher, const struct publisher_facts *facts,
                           uint32_t index, uint64_t now_ms)
{
    struct segment *segment = &publisher->segments[index];
    uint8_t bits[AVAILABILITY_BITFIELD_MAX];
    size_t len;
    uint32_t set = segment_bits(facts, index, bits, &len);
    if (set == segment->pieces && segment->published == (set > 0))
        return;
    if (segment->at_ms != 0 && now_ms < segment->at_ms + AVAILABILITY_EVERY_MS) {
        is_due(publisher, segment->at_ms + AVAILABILITY_EVERY_MS);
        return;
    }
    segment->at_ms = now_ms;
    segment->pieces = set;
    put_segment(publisher, segment, bytes_of(bits, len), set == 0);
}

static bool make_segments(struct publisher *publisher, const struct publisher_facts *facts)
{
    uint32_t count =
        (facts->piece_count + AVAILABILITY_SEGMENT_PIECES - 1) / AVAILABILITY_SEGMENT_PIECES;
    if (publisher->segments != NULL)
        return true;
    publisher->segments = calloc(count, sizeof *publisher->segments);
    if (publisher->segments == NULL)
        return false;
    publisher->segment_count = count;
    for (uint32_t i = 0; i < count; i++) {
        publisher->segments[i].record.key = key_of_availability(&facts->infohash, i);
        publisher->segments[i].record.kind = KIND_AVAILABILITY;
    }
    return true;
}

static void publish_availability(struct publisher *publisher, const struct publisher_facts *facts,
                                 uint64_t now_ms)
{
    if (!make_segments(publisher, facts))
        return;
    publisher->tcp_port = facts->tcp_port;
    for (uint32_t i = 0; i < publisher->segment_count; i++)
        update_segment(publisher, facts, i, now_ms);
}

static void withdraw_availability(struct publisher *publisher)
{
    for (uint32_t i = 0; i < publisher->segment_count; i++)
        if (publisher->segments[i].published)
            put_segment(publisher, &publisher->segments[i], bytes_of(NULL, 0), true);
    free(publisher->segments);
    publisher->segments = NULL;
    publisher->segment_count = 0;
}

/* ---- names ---- */

/* At a character's end. */
static void copy_name(char out[ENTRY_NAME_MAX + 1], const char *name)
{
    size_t len = strlen(name);
    if (len > ENTRY_NAME_MAX) {
        len = ENTRY_NAME_MAX;
        while (len > 0 && ((unsigned char)name[len] & 0xc0) == 0x80)
            len--;
    }
    memcpy(out, name, len);
    out[len] = 0;
}

static void add_key(struct publisher *publisher, struct id key)
{
    for (size_t i = 0; i < publisher->name_count; i++)
        if (id_equal(&publisher->names[i].key, &key))
            return;
    publisher->names[publisher->name_count++] =
        (struct publisher_record){.key = key, .kind = KIND_ENTRY};
}

/* The SHA-1 of a long file comes to be known when its names are there already. False: it is not
 * known, or has been added. */
static bool add_alias(struct publisher *publisher, const struct publisher_facts *facts)
{
    if (publisher->has_alias || facts->file_sha1 == NULL)
        return false;
    publisher->has_alias = true;
    add_key(publisher, key_of_file_sha1(facts->file_sha1));
    return true;
}

static bool make_keys(struct publisher *publisher, const struct publisher_facts *facts)
{
    char *normal;
    struct names_words words = {.count = 0};
    publisher->names = calloc(PUBLISHED_WORDS_MAX + 2, sizeof *publisher->names);
    if (publisher->names == NULL)
        return false;
    publisher->has_alias = false;
    add_alias(publisher, facts);
    if (names_normalize(facts->name, &normal) != STATUS_OK)
        return true;
    add_key(publisher, key_of_name(normal));
    names_split_words(normal, &words);
    for (size_t i = 0; i < words.count; i++)
        add_key(publisher, key_of_word(words.words[i]));
    free(normal);
    return true;
}

/* Of a file's SHA-1, the body says no name. */
static void encode_body(const struct publisher_facts *facts, const struct id *key,
                        struct buffer *out)
{
    struct entry_body body = {.infohash = facts->infohash, .size = facts->size};
    struct id alias = {{0}};
    if (facts->file_sha1 != NULL)
        alias = key_of_file_sha1(facts->file_sha1);
    if (facts->file_sha1 == NULL || !id_equal(&alias, key)) {
        copy_name(body.name, facts->name);
        body.files = facts->file_count;
    }
    entry_body_encode(&body, out);
}

static void put_name(struct publisher *publisher, const struct publisher_facts *facts,
                     const struct id *key, int64_t seq, int64_t now_unix_s, bool last)
{
    struct buffer body, value;
    buffer_init(&body);
    buffer_init(&value);
    uint64_t expiry = (uint64_t)now_unix_s + (last ? ENTRY_WITHDRAWN_LIFE_S : ENTRY_LIFE_S);
    encode_body(facts, key, &body);
    enum status status = body.failed ? STATUS_NO_MEMORY
                                     : entry_record_make(key, facts->seed_key, (uint64_t)seq,
                                                         expiry, buffer_bytes(&body), &value);
    if (status == STATUS_OK && !value.failed && last)
        node_withdraw(publisher->node, key, KIND_ENTRY, buffer_bytes(&value));
    else if (status == STATUS_OK && !value.failed)
        node_publish(publisher->node, key, KIND_ENTRY, buffer_bytes(&value));
    buffer_dispose(&body);
    buffer_dispose(&value);
}

/* A sequence number must grow, whatever the clock does. */
static int64_t next_seq(const struct publisher *publisher, const struct publisher_facts *facts,
                        int64_t now_unix_s)
{
    int64_t last = publisher->names_seq;
    if (last < *facts->withdrawn_unix_s)
        last = *facts->withdrawn_unix_s;
    return now_unix_s > last ? now_unix_s : last + 1;
}

/* Signing ten thousand shares' names at once, as after a start, would hold the loop for seconds. */
static bool is_its_turn(struct publisher *publisher, const struct publisher_facts *facts,
                        uint64_t now_ms)
{
    if (publisher->names_turn_ms == 0) {
        uint64_t free_ms = *facts->signing_ms;
        publisher->names_turn_ms = free_ms > now_ms ? free_ms : now_ms;
        *facts->signing_ms = publisher->names_turn_ms + SIGN_GAP_MS;
    }
    if (now_ms < publisher->names_turn_ms) {
        is_due(publisher, publisher->names_turn_ms);
        return false;
    }
    publisher->names_turn_ms = 0;
    return true;
}

static void publish_names(struct publisher *publisher, const struct publisher_facts *facts,
                          uint64_t now_ms, int64_t now_unix_s)
{
    size_t first = publisher->name_count;
    bool came_later = publisher->names != NULL && add_alias(publisher, facts);
    bool are_due = publisher->names == NULL || now_ms >= publisher->names_due_ms ||
                   signing_is_due((uint64_t)publisher->names_signed_unix_s, (uint64_t)now_unix_s);
    if (are_due && is_its_turn(publisher, facts, now_ms))
        first = 0;
    else if (!came_later)
        return;
    if (publisher->names == NULL && !make_keys(publisher, facts))
        return;
    publisher->names_seq = next_seq(publisher, facts, now_unix_s);
    for (size_t i = first; i < publisher->name_count; i++)
        put_name(publisher, facts, &publisher->names[i].key, publisher->names_seq, now_unix_s,
                 false);
    if (first > 0)
        return;
    publisher->names_signed_unix_s = now_unix_s;
    publisher->names_due_ms = now_ms + SIGN_EVERY_S * 1000;
}

static void withdraw_names(struct publisher *publisher, const struct publisher_facts *facts,
                           int64_t now_unix_s)
{
    if (publisher->names == NULL)
        return;
    publisher->names_seq = next_seq(publisher, facts, now_unix_s);
    for (size_t i = 0; i < publisher->name_count && facts->seed_key != NULL; i++)
        put_name(publisher, facts, &publisher->names[i].key, publisher->names_seq, now_unix_s,
                 true);
    *facts->withdrawn_unix_s = publisher->names_seq;
    free(publisher->names);
    publisher->names = NULL;
    publisher->name_count = 0;
}

/* ---- all of it ---- */

void publisher_update(struct publisher *publisher, const struct publisher_facts *facts,
                      uint64_t now_ms, int64_t now_unix_s)
{
    bool announce = facts->running && facts->announce;
    bool moved = !id_equal(&publisher->infohash, &facts->infohash);
    publisher->due_ms = UINT64_MAX;
    if (facts->leaving) {
        withdraw_availability(publisher);
        return;
    }
    if (!announce || moved)
        withdraw_peer(publisher);
    if (!announce || moved || facts->seed || facts->piece_count == 0)
        withdraw_availability(publisher);
    bool named = announce && facts->named && facts->seed_key != NULL;
    if (!named || moved)
        withdraw_names(publisher, facts, now_unix_s);
    publisher->infohash = facts->infohash;
    if (!announce)
        return;
    publish_peer(publisher, facts, now_ms);
    if (!facts->seed && facts->piece_count > 0 && facts->have != NULL)
        publish_availability(publisher, facts, now_ms);
    if (named)
        publish_names(publisher, facts, now_ms, now_unix_s);
    if (publisher->names != NULL)
        is_due(publisher, publisher->names_due_ms);
}

uint64_t publisher_due(const struct publisher *publisher)
{
    return publisher->due_ms;
}

uint32_t publisher_peer_nodes(const struct publisher *publisher)
{
    uint64_t at_ms;
    return publisher->peer.kind != 0
               ? node_published(publisher->node, &publisher->peer.key, KIND_PEER, &at_ms)
               : 0;
}

static size_t list(const struct publisher *publisher, const struct publisher_record *out[],
                   size_t cap)
{
    size_t count = 0;
    if (publisher->peer.kind != 0 && count < cap)
        out[count++] = &publisher->peer;
    for (uint32_t i = 0; i < publisher->segment_count && count < cap; i++)
        if (publisher->segments[i].published)
            out[count++] = &publisher->segments[i].record;
    for (size_t i = 0; i < publisher->name_count && count < cap; i++)
        out[count++] = &publisher->names[i];
    return count;
}

size_t publisher_records(const struct publisher *publisher, struct publisher_record out[],
                         size_t cap)
{
    const struct publisher_record *found[PUBLISHER_RECORDS_SHOWN];
    size_t count =
        list(publisher, found, cap < PUBLISHER_RECORDS_SHOWN ? cap : PUBLISHER_RECORDS_SHOWN);
    for (size_t i = 0; i < count; i++)
        out[i] = *found[i];
    return count;
}
