#include "daemon/merges.h"

void merges_add(struct merges *merges, int64_t from, int64_t to)
{
    merges->kept[merges->next].from = from;
    merges->kept[merges->next].to = to;
    merges->next = (merges->next + 1) % MERGES_KEPT_MAX;
}

static int64_t find_one(const struct merges *merges, int64_t id)
{
    for (size_t i = 0; i < MERGES_KEPT_MAX; i++)
        if (merges->kept[i].from == id)
            return merges->kept[i].to;
    return 0;
}

int64_t merges_find(const struct merges *merges, int64_t id)
{
    int64_t found = 0;
    for (int64_t next = id; next != 0; next = find_one(merges, next))
        found = next;
    return found != id ? found : 0;
}
