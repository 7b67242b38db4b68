#include "daemon/transfer_target.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <utlist.h>

#include "daemon/control.h"
#include "daemon/item.h"

#define PREFIX_MIN 6

struct match {
    struct item *item;
    unsigned count;
};

static void add(struct match *match, struct item *item)
{
    match->count++;
    if (match->item == NULL)
        match->item = item;
}

static bool all(const char *text, int (*is)(int))
{
    for (const char *c = text; *c != 0; c++)
        if (!is((unsigned char)*c))
            return false;
    return text[0] != 0;
}

static bool is_number(const char *text)
{
    return all(text, isdigit) && strlen(text) < 19;
}

static bool has_prefix(const struct item *item, const char *prefix)
{
    char hex[ID_HEX_SIZE];
    id_to_hex(&item->row.infohash, hex);
    return strncasecmp(hex, prefix, strlen(prefix)) == 0;
}

/* Numbers first: they are what the lists show. Then hashes, then names. */
static struct match find(struct engine *engine, const char *text)
{
    struct match match = {.item = NULL};
    struct item *item;
    if (is_number(text) && (item = engine_find_id(engine, strtoll(text, NULL, 10))) != NULL)
        add(&match, item);
    if (match.count == 0 && all(text, isxdigit) && strlen(text) >= PREFIX_MIN) {
        DL_FOREACH(engine->items, item)
        if (has_prefix(item, text))
            add(&match, item);
    }
    if (match.count == 0) {
        DL_FOREACH(engine->items, item)
        if (strcmp(item->row.name, text) == 0)
            add(&match, item);
    }
    return match;
}

static void fail_ambiguous(struct engine *engine, struct call *call, const char *text)
{
    struct item *item;
    struct pack *pack = call_fail_begin(call, "ambiguous", 8, "use the number or more of the hash",
                                        "several transfers fit");
    pack_text(pack, "asked", text);
    pack_begin_array(pack, "candidates");
    DL_FOREACH(engine->items, item)
    {
        if (!has_prefix(item, text) && strcmp(item->row.name, text) != 0)
            continue;
        pack_begin_map(pack, NULL);
        pack_i64(pack, "id", item->row.id);
        pack_id(pack, "hash", &item->row.infohash);
        pack_text(pack, "name", item->row.name);
        pack_end(pack);
    }
    pack_end(pack);
    call_finish(call);
}

/* 0: by no number. */
static int64_t asked_number(const struct call *call)
{
    const char *text = call_text(call, "id", NULL);
    if (text == NULL)
        return call_number(call, "id", 0);
    return is_number(text) ? strtoll(text, NULL, 10) : 0;
}

struct item *transfer_target_merged(struct engine *engine, const struct call *call)
{
    int64_t id = merges_find(&engine->merges, asked_number(call));
    struct item *item = id != 0 ? engine_find_id(engine, id) : NULL;
    return item != NULL && !item->removing ? item : NULL;
}

struct item *transfer_target(struct engine *engine, struct call *call)
{
    const char *text = call_text(call, "id", NULL);
    if (text == NULL) {
        int64_t id = call_number(call, "id", 0);
        struct item *item = engine_find_id(engine, id);
        if (item == NULL)
            call_fail(call, "not_found", 3, "kadpeer ls", "there is no transfer %lld",
                      (long long)id);
        return item;
    }
    struct match match = find(engine, text);
    if (match.count == 0)
        call_fail(call, "not_found", 3, "kadpeer ls", "there is no transfer \"%s\"", text);
    else if (match.count > 1)
        fail_ambiguous(engine, call, text);
    return match.count == 1 ? match.item : NULL;
}
