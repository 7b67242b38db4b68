#include "dht/record_crowd.h"

#include <assert.h>
#include <stdlib.h>

#include "dht/params.h"

size_t crowd_of(const struct record_group *group, const struct source_rules *rules,
                const struct endpoint *source, enum source_scope scope)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++) {
        struct endpoint other = record_source(&group->records[i]);
        count += source_same(rules, source, &other, scope);
    }
    return count;
}

size_t crowd_of_signer(const struct record_group *group, uint32_t signer)
{
    size_t count = 0;
    for (size_t i = 0; i < group->count; i++)
        count += group->records[i].mark == signer;
    return count;
}

static uint32_t network_of(const struct source_rules *rules, const struct endpoint *source,
                           uint32_t place)
{
    if (source->family == ENDPOINT_NONE)
        return place;
    bool counts = source_counts(rules, source, SOURCE_NETWORK);
    return source_tag(rules, source, counts ? SOURCE_NETWORK : SOURCE_ADDRESS);
}

struct member {
    uint32_t network; /* its tag */
    uint32_t at;      /* in the group */
};

static int compare_networks(const void *a, const void *b)
{
    const struct member *x = a, *y = b;
    return (x->network > y->network) - (x->network < y->network);
}

/* How many members from `start` on, at least one, are of one network. */
static size_t run_length(const struct member members[], size_t count, size_t start)
{
    size_t end = start + 1;
    while (end < count && members[end].network == members[start].network)
        end++;
    return end - start;
}

static size_t longest_run(const struct member members[], size_t count)
{
    size_t longest = 0;
    for (size_t start = 0, len; start < count; start += len) {
        len = run_length(members, count, start);
        if (len > longest)
            longest = len;
    }
    return longest;
}

/* The first to end of all that are in a run of this length. */
static size_t first_to_end(const struct record_group *group, const struct member members[],
                           size_t length)
{
    size_t first = NOWHERE;
    for (size_t start = 0, len; start < group->count; start += len) {
        len = run_length(members, group->count, start);
        for (size_t i = start; len == length && i < start + len; i++)
            if (first == NOWHERE ||
                group->records[members[i].at].ends_s < group->records[first].ends_s)
                first = members[i].at;
    }
    return first;
}

size_t crowd_victim(const struct record_group *group, const struct source_rules *rules,
                    const struct endpoint *source, uint32_t place)
{
    struct member members[RECORDS_PER_KEY_MAX];
    uint32_t mine = network_of(rules, source, place);
    size_t my_count = 0;
    assert(group->count <= RECORDS_PER_KEY_MAX);
    for (size_t i = 0; i < group->count; i++) {
        struct endpoint other = record_source(&group->records[i]);
        members[i].network = network_of(rules, &other, group->records[i].place);
        members[i].at = (uint32_t)i;
        my_count += members[i].network == mine;
    }
    qsort(members, group->count, sizeof members[0], compare_networks);
    size_t longest = longest_run(members, group->count);
    return my_count < longest ? first_to_end(group, members, longest) : NOWHERE;
}
