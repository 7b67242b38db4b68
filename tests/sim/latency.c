#include "sim/latency.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim/sim_math.h"

#define REGIONS         9
#define LAST_MILE_MS    3.3 /* median, one way; a fifth have more than twice that */
#define LAST_MILE_SIGMA 0.8
#define LAST_MILE_MAX   150.0
#define JITTER_MEAN_MS  3.0
#define MATRIX_MAX      8192 /* rows */
#define MATRIX_MAX_MS   60000

/* Round trips between (and within) regions over backbones, in ms, and shares in percent. */
static const unsigned shares[REGIONS] = {52, 24, 8, 3, 5, 2, 2, 1, 3};
static const uint16_t trips_ms[REGIONS][REGIONS] = {
    /* Europe */ {22, 90, 145, 200, 230, 180, 130, 280, 110},
    /* North America, east */ {90, 25, 65, 130, 190, 230, 210, 210, 180},
    /* North America, west */ {145, 65, 20, 180, 130, 170, 230, 150, 250},
    /* South America */ {200, 130, 180, 40, 280, 320, 310, 300, 310},
    /* East Asia */ {230, 190, 130, 280, 40, 70, 120, 130, 290},
    /* South-east Asia */ {180, 230, 170, 320, 70, 35, 60, 95, 250},
    /* South Asia */ {130, 210, 230, 310, 120, 60, 35, 150, 180},
    /* Oceania */ {280, 210, 150, 300, 130, 95, 150, 25, 330},
    /* Africa, Middle East */ {110, 180, 250, 310, 290, 250, 180, 330, 70},
};

struct place {
    float last_mile_ms; /* 0: not placed yet */
    uint16_t row;       /* region, or row of the matrix */
    uint8_t times;
};

struct latency {
    struct rng placing; /* apart: where a node is does not depend on what happens first */
    struct place *places;
    size_t cap, placed; /* all below it are placed */
    float *matrix;      /* NULL: the synthetic internet */
    size_t rows;
};

static void reserve(struct latency *latency, size_t node)
{
    if (node < latency->cap)
        return;
    size_t cap = latency->cap > 0 ? latency->cap : 64;
    while (cap <= node)
        cap *= 2;
    latency->places = realloc(latency->places, cap * sizeof *latency->places);
    assert(latency->places != NULL);
    for (size_t i = latency->cap; i < cap; i++)
        latency->places[i] = (struct place){.times = 1};
    latency->cap = cap;
}

static uint16_t any_region(struct rng *rng)
{
    uint64_t drawn = rng_below(rng, 100);
    uint16_t region = 0;
    while (drawn >= shares[region])
        drawn -= shares[region++];
    return region;
}

static struct place *place_of(struct latency *latency, size_t node)
{
    reserve(latency, node);
    struct place *place = &latency->places[node];
    if (place->last_mile_ms > 0)
        return place;
    struct rng *rng = &latency->placing;
    rng->counter = node * 256;
    if (latency->matrix != NULL) {
        place->row = (uint16_t)rng_below(rng, latency->rows);
        place->last_mile_ms = 1; /* the matrix has it in it */
        return place;
    }
    place->row = any_region(rng);
    double mile_ms = LAST_MILE_MS * sim_exp(LAST_MILE_SIGMA * sim_normal(rng));
    place->last_mile_ms = (float)(mile_ms < LAST_MILE_MAX ? mile_ms : LAST_MILE_MAX);
    return place;
}

static void prepare(void *state, size_t nodes)
{
    struct latency *latency = state;
    while (latency->placed < nodes)
        place_of(latency, latency->placed++);
}

/* Both are placed. */
static double one_way_ms(const struct latency *latency, size_t from, size_t to)
{
    struct place a = latency->places[from], b = latency->places[to];
    double ms = latency->matrix != NULL ? latency->matrix[a.row * latency->rows + b.row] / 2.0
                                        : trips_ms[a.row][b.row] / 2.0 + (double)a.last_mile_ms +
                                              (double)b.last_mile_ms;
    return ms * (a.times > b.times ? a.times : b.times);
}

static bool pass(void *state, struct net_packet *packet)
{
    const struct latency *latency = state;
    double ms = one_way_ms(latency, packet->from, packet->to) +
                sim_exponential(packet->rng, JITTER_MEAN_MS);
    packet->delay_ms += 1 + (uint64_t)ms;
    return true;
}

static void dispose(void *state)
{
    struct latency *latency = state;
    free(latency->places);
    free(latency->matrix);
    free(latency);
}

static struct latency *new_latency(struct net *net)
{
    struct latency *latency = calloc(1, sizeof *latency);
    assert(latency != NULL);
    rng_init_seed(&latency->placing, rng_u64(net_rng(net)));
    return latency;
}

/* A datagram takes a millisecond more than the shortest way, at least. */
static void add(struct net *net, struct latency *latency)
{
    double least_ms = MATRIX_MAX_MS;
    for (size_t i = 0; latency->matrix == NULL && i < REGIONS * REGIONS; i++)
        least_ms = trips_ms[i / REGIONS][i % REGIONS] < least_ms
                       ? trips_ms[i / REGIONS][i % REGIONS]
                       : least_ms;
    for (size_t i = 0; latency->matrix != NULL && i < latency->rows * latency->rows; i++)
        least_ms = (double)latency->matrix[i] < least_ms ? (double)latency->matrix[i] : least_ms;
    struct net_part part = {.state = latency,
                            .pass = pass,
                            .prepare = prepare,
                            .dispose = dispose,
                            .min_ms = 1 + (uint64_t)(least_ms / 2)};
    net_add_part(net, &part);
}

struct latency *net_add_internet(struct net *net)
{
    struct latency *latency = new_latency(net);
    add(net, latency);
    return latency;
}

/* ---- matrix ---- */

static bool read_number(FILE *file, float *out, bool *ends_row)
{
    int c;
    *ends_row = false;
    do
        c = getc(file);
    while (c == ' ' || c == '\t' || c == ',' || c == '\r' || c == '\n');
    if (c == EOF)
        return false;
    ungetc(c, file);
    if (fscanf(file, "%f", out) != 1)
        return false;
    do
        c = getc(file);
    while (c == ' ' || c == '\t' || c == ',' || c == '\r');
    *ends_row = c == '\n' || c == EOF;
    if (c != EOF)
        ungetc(c, file);
    return true;
}

/* The first row says how many there are. */
static bool read_matrix(struct latency *latency, FILE *file, const char **error)
{
    size_t count = 0, cap = 0;
    bool ends_row;
    float trip_ms;
    while (read_number(file, &trip_ms, &ends_row)) {
        *error = "round trips are from 0 to 60,000 ms";
        if (!(trip_ms >= 0) || trip_ms > MATRIX_MAX_MS)
            return false;
        if (count == cap) {
            cap = cap > 0 ? 2 * cap : 1024;
            latency->matrix = realloc(latency->matrix, cap * sizeof *latency->matrix);
            assert(latency->matrix != NULL);
        }
        latency->matrix[count++] = trip_ms;
        if (latency->rows == 0 && ends_row)
            latency->rows = count;
        *error = "it has more than 8,192 columns, or more rows than columns";
        if (count > MATRIX_MAX * (latency->rows > 0 ? latency->rows : 1) ||
            (latency->rows > 0 && count > latency->rows * latency->rows))
            return false;
    }
    *error = "something in it is no number";
    if (!feof(file))
        return false;
    *error = "it has not as many rows as columns";
    return count > 0 && count == latency->rows * latency->rows;
}

struct latency *net_add_latency_matrix(struct net *net, const char *path, const char **error)
{
    FILE *file = fopen(path, "r");
    *error = "it cannot be opened";
    if (file == NULL)
        return NULL;
    struct latency *latency = new_latency(net);
    bool read = read_matrix(latency, file, error);
    fclose(file);
    if (read) {
        add(net, latency);
        return latency;
    }
    dispose(latency);
    return NULL;
}

void latency_slow(struct latency *latency, size_t node, unsigned times)
{
    place_of(latency, node)->times = (uint8_t)times;
}

double latency_round_trip_ms(struct latency *latency, size_t a, size_t b)
{
    place_of(latency, a);
    place_of(latency, b);
    return one_way_ms(latency, a, b) + one_way_ms(latency, b, a);
}
