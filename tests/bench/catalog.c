/* How long calls of the catalog take, which the loop waits for: shares are added as the engine adds
 * them, then bits of one long download recorded.
 *
 *   bench_catalog FOLDER SHARES BITMAPS
 * prints, of both: mean and longest call in ms, calls above 10 ms
 */
#include "loopback.h"

#include <string.h>
#include <time.h>

#include "catalog/catalog.h"

#define BITMAP_BYTES 1024 /* of 8 GiB in pieces of 1 MiB */
#define LONG_MS      10

struct calls {
    const char *name;
    unsigned count, over;
    double total_ms, longest_ms;
};

static double clock_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void note(struct calls *calls, double since_ms)
{
    double ms = clock_ms() - since_ms;
    calls->count++;
    calls->total_ms += ms;
    calls->over += ms > LONG_MS;
    if (ms > calls->longest_ms)
        calls->longest_ms = ms;
}

static void print(const struct calls *calls)
{
    printf("%s_mean_ms %.4f\n%s_longest_ms %.3f\n%s_over_10_ms %u\n", calls->name,
           calls->total_ms / calls->count, calls->name, calls->longest_ms, calls->name,
           calls->over);
}

/* ---- what the engine does ---- */

static int64_t add_share(struct catalog *catalog, unsigned number)
{
    char name[32], dir[] = "/srv/documents", peers[] = "";
    uint8_t info[300], have = 0x80;
    struct catalog_file file = {.size = 1024, .mtime_ns = number, .inode = number + 1};
    memset(info, (int)number, sizeof info);
    snprintf(name, sizeof name, "document %05u.bin", number);
    struct catalog_transfer row = {.origin = ORIGIN_SHARE,
                                   .wish = WISH_RUN,
                                   .name = name,
                                   .dir = dir,
                                   .target = name,
                                   .complete = true,
                                   .info = bytes_of(info, sizeof info),
                                   .have = bytes_of(&have, 1),
                                   .peers = peers,
                                   .size = 1024};
    memcpy(row.infohash.bytes, &number, sizeof number);
    need(catalog_add_transfer(catalog, &row) == STATUS_OK, "add");
    need(catalog_begin(catalog) == STATUS_OK &&
             catalog_set_files(catalog, row.id, &file, 1) == STATUS_OK &&
             catalog_update_transfer(catalog, &row) == STATUS_OK &&
             catalog_end(catalog, true) == STATUS_OK,
         "complete");
    return row.id;
}

int main(int argc, char **argv)
{
    char error[CATALOG_ERROR_SIZE];
    struct catalog *catalog;
    char path[256];
    struct calls adds = {.name = "add"}, bits = {.name = "bits"};
    uint8_t have[BITMAP_BYTES] = {0};
    int64_t id = 0;
    need(argc == 4, "bench_catalog FOLDER SHARES BITMAPS");
    snprintf(path, sizeof path, "%s/kadpeer.db", argv[1]);
    need(catalog_open(path, &catalog, error) == STATUS_OK, error);
    for (unsigned i = 0, count = (unsigned)atoi(argv[2]); i < count; i++) {
        double since_ms = clock_ms();
        id = add_share(catalog, i);
        note(&adds, since_ms);
    }
    for (unsigned i = 0, count = (unsigned)atoi(argv[3]); i < count; i++) {
        double since_ms = clock_ms();
        have[i / 8 % BITMAP_BYTES] ^= (uint8_t)(0x80 >> i % 8);
        need(catalog_set_have(catalog, id, bytes_of(have, sizeof have)) == STATUS_OK, "have");
        note(&bits, since_ms);
    }
    print(&adds);
    print(&bits);
    catalog_close(catalog);
    return 0;
}
