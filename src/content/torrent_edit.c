#include "content/torrent_edit.h"

#include <stdlib.h>
#include <string.h>

#include "content/bencode.h"
#include "content/metainfo.h"
#include "content/params.h"

#define SET_MAX 8 /* keys that are set beside those that are there, and to spare */

static const char INFO_KEY[] = "info";

struct field {
    struct bytes key, raw; /* views */
};

struct fields {
    struct field items[TORRENT_KEYS_MAX + SET_MAX];
    size_t count;
};

/* What is written anew, for as long as `fields` are views of it. */
struct written {
    struct buffer announce, tiers, comment, author, nodes;
};

/* ---- fields ---- */

static struct field *find(struct fields *fields, struct bytes key)
{
    for (size_t i = 0; i < fields->count; i++)
        if (bytes_equal(fields->items[i].key, key))
            return &fields->items[i];
    return NULL;
}

static void drop(struct fields *fields, const char *key)
{
    struct field *field = find(fields, bytes_of_string(key));
    if (field != NULL)
        *field = fields->items[--fields->count];
}

/* TOO_BIG: `fields` are the first of more. */
static enum status collect(struct bytes dictionary, struct fields *fields)
{
    struct bencode dict;
    struct bytes rest;
    struct field field;
    struct bencode value;
    fields->count = 0;
    if (dictionary.len == 0)
        return STATUS_OK;
    if (bencode_parse(dictionary, &dict, &rest) != STATUS_OK || dict.type != BENCODE_DICT)
        return STATUS_MALFORMED;
    struct bencode_cursor cursor = bencode_first(&dict);
    while (bencode_next(&cursor, &field.key, &value)) {
        field.raw = value.raw;
        if (bytes_equal(field.key, bytes_of_string(INFO_KEY)) || find(fields, field.key) != NULL)
            continue;
        if (fields->count == TORRENT_KEYS_MAX)
            return STATUS_TOO_BIG;
        fields->items[fields->count++] = field;
    }
    return STATUS_OK;
}

static void set(struct fields *fields, const char *key, struct bytes raw)
{
    drop(fields, key);
    fields->items[fields->count++] = (struct field){bytes_of_string(key), raw};
}

static int compare_keys(const void *a, const void *b)
{
    const struct bytes *left = &((const struct field *)a)->key;
    const struct bytes *right = &((const struct field *)b)->key;
    size_t len = left->len < right->len ? left->len : right->len;
    int order = len > 0 ? memcmp(left->data, right->data, len) : 0;
    return order != 0 ? order : (left->len > right->len) - (left->len < right->len);
}

static void write_field(const struct field *field, struct buffer *out)
{
    bencode_put_string(out, field->key);
    buffer_add(out, field->raw.data, field->raw.len);
}

static void sort(struct fields *fields)
{
    qsort(fields->items, fields->count, sizeof fields->items[0], compare_keys);
}

enum status torrent_edit_around(struct bytes torrent, struct buffer *out)
{
    struct fields fields;
    size_t begin = out->len;
    if (collect(torrent, &fields) == STATUS_MALFORMED)
        return STATUS_MALFORMED;
    sort(&fields);
    bencode_begin_dict(out);
    for (size_t i = 0; i < fields.count && !out->failed; i++) {
        size_t before = out->len;
        if (fields.items[i].key.len + fields.items[i].raw.len > TORRENT_AROUND_MAX)
            continue;
        write_field(&fields.items[i], out);
        if (!out->failed && out->len + 1 - begin > TORRENT_AROUND_MAX)
            out->len = before;
    }
    bencode_end(out);
    return out->failed ? STATUS_NO_MEMORY : STATUS_OK;
}

/* ---- trackers ---- */

static bool is_one_of(struct bytes address, const char *const *texts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (bytes_equal(address, bytes_of_string(texts[i])))
            return true;
    return false;
}

struct trackers {
    const struct torrent_edit *edit;
    struct buffer *tiers;
    struct bytes first; /* the first address that stays; len 0: none */
    size_t count;
};

static void note(struct trackers *trackers, struct bytes address)
{
    if (trackers->count++ == 0)
        trackers->first = address;
}

static bool stays(const struct trackers *trackers, const struct bencode *address)
{
    const struct torrent_edit *edit = trackers->edit;
    return address->type == BENCODE_STRING && !edit->remove_all &&
           !is_one_of(address->string, edit->remove, edit->remove_count) &&
           !is_one_of(address->string, edit->add, edit->add_count);
}

/* A tier of which nothing stays goes, too. */
static void keep_tier(struct trackers *trackers, const struct bencode *tier)
{
    struct bencode_cursor cursor = bencode_first(tier);
    struct bencode address;
    bool begun = false;
    while (tier->type == BENCODE_LIST && bencode_next(&cursor, NULL, &address)) {
        if (!stays(trackers, &address))
            continue;
        if (!begun)
            bencode_begin_list(trackers->tiers);
        begun = true;
        bencode_put_string(trackers->tiers, address.string);
        note(trackers, address.string);
    }
    if (begun)
        bencode_end(trackers->tiers);
}

static void put_tier(struct trackers *trackers, struct bytes address)
{
    bencode_begin_list(trackers->tiers);
    bencode_put_string(trackers->tiers, address);
    bencode_end(trackers->tiers);
    note(trackers, address);
}

/* Where there are tiers they count, else the one address [BEP 12]. */
static void keep_tiers(struct trackers *trackers, struct fields *fields)
{
    const struct field *list = find(fields, bytes_of_string("announce-list"));
    const struct field *one = find(fields, bytes_of_string("announce"));
    struct bencode value, tier;
    if (list != NULL && bencode_parse(list->raw, &value, NULL) == STATUS_OK &&
        value.type == BENCODE_LIST) {
        struct bencode_cursor cursor = bencode_first(&value);
        while (bencode_next(&cursor, NULL, &tier))
            keep_tier(trackers, &tier);
    } else if (one != NULL && bencode_parse(one->raw, &value, NULL) == STATUS_OK &&
               stays(trackers, &value)) {
        put_tier(trackers, value.string);
    }
}

static void edit_trackers(struct fields *fields, const struct torrent_edit *edit,
                          struct written *written)
{
    struct trackers trackers = {.edit = edit, .tiers = &written->tiers};
    if (edit->add_count == 0 && edit->remove_count == 0 && !edit->remove_all)
        return;
    bencode_begin_list(trackers.tiers);
    keep_tiers(&trackers, fields);
    for (size_t i = 0; i < edit->add_count; i++)
        if (!is_one_of(bytes_of_string(edit->add[i]), edit->add, i))
            put_tier(&trackers, bytes_of_string(edit->add[i]));
    bencode_end(trackers.tiers);
    bencode_put_string(&written->announce, trackers.first);
    drop(fields, "announce");
    drop(fields, "announce-list");
    if (trackers.count > 0)
        set(fields, "announce", buffer_bytes(&written->announce));
    if (trackers.count > 1)
        set(fields, "announce-list", buffer_bytes(&written->tiers));
}

/* ---- the rest ---- */

static void edit_texts(struct fields *fields, const struct torrent_edit *edit,
                       struct written *written)
{
    if (edit->comment != NULL)
        drop(fields, "comment");
    if (edit->comment != NULL && edit->comment[0] != 0) {
        bencode_put_text(&written->comment, edit->comment);
        set(fields, "comment", buffer_bytes(&written->comment));
    }
    if (edit->author != NULL && find(fields, bytes_of_string("created by")) == NULL) {
        bencode_put_text(&written->author, edit->author);
        set(fields, "created by", buffer_bytes(&written->author));
    }
}

static void edit_nodes(struct fields *fields, const struct torrent_edit *edit,
                       struct written *written)
{
    if (edit->node_count == 0)
        return;
    bencode_begin_list(&written->nodes);
    for (size_t i = 0; i < edit->node_count; i++) {
        char text[ENDPOINT_TEXT_SIZE];
        endpoint_format(&edit->nodes[i], text);
        bencode_put_text(&written->nodes, text);
    }
    bencode_end(&written->nodes);
    set(fields, TORRENT_PEERS_KEY, buffer_bytes(&written->nodes));
}

static bool any_failed(const struct written *written)
{
    return written->announce.failed || written->tiers.failed || written->comment.failed ||
           written->author.failed || written->nodes.failed;
}

static void dispose(struct written *written)
{
    buffer_dispose(&written->announce);
    buffer_dispose(&written->tiers);
    buffer_dispose(&written->comment);
    buffer_dispose(&written->author);
    buffer_dispose(&written->nodes);
}

enum status torrent_edit_apply(struct bytes around, struct bytes info,
                               const struct torrent_edit *edit, struct buffer *out)
{
    struct fields fields;
    struct written written = {0};
    enum status status = collect(around, &fields);
    if (status != STATUS_OK)
        return status;
    edit_trackers(&fields, edit, &written);
    edit_texts(&fields, edit, &written);
    edit_nodes(&fields, edit, &written);
    if (info.len > 0)
        set(&fields, INFO_KEY, info);
    sort(&fields);
    bencode_begin_dict(out);
    for (size_t i = 0; i < fields.count; i++)
        write_field(&fields.items[i], out);
    bencode_end(out);
    bool failed = out->failed || any_failed(&written);
    dispose(&written);
    return failed ? STATUS_NO_MEMORY : STATUS_OK;
}
