#include "dht/density.h"

#include <stdlib.h>
#include <string.h>

double density_share(const struct id *key, const struct id *id)
{
    double share = 0, unit = 1.0;
    for (size_t i = 0; i < 12; i++) {
        unit /= 256;
        share += unit * (key->bytes[i] ^ id->bytes[i]);
    }
    return share;
}

double density_size(size_t count, double share)
{
    if (count < 2 || share <= 0)
        return 0;
    double size = (double)(count - 1) / share + 1; /* unbiased: count - 1 nearer than the last */
    return size < DENSITY_SIZE_MAX ? size : DENSITY_SIZE_MAX;
}

void density_note(struct density *density, size_t count, double share)
{
    if (count < DHT_K || share <= 0)
        return;
    density->sizes[density->next] = (float)density_size(count, share);
    density->next = (uint8_t)((density->next + 1) % DENSITY_SAMPLES);
    density->count += density->count < DENSITY_SAMPLES;
}

static int compare_floats(const void *a, const void *b)
{
    float left = *(const float *)a, right = *(const float *)b;
    return (left > right) - (left < right);
}

double density_median(const struct density *density, double own)
{
    float sizes[DENSITY_SAMPLES + 1];
    size_t count = density->count;
    memcpy(sizes, density->sizes, count * sizeof sizes[0]);
    sizes[count++] = (float)own;
    qsort(sizes, count, sizeof sizes[0], compare_floats);
    return sizes[(count - 1) / 2]; /* the lower of two: who crowds can only make it seem larger */
}

bool density_is_crowded(double nodes, size_t count, double share)
{
    return count >= DHT_K && nodes * share < DENSITY_CROWDED * (double)count;
}

bool density_is_wide_enough(double nodes, double share)
{
    return nodes * share >= DENSITY_HONEST;
}
