#include "swarm/budget.h"

#include <stdint.h>

#include "swarm/params.h"

void budget_init(struct budget *budget, size_t limit)
{
    *budget = (struct budget){.limit = limit};
}

static bool may_take(const struct budget *budget, size_t held, size_t bytes)
{
    if (bytes > SIZE_MAX - budget->used)
        return false;
    if (held == 0 || held + bytes <= BUDGET_FLOOR_BYTES)
        return true;
    size_t used = budget->used + bytes, part = budget->limit / (budget->users + 1);
    return used <= budget->limit / 4 * 3 || (used <= budget->limit && held + bytes <= part);
}

bool budget_take(struct budget *budget, size_t held, size_t bytes)
{
    if (!may_take(budget, held, bytes)) {
        budget->refused = true;
        return false;
    }
    budget->users += held == 0 && bytes > 0;
    budget->used += bytes;
    if (budget->used > budget->most_used)
        budget->most_used = budget->used;
    return true;
}

void budget_give_back(struct budget *budget, size_t held, size_t bytes)
{
    if (bytes == 0)
        return;
    budget->users -= held == bytes;
    budget->used -= bytes;
    budget->news = budget->news || budget->refused;
    budget->refused = false;
}
