#include "sim/mix.h"

#include <stdio.h>

/* What is drawn at all in half of the mixes; small shares are more likely than large ones. */
static double share(struct rng *rng, double most)
{
    if (rng_below(rng, 2) == 0)
        return 0;
    double unit = rng_unit(rng);
    return most * unit * unit;
}

static size_t some(struct rng *rng, size_t least, size_t most)
{
    double unit = rng_unit(rng);
    return least + (size_t)((double)(most - least + 1) * unit * unit);
}

static void draw_network(struct mix *mix, struct rng *rng)
{
    static const size_t stores[] = {0, 128 * 1024, 1024 * 1024};
    static const enum net_addresses addresses[] = {NET_PUBLIC, NET_PUBLIC, NET_PUBLIC, NET_LAN,
                                                   NET_ONE_ADDRESS};
    mix->nodes = some(rng, 2, MIX_NODES_MAX);
    mix->family = rng_below(rng, 4) == 0 ? ENDPOINT_IPV6 : ENDPOINT_IPV4;
    mix->addresses = addresses[rng_below(rng, 5)];
    mix->without = rng_below(rng, 4) == 0 ? (uint8_t)rng_below(rng, DHT_TECHNIQUES + 1) : 0;
    mix->paths = rng_below(rng, 4) == 0 ? (uint8_t)(1 + rng_below(rng, 8)) : 0;
    mix->internet = rng_below(rng, 2) == 0;
    mix->min_ms = (uint32_t)some(rng, 0, 200);
    mix->max_ms = mix->min_ms + (uint32_t)some(rng, 0, 400);
    mix->store_bytes = stores[rng_below(rng, 3)];
    mix->behind_nat = share(rng, 0.7);
    mix->behind_one = mix->addresses == NET_PUBLIC ? share(rng, 0.5) : 0;
    mix->read_only = share(rng, 0.3);
}

static void draw_faults(struct mix *mix, struct rng *rng)
{
    mix->loss = share(rng, 0.4);
    mix->duplicates = share(rng, 0.5);
    mix->reordered = share(rng, 0.5);
    mix->reordered_ms = (uint32_t)some(rng, 50, 3000);
    mix->goes_down = share(rng, 0.02);
    mix->comes_back = 0.005 + rng_unit(rng) * 0.1;
    mix->forgets = share(rng, 1);
    mix->loses_records = share(rng, 1);
    mix->cut_off = rng_below(rng, 3) == 0 ? 0.1 + 0.8 * rng_unit(rng) : 0;
    mix->cut_closes = 0.01 + 0.05 * rng_unit(rng);
    mix->cut_opens = 0.002 + 0.02 * rng_unit(rng);
    mix->clock_set = share(rng, 0.01);
    mix->clock_s = 60 << rng_below(rng, 7);
    mix->faults_s = (uint32_t)some(rng, 60, rng_below(rng, 32) == 0 ? 7200 : 600);
    mix->calm_s = 30 * 60;
}

static void draw_hostile(struct mix *mix, struct rng *rng)
{
    size_t most = rng_below(rng, 2) == 0 ? mix->nodes / 3 : 0;
    for (size_t kind = 0; kind < ROGUE_MIRROR; kind++) { /* of mirrors there would be no end */
        bool wanted = rng_below(rng, 2) == 0 && (kind != ROGUE_SLOW || mix->internet);
        mix->rogues[kind] = wanted ? some(rng, 0, most) : 0;
        most -= mix->rogues[kind];
    }
    bool ipv4 = mix->addresses == NET_PUBLIC && mix->family == ENDPOINT_IPV4;
    mix->besiegers = ipv4 && rng_below(rng, 4) == 0 ? some(rng, 1, DHT_K) : 0;
    mix->floods = share(rng, 20);
    mix->vandals = share(rng, 5);
    mix->vandal_answers = rng_below(rng, 2) == 0;
}

void mix_draw(struct mix *mix, uint64_t seed)
{
    struct rng rng;
    *mix = (struct mix){.seed = seed};
    rng_init_seed(&rng, seed);
    draw_network(mix, &rng);
    draw_faults(mix, &rng);
    draw_hostile(mix, &rng);
    mix->publishes = 0.002 + 0.05 * rng_unit(&rng);
    mix->looks_up = share(&rng, 0.2);
    mix->records_max = some(&rng, 1, 40);
    mix->stands_still = share(&rng, 0.01);
    mix->still_s = 1 << rng_below(&rng, 10);
}

void mix_describe(const struct mix *mix, char *out, size_t cap)
{
    static const char *const addresses[] = {"public", "one address", "LAN"};
    int len = snprintf(
        out, cap,
        "%zu nodes, IPv%u, %s, without %u, paths %u, %s %u-%u ms, store %zu, loss %.3f, "
        "duplicates %.3f, reordered %.3f within %u ms, NAT %.2f, behind one %.2f, read-only %.2f, "
        "down %.4f back %.3f (forget %.2f, lose records %.2f), cut %.2f closes %.3f opens %.3f, "
        "clocks %.4f by %d s, still %.4f for %u s, besiegers %zu, floods %.1f, nonsense %.2f%s, "
        "publish %.3f, look up %.3f, records %zu, faults %u s",
        mix->nodes, mix->family, addresses[mix->addresses], mix->without, mix->paths,
        mix->internet ? "internet, not" : "delay", mix->min_ms, mix->max_ms, mix->store_bytes,
        mix->loss, mix->duplicates, mix->reordered, mix->reordered_ms, mix->behind_nat,
        mix->behind_one, mix->read_only, mix->goes_down, mix->comes_back, mix->forgets,
        mix->loses_records, mix->cut_off, mix->cut_closes, mix->cut_opens, mix->clock_set,
        mix->clock_s, mix->stands_still, mix->still_s, mix->besiegers, mix->floods, mix->vandals,
        mix->vandal_answers ? " and answers" : "", mix->publishes, mix->looks_up, mix->records_max,
        mix->faults_s);
    for (size_t kind = 0; kind < ROGUE_KINDS && len > 0 && (size_t)len < cap; kind++)
        if (mix->rogues[kind] > 0)
            len += snprintf(out + len, cap - (size_t)len, ", %zu %s", mix->rogues[kind],
                            rogue_names[kind]);
}
