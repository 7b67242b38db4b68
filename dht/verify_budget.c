#include "dht/verify_budget.h"

#include <assert.h>
#include <stdlib.h>

#include "dht/params.h"
#include "dht/record_index.h"
#include "kadpeer/siphash.h"

#define CHECK 1000u /* thousandths: VERIFY_PER_S of them come back in a millisecond */
#define FULL  (VERIFY_BURST * CHECK)
/* Beyond what a debt may be, so that the last forgery counts in full. */
#define HORIZON_MS (VERIFY_DEBT_MAX_MS + VERIFY_FORGED_MS)

void verify_budget_init(struct verify_budget *budget, const struct source_rules *rules)
{
    *budget = (struct verify_budget){.rules = rules, .left = FULL};
    source_table_init(&budget->debts, VERIFY_TABLE_MAX, HORIZON_MS);
}

void verify_budget_dispose(struct verify_budget *budget)
{
    source_table_dispose(&budget->debts);
    free(budget->known);
    budget->known = NULL;
}

static uint32_t tag_of(const struct verify_budget *budget, const struct endpoint *from)
{
    bool has_network = source_counts(budget->rules, from, SOURCE_NETWORK);
    return source_tag(budget->rules, from, has_network ? SOURCE_NETWORK : SOURCE_ADDRESS);
}

static void refill(struct verify_budget *budget, uint64_t now_ms)
{
    uint64_t back = (now_ms - budget->filled_ms) * VERIFY_PER_S;
    budget->filled_ms = now_ms;
    budget->left = back < FULL - budget->left ? budget->left + (uint32_t)back : FULL;
}

static void owe(struct verify_budget *budget, uint32_t tag, uint64_t more_ms, uint64_t now_ms)
{
    uint64_t debt_ms = source_table_left(&budget->debts, tag, (uint32_t)now_ms) + more_ms;
    if (debt_ms > HORIZON_MS)
        debt_ms = HORIZON_MS;
    source_table_set(&budget->debts, tag, (uint32_t)debt_ms, (uint32_t)now_ms);
}

/* By the square of how scarce checks are: a hundred times as many who ask get by with a tenth of
 * the store, and each is served a hundredth as often. */
static uint64_t cost_ms(const struct verify_budget *budget)
{
    uint64_t left = budget->left, cost = (uint64_t)VERIFY_COST_MS * FULL * FULL / (left * left);
    return cost < VERIFY_COST_MAX_MS ? cost : VERIFY_COST_MAX_MS;
}

bool verify_budget_take(struct verify_budget *budget, const struct endpoint *from, uint64_t now_ms)
{
    refill(budget, now_ms);
    uint32_t tag = tag_of(budget, from);
    uint64_t debt_ms = source_table_left(&budget->debts, tag, (uint32_t)now_ms);
    uint64_t used_ms = debt_ms + VERIFY_COST_MS;
    if (budget->left < CHECK || used_ms * FULL > (uint64_t)budget->left * VERIFY_DEBT_MAX_MS)
        return false;
    owe(budget, tag, cost_ms(budget), now_ms);
    budget->left -= CHECK;
    return true;
}

void verify_budget_forged(struct verify_budget *budget, const struct endpoint *from,
                          uint64_t now_ms)
{
    owe(budget, tag_of(budget, from), VERIFY_FORGED_MS, now_ms);
}

/* ---- what verified ---- */

uint64_t verify_budget_hash(const struct verify_budget *budget, const struct id *key, unsigned kind,
                            struct bytes value)
{
    uint8_t text[ID_BYTES + 1 + DHT_VALUE_MAX];
    assert(value.len <= DHT_VALUE_MAX);
    memcpy(text, key->bytes, ID_BYTES);
    text[ID_BYTES] = (uint8_t)kind;
    if (value.len > 0)
        memcpy(text + ID_BYTES + 1, value.data, value.len);
    uint64_t hash = siphash(budget->rules->secret, bytes_of(text, ID_BYTES + 1 + value.len));
    return hash != 0 ? hash : 1;
}

bool verify_budget_knows(const struct verify_budget *budget, uint64_t hash)
{
    return budget->known != NULL && budget->known[hash % VERIFY_KNOWN] == hash;
}

void verify_budget_remember(struct verify_budget *budget, uint64_t hash)
{
    if (budget->known == NULL)
        budget->known = calloc(VERIFY_KNOWN, sizeof *budget->known);
    if (budget->known != NULL)
        budget->known[hash % VERIFY_KNOWN] = hash;
}

size_t verify_budget_memory(const struct verify_budget *budget)
{
    size_t known = budget->known != NULL ? VERIFY_KNOWN * sizeof *budget->known : 0;
    return allocation_bytes(known) +
           allocation_bytes(budget->debts.cap * sizeof(struct source_slot));
}
