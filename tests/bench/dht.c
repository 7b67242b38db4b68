/* What answering costs: a real node (the daemon's own, over libuv) beside a bare UDP echo, in turn,
 * each in a process of its own whose processor time alone is counted.
 *
 *   bench_dht ROUNDS REQUESTS KEYS…
 * prints, one figure a line: name, value. For each of the KEYS, ascending, that many records are
 * stored first; `echo`, `ping`, `find`, `get` and `put` follow, medians of ROUNDS slices of
 * REQUESTS requests each, as NAME_KEYS_us of processor time a request and NAME_KEYS_per_s, and
 * allocations_KEYS of memory a request.
 */
#include "loopback.h"

#include "dht_load.h"
#include "dht_nodes.h"

#define WINDOW      64 /* requests under way */
#define STORE_BYTES (1ull << 30)
#define ROUNDS_MAX  99
#define SHARED_KEYS 100 /* records under one key, where they share one */
#define CREATED     2000

static const char *const names[LOAD_METHODS] = {"echo", "ping", "find", "get", "put"};

struct slice {
    double cpu_us, per_s;
};

static int compare(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

static double median(double values[], size_t count)
{
    qsort(values, count, sizeof values[0], compare);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static struct slice run_slice(struct load *load, const struct child *child, enum load_method method,
                              uint64_t count, uint64_t keys)
{
    double cpu_s = child_cpu_s(child), start = now_s();
    uint64_t good = load_run(load, &child->endpoint, method, count, WINDOW, keys);
    double seconds = now_s() - start;
    cpu_s = child_cpu_s(child) - cpu_s;
    if (good < count - count / 100)
        fprintf(stderr, "%s: %llu of %llu were answered\n", names[method], (unsigned long long)good,
                (unsigned long long)count);
    return (struct slice){cpu_s * 1e6 / (double)good, (double)good / seconds};
}

static void measure(struct load *load, const struct child *echo, const struct child *node,
                    unsigned rounds, uint64_t count, uint64_t keys)
{
    double cpu_us[LOAD_METHODS][ROUNDS_MAX], per_s[LOAD_METHODS][ROUNDS_MAX];
    uint64_t allocations = child_ask(node).allocations;
    for (unsigned round = 0; round < rounds; round++) {
        for (unsigned method = 0; method < LOAD_METHODS; method++) {
            const struct child *child = method == LOAD_ECHO ? echo : node;
            struct slice slice = run_slice(load, child, method, count, keys);
            cpu_us[method][round] = slice.cpu_us;
            per_s[method][round] = slice.per_s;
        }
    }
    allocations = child_ask(node).allocations - allocations;
    printf("allocations_%llu %.5f\n", (unsigned long long)keys,
           (double)allocations / (double)(rounds * count * (LOAD_METHODS - 1)));
    for (unsigned method = 0; method < LOAD_METHODS; method++) {
        printf("%s_%llu_us %.3f\n", names[method], (unsigned long long)keys,
               median(cpu_us[method], rounds));
        printf("%s_%llu_per_s %.0f\n", names[method], (unsigned long long)keys,
               median(per_s[method], rounds));
    }
}

/* Until its table grows no more: refreshing follows joining. */
static void join(struct child *node, const struct child *crowd)
{
    child_start_node(node, &crowd->endpoint, STORE_BYTES);
    uint64_t before, now = 0;
    do {
        before = now;
        sleep(3);
        now = child_ask(node).contacts;
    } while (now == 0 || now > before);
}

/* Bytes of memory that each of `records` takes, as the system counts them and as the node does;
 * what putting one takes, twenty in a datagram, and the longest time nothing was answered
 * meanwhile. */
static void measure_memory(struct load *load, const struct child *crowd, uint64_t records,
                           uint64_t keys, const char *name)
{
    struct child node;
    join(&node, crowd);
    load_meet(load, &node.endpoint);
    struct child_report before = child_ask(&node);
    double cpu_s = child_cpu_s(&node);
    double pause_s = load_fill(load, &node.endpoint, 0, records, keys);
    cpu_s = child_cpu_s(&node) - cpu_s;
    struct child_report after = child_ask(&node);
    need(after.records == records, "records");
    printf("%s_bytes %.1f\n", name,
           (double)(after.resident_bytes - before.resident_bytes) / (double)records);
    printf("%s_counted_bytes %.1f\n", name,
           (double)(after.record_bytes - before.record_bytes) / (double)records);
    printf("%s_put_us %.3f\n%s_pause_ms %.1f\n", name, cpu_s * 1e6 / (double)records, name,
           pause_s * 1000);
    child_stop(&node);
}

int main(int argc, char **argv)
{
    if (argc < 4) {
        fputs("usage: bench_dht ROUNDS REQUESTS KEYS...\n", stderr);
        return 2;
    }
    unsigned rounds = (unsigned)atoi(argv[1]);
    uint64_t count = strtoull(argv[2], NULL, 0), stored = 0;
    need(rounds > 0 && rounds <= ROUNDS_MAX && count > 0, "arguments");
    struct child echo, node, crowd;
    struct crowd_figures crowd_figures;
    struct creation_figures creation = measure_creation(CREATED);
    child_start_crowd(&crowd, &crowd_figures);
    child_start_echo(&echo);
    struct load *load = load_new();
    join(&node, &crowd);
    load_meet(load, &node.endpoint);
    for (int i = 3; i < argc; i++) {
        uint64_t keys = strtoull(argv[i], NULL, 0);
        load_fill(load, &node.endpoint, stored, keys, keys);
        stored = keys;
        measure(load, &echo, &node, rounds, count, keys);
    }
    struct child_report report = child_ask(&node);
    child_stop(&node);
    measure_memory(load, &crowd, stored, stored, "record_alone");
    measure_memory(load, &crowd, stored, stored / SHARED_KEYS, "record_shared");
    printf("contacts %llu\nlimited %llu\nqueue_dropped %llu\n", (unsigned long long)report.contacts,
           (unsigned long long)report.limited, (unsigned long long)report.queue_dropped);
    printf("queries_per_get %.2f\npings_per_get %.2f\nvalues_per_get %.2f\n",
           crowd_figures.queries_per_get, crowd_figures.pings_per_get,
           crowd_figures.values_per_get);
    printf("created_per_s %.0f\ncreated_bytes %.0f\n", creation.nodes_per_s,
           creation.bytes_per_node);
    child_stop(&echo);
    child_stop(&crowd);
    load_free(load);
    return 0;
}
