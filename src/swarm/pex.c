#include "swarm/pex.h"

#include <stdlib.h>

#include "content/bencode.h"
#include "swarm/params.h"

void pex_memory_dispose(struct pex_memory *memory)
{
    free(memory->told);
    *memory = (struct pex_memory){0};
}

/* ---- writing ---- */

struct lists {
    struct buffer added[2], flags[2], dropped[2]; /* IPv4, IPv6 */
};

static void for_each_list(struct lists *lists, void (*act)(struct buffer *))
{
    for (int i = 0; i < 2; i++) {
        act(&lists->added[i]);
        act(&lists->flags[i]);
        act(&lists->dropped[i]);
    }
}

static void add_endpoint(struct buffer lists[2], const struct endpoint *endpoint)
{
    uint8_t compact[ENDPOINT_COMPACT_MAX];
    size_t len = endpoint_to_compact(endpoint, compact);
    buffer_add(&lists[endpoint->family == ENDPOINT_IPV6], compact, len);
}

/* `near`: where it was the last time, unless others came and went. */
static bool is_told(const struct pex_memory *memory, const struct endpoint *endpoint, size_t near)
{
    if (near < memory->count && endpoint_equal(&memory->told[near], endpoint))
        return true;
    for (size_t i = 0; i < memory->count; i++)
        if (endpoint_equal(&memory->told[i], endpoint))
            return true;
    return false;
}

static bool is_contact(const struct pex_contact contacts[], size_t count,
                       const struct endpoint *endpoint, size_t near)
{
    if (near < count && endpoint_equal(&contacts[near].endpoint, endpoint))
        return true;
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&contacts[i].endpoint, endpoint))
            return true;
    return false;
}

static bool remember(struct pex_memory *memory, const struct endpoint *endpoint)
{
    if (memory->count == memory->cap) {
        size_t cap = memory->cap == 0 ? 8 : memory->cap * 2;
        struct endpoint *told = realloc(memory->told, cap * sizeof *told);
        if (told == NULL)
            return false;
        memory->told = told;
        memory->cap = cap;
    }
    memory->told[memory->count++] = *endpoint;
    return true;
}

static size_t drop_gone(struct pex_memory *memory, const struct pex_contact contacts[],
                        size_t count, struct lists *lists)
{
    size_t dropped = 0;
    for (size_t i = 0; i < memory->count && dropped < PEX_ADDED_MAX;) {
        if (is_contact(contacts, count, &memory->told[i], i)) {
            i++;
            continue;
        }
        add_endpoint(lists->dropped, &memory->told[i]);
        memory->told[i] = memory->told[--memory->count];
        dropped++;
    }
    return dropped;
}

static size_t add_new(struct pex_memory *memory, const struct pex_contact contacts[], size_t count,
                      struct lists *lists)
{
    size_t most = memory->begun ? PEX_ADDED_MAX : PEX_FIRST_ADDED_MAX, added = 0;
    for (size_t i = 0; i < count && added < most; i++) {
        const struct endpoint *endpoint = &contacts[i].endpoint;
        if (is_told(memory, endpoint, i) || !remember(memory, endpoint))
            continue;
        add_endpoint(lists->added, endpoint);
        buffer_add_byte(&lists->flags[endpoint->family == ENDPOINT_IPV6], contacts[i].flags);
        added++;
    }
    return added;
}

static void put_list(struct buffer *out, const char *key, const struct buffer *list)
{
    if (list->len == 0)
        return;
    bencode_put_text(out, key);
    bencode_put_string(out, buffer_bytes(list));
}

bool pex_write(struct pex_memory *memory, const struct pex_contact contacts[], size_t count,
               struct buffer *out)
{
    struct lists lists;
    for_each_list(&lists, buffer_init);
    size_t changes = drop_gone(memory, contacts, count, &lists);
    changes += add_new(memory, contacts, count, &lists);
    if (changes > 0) {
        bencode_begin_dict(out);
        put_list(out, "added", &lists.added[0]);
        put_list(out, "added.f", &lists.flags[0]);
        put_list(out, "added6", &lists.added[1]);
        put_list(out, "added6.f", &lists.flags[1]);
        put_list(out, "dropped", &lists.dropped[0]);
        put_list(out, "dropped6", &lists.dropped[1]);
        bencode_end(out);
        memory->begun = true;
    }
    for_each_list(&lists, buffer_dispose);
    return changes > 0 && !out->failed;
}

/* ---- reading ---- */

/* One attacker's address must not fill the list with its ports; on a LAN or loopback many peers do
 * share one. */
static bool is_repeated(const struct pex_contact out[], size_t count,
                        const struct endpoint *endpoint)
{
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&out[i].endpoint, endpoint) ||
            (endpoint_same_address(&out[i].endpoint, endpoint) && !endpoint_is_local(endpoint)))
            return true;
    return false;
}

static size_t read_list(const struct bencode *dict, const char *key, const char *flags_key,
                        size_t width, struct pex_contact out[], size_t cap, size_t count,
                        size_t *refused)
{
    struct bytes list, flags = {0};
    if (!bencode_find_string(dict, key, &list))
        return count;
    bencode_find_string(dict, flags_key, &flags);
    for (size_t i = 0; (i + 1) * width <= list.len && count < cap; i++) {
        struct pex_contact contact = {.flags = i < flags.len ? flags.data[i] : 0};
        if (endpoint_from_compact(bytes_of(list.data + i * width, width), &contact.endpoint) &&
            endpoint_is_usable(&contact.endpoint) && !is_repeated(out, count, &contact.endpoint))
            out[count++] = contact;
        else
            ++*refused;
    }
    return count;
}

enum status pex_read(struct bytes body, struct pex_contact out[], size_t cap, size_t *count,
                     size_t *refused)
{
    struct bencode dict;
    struct bytes rest;
    *count = *refused = 0;
    if (bencode_parse(body, &dict, &rest) != STATUS_OK || dict.type != BENCODE_DICT)
        return STATUS_MALFORMED;
    *count = read_list(&dict, "added", "added.f", 6, out, cap, 0, refused);
    *count = read_list(&dict, "added6", "added6.f", 18, out, cap, *count, refused);
    return STATUS_OK;
}
