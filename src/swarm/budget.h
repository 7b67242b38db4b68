/* Memory for piece buffers that several transfers share. One may always have one piece, or
 * BUDGET_FLOOR_BYTES, so that none stands still, whatever the limit. Three quarters go to whoever
 * asks, the last one only to those below their part, which is reckoned as if there were one user
 * more: who comes late finds something. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

struct budget {
    size_t limit; /* bytes */
    size_t used, most_used;
    size_t users; /* that hold something */
    bool refused; /* somebody, since the last bytes came back */
    bool news;    /* bytes came back that somebody had asked for in vain; the owner clears it */
};

void budget_init(struct budget *budget, size_t limit);
/* `bytes` more for one that holds `held`. */
bool budget_take(struct budget *budget, size_t held, size_t bytes);
void budget_give_back(struct budget *budget, size_t held, size_t bytes); /* of the `held` ones */
