#include "swarm/metadata.h"

#include <limits.h>
#include <stdlib.h>

#include "content/metainfo.h"
#include "swarm/params.h"

struct source {
    uint32_t peer;
    uint32_t size;  /* it names */
    uint32_t asked; /* parts it owes */
    uint64_t paused_until_ms;
    unsigned failures; /* silences, rejections, answers that could not be right */
    bool tried;        /* alone, with a wrong end or none */
};

struct part {
    bool here;
    uint32_t giver;
    uint32_t asked_of; /* 0: nobody */
    uint64_t asked_ms;
};

enum stage { FETCHING, CHECKING, COMPLETE };

struct metadata {
    enum stage stage;
    struct source sources[PEERS_MAX + PEERS_CLOSING_MAX];
    size_t source_count;
    bool one_at_a_time;
    uint32_t only; /* then: the source asked; 0: none chosen */
    uint32_t size; /* of the attempt under way; 0: none */
    uint8_t *data;
    struct part *parts;
    uint32_t part_count, here_count;
};

struct metadata *metadata_new(void)
{
    return calloc(1, sizeof(struct metadata));
}

void metadata_free(struct metadata *metadata)
{
    if (metadata == NULL)
        return;
    free(metadata->data);
    free(metadata->parts);
    free(metadata);
}

static struct source *find(struct metadata *metadata, uint32_t peer)
{
    for (size_t i = 0; i < metadata->source_count; i++)
        if (metadata->sources[i].peer == peer)
            return &metadata->sources[i];
    return NULL;
}

/* ---- attempts ---- */

static void throw_away(struct metadata *metadata)
{
    free(metadata->data);
    free(metadata->parts);
    metadata->data = NULL;
    metadata->parts = NULL;
    metadata->size = metadata->part_count = metadata->here_count = 0;
    for (size_t i = 0; i < metadata->source_count; i++)
        metadata->sources[i].asked = 0;
}

static bool is_ready(const struct source *source, uint64_t now_ms)
{
    return source->size > 0 && now_ms >= source->paused_until_ms;
}

/* Of those that are ready. */
static unsigned fewest_failures(const struct metadata *metadata, uint64_t now_ms)
{
    unsigned fewest = UINT_MAX;
    for (size_t i = 0; i < metadata->source_count; i++)
        if (is_ready(&metadata->sources[i], now_ms) && metadata->sources[i].failures < fewest)
            fewest = metadata->sources[i].failures;
    return fewest;
}

static bool can_be_asked(const struct metadata *metadata, const struct source *source,
                         unsigned fewest, uint64_t now_ms)
{
    if (metadata->one_at_a_time)
        return is_ready(source, now_ms) && source->peer == metadata->only;
    return is_ready(source, now_ms) && source->failures <= fewest;
}

/* The size named by most of those that can be asked; 0: nobody can. */
static uint32_t believed_size(const struct metadata *metadata, uint64_t now_ms)
{
    uint32_t best = 0, best_votes = 0;
    unsigned fewest = fewest_failures(metadata, now_ms);
    for (size_t i = 0; i < metadata->source_count; i++) {
        uint32_t votes = 0;
        for (size_t j = 0; j < metadata->source_count; j++)
            votes += metadata->sources[j].size == metadata->sources[i].size &&
                     can_be_asked(metadata, &metadata->sources[j], fewest, now_ms);
        if (can_be_asked(metadata, &metadata->sources[i], fewest, now_ms) && votes > best_votes) {
            best = metadata->sources[i].size;
            best_votes = votes;
        }
    }
    return best;
}

/* Whoever failed least of those not tried alone yet; when all have been, it begins anew. */
static void choose_only(struct metadata *metadata, uint64_t now_ms)
{
    const struct source *best = NULL;
    for (int round = 0; round < 2 && best == NULL; round++) {
        for (size_t i = 0; i < metadata->source_count; i++) {
            const struct source *source = &metadata->sources[i];
            if (!source->tried && is_ready(source, now_ms) &&
                (best == NULL || source->failures < best->failures))
                best = source;
        }
        for (size_t i = 0; i < metadata->source_count && best == NULL; i++)
            metadata->sources[i].tried = false;
    }
    metadata->only = best != NULL ? best->peer : 0;
}

static void begin(struct metadata *metadata, uint64_t now_ms)
{
    if (metadata->one_at_a_time && metadata->only == 0)
        choose_only(metadata, now_ms);
    uint32_t size = believed_size(metadata, now_ms);
    if (size == 0)
        return;
    uint32_t parts = (size + METADATA_PART_BYTES - 1) / METADATA_PART_BYTES;
    metadata->data = malloc(size);
    metadata->parts = calloc(parts, sizeof *metadata->parts);
    if (metadata->data == NULL || metadata->parts == NULL) {
        throw_away(metadata);
        return;
    }
    metadata->size = size;
    metadata->part_count = parts;
}

/* Nobody of those who can be asked names this size any more, and somebody names another. */
static bool is_hopeless(const struct metadata *metadata, uint64_t now_ms)
{
    unsigned fewest = fewest_failures(metadata, now_ms);
    for (size_t i = 0; i < metadata->source_count; i++)
        if (metadata->sources[i].size == metadata->size &&
            can_be_asked(metadata, &metadata->sources[i], fewest, now_ms))
            return false;
    return believed_size(metadata, now_ms) != 0;
}

/* ---- who has it ---- */

void metadata_offer(struct metadata *metadata, uint32_t peer, uint32_t size, uint64_t now_ms)
{
    if (size > METAINFO_BYTES_MAX || metadata->stage == COMPLETE)
        return;
    struct source *source = find(metadata, peer);
    size_t most = sizeof metadata->sources / sizeof metadata->sources[0];
    if (source == NULL) {
        if (metadata->source_count == most)
            return;
        source = &metadata->sources[metadata->source_count++];
        *source = (struct source){.peer = peer, .paused_until_ms = now_ms};
    }
    source->size = size;
}

static void forget_requests(struct metadata *metadata, uint32_t peer)
{
    for (uint32_t i = 0; i < metadata->part_count; i++)
        if (metadata->parts[i].asked_of == peer)
            metadata->parts[i].asked_of = 0;
}

void metadata_leave(struct metadata *metadata, uint32_t peer)
{
    struct source *source = find(metadata, peer);
    if (source == NULL)
        return;
    forget_requests(metadata, peer);
    *source = metadata->sources[--metadata->source_count];
    if (metadata->only == peer)
        metadata->only = 0;
}

/* ---- asking ---- */

bool metadata_next_request(struct metadata *metadata, uint32_t peer, uint64_t now_ms,
                           uint32_t *part)
{
    if (metadata->stage != FETCHING)
        return false;
    if (metadata->size > 0 && is_hopeless(metadata, now_ms))
        throw_away(metadata);
    if (metadata->size == 0)
        begin(metadata, now_ms);
    if (metadata->one_at_a_time && metadata->only == 0)
        choose_only(metadata, now_ms);
    struct source *source = find(metadata, peer);
    if (source == NULL || metadata->size == 0 || source->size != metadata->size ||
        source->asked >= METADATA_AHEAD ||
        !can_be_asked(metadata, source, fewest_failures(metadata, now_ms), now_ms))
        return false;
    for (uint32_t i = 0; i < metadata->part_count; i++) {
        struct part *at = &metadata->parts[i];
        if (at->here || at->asked_of != 0)
            continue;
        at->asked_of = peer;
        at->asked_ms = now_ms;
        source->asked++;
        *part = i;
        return true;
    }
    return false;
}

static void give_up(struct metadata *metadata, struct source *source, uint64_t now_ms)
{
    forget_requests(metadata, source->peer);
    source->asked = 0;
    source->paused_until_ms = now_ms + METADATA_PAUSE_MS;
    source->tried = true;
    source->failures++;
    if (metadata->only == source->peer)
        metadata->only = 0;
}

void metadata_reject(struct metadata *metadata, uint32_t peer, uint32_t part, uint64_t now_ms)
{
    struct source *source = find(metadata, peer);
    if (source != NULL && part < metadata->part_count && metadata->parts[part].asked_of == peer)
        give_up(metadata, source, now_ms);
}

bool metadata_on_time(struct metadata *metadata, uint64_t now_ms, unsigned *silent)
{
    *silent = 0;
    for (uint32_t i = 0; i < metadata->part_count; i++) {
        struct part *part = &metadata->parts[i];
        if (part->here || part->asked_of == 0 || now_ms - part->asked_ms < METADATA_WAIT_MS)
            continue;
        struct source *source = find(metadata, part->asked_of);
        if (source == NULL)
            continue;
        give_up(metadata, source, now_ms);
        ++*silent;
    }
    return metadata->stage == FETCHING && metadata->source_count > 0;
}

/* ---- receiving ---- */

/* The one peer that gave every part; 0: there were several. */
static uint32_t only_giver(const struct metadata *metadata)
{
    for (uint32_t i = 1; i < metadata->part_count; i++)
        if (metadata->parts[i].giver != metadata->parts[0].giver)
            return 0;
    return metadata->parts[0].giver;
}

/* Returns who lied; 0: not known. */
static uint32_t judge(struct metadata *metadata)
{
    uint32_t liar = only_giver(metadata);
    struct source *source = find(metadata, liar);
    if (source != NULL)
        source->tried = true;
    metadata->one_at_a_time = true;
    metadata->only = 0;
    return liar;
}

uint32_t metadata_checked(struct metadata *metadata, enum status result)
{
    if (metadata->stage != CHECKING)
        return 0;
    metadata->stage = result == STATUS_OK ? COMPLETE : FETCHING;
    uint32_t liar = result == STATUS_MISMATCH ? judge(metadata) : 0;
    if (result != STATUS_OK)
        throw_away(metadata);
    return liar;
}

enum metadata_result metadata_receive(struct metadata *metadata, uint32_t peer, uint32_t part,
                                      struct bytes data, uint64_t now_ms)
{
    if (metadata->stage != FETCHING || part >= metadata->part_count)
        return METADATA_UNASKED;
    struct part *at = &metadata->parts[part];
    uint32_t begin_at = part * METADATA_PART_BYTES, left = metadata->size - begin_at;
    uint32_t len = left < METADATA_PART_BYTES ? left : METADATA_PART_BYTES;
    struct source *source = find(metadata, peer);
    if (at->here || at->asked_of != peer || source == NULL)
        return METADATA_UNASKED;
    if (data.len != len) {
        give_up(metadata, source, now_ms);
        return METADATA_UNASKED;
    }
    memcpy(metadata->data + begin_at, data.data, len);
    *at = (struct part){.here = true, .giver = peer};
    source->asked--;
    if (++metadata->here_count < metadata->part_count)
        return METADATA_KEPT;
    metadata->stage = CHECKING;
    return METADATA_WHOLE;
}

/* ---- what it knows ---- */

bool metadata_is_checking(const struct metadata *metadata)
{
    return metadata->stage == CHECKING;
}

bool metadata_is_complete(const struct metadata *metadata)
{
    return metadata->stage == COMPLETE;
}

bool metadata_is_from(const struct metadata *metadata, uint32_t peer)
{
    for (uint32_t i = 0; i < metadata->part_count; i++)
        if (metadata->parts[i].giver == peer)
            return true;
    return false;
}

struct bytes metadata_bytes(const struct metadata *metadata)
{
    return bytes_of(metadata->data, metadata->size);
}

void metadata_progress(const struct metadata *metadata, uint32_t *have, uint32_t *total)
{
    *have = metadata->here_count;
    *total = metadata->part_count;
}
