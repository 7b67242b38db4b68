/* The order of sources (cli-design section 4): nodes saved at the last exit, `bootstrap` in the
 * config, the list, addresses in links. All are asked at once, so the order says only which are
 * dropped first where a bound is reached. A name that does not resolve, or a node that is silent,
 * holds up nobody; what is silent is not judged, for its machine may come up later. */
#include "daemon/bootstrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/bootstrap_file.h"
#include "base/log.h"
#include "daemon/node.h"
#include "daemon/params.h"
#include "io/resolve.h"
#include "io/timer.h"

struct asking {
    struct bootstrap *bootstrap;
    struct resolve *resolve; /* NULL: ended */
    char address[BOOTSTRAP_ADDRESS_SIZE];
};

struct bootstrap {
    uv_loop_t *loop;
    struct node *node;
    const struct config *config;
    const struct paths *paths;
    struct timer *timer; /* of the next round */
    uint64_t pause_ms;
    struct asking *asking; /* of the round under way */
    size_t asking_count;
    struct bootstrap_counts counts;
    size_t told_bad; /* bad lines told of last: a round tells only what is new */
    const char *list;
};

/* ---- asking ---- */

static void on_resolved(void *user, enum status status, const struct endpoint endpoints[],
                        size_t count)
{
    struct asking *asking = user;
    struct bootstrap *bootstrap = asking->bootstrap;
    asking->resolve = NULL;
    if (status == STATUS_OK) {
        log_debug("bootstrap", "%s: %zu addresses", asking->address, count);
        node_bootstrap(bootstrap->node, endpoints, count);
        return;
    }
    bootstrap->counts.unresolved++;
    if (bootstrap->counts.rounds == 1)
        log_warn("bootstrap", "%s: %s", asking->address, status_text(status));
}

static void cancel_asking(struct bootstrap *bootstrap)
{
    for (size_t i = 0; i < bootstrap->asking_count; i++)
        resolve_cancel(bootstrap->asking[i].resolve);
    free(bootstrap->asking);
    bootstrap->asking = NULL;
    bootstrap->asking_count = 0;
}

static void ask(struct bootstrap *bootstrap, const struct bootstrap_entry *entry)
{
    struct asking *asking = &bootstrap->asking[bootstrap->asking_count++];
    asking->bootstrap = bootstrap;
    bootstrap_format_address(entry, asking->address);
    asking->resolve = resolve_start(bootstrap->loop, entry->host, entry->port, on_resolved, asking);
    if (asking->resolve == NULL)
        bootstrap->counts.unresolved++;
}

/* ---- the sources ---- */

/* Addresses of the config; `out` has room for as many as it lists. Returns how many are good. */
static size_t read_config(struct bootstrap *bootstrap, struct bootstrap_entry out[])
{
    const char *const *values;
    size_t count = config_list(bootstrap->config, "network.bootstrap", &values), good = 0;
    for (size_t i = 0; i < count; i++) {
        const char *wrong = bootstrap_parse_address(bytes_of_string(values[i]), &out[good]);
        if (wrong == NULL)
            good++;
        else if (bootstrap->counts.rounds == 1)
            log_warn("bootstrap", "%s: bootstrap = %s: %s", bootstrap->paths->config_file,
                     values[i], wrong);
        bootstrap->counts.bad_lines += wrong != NULL;
    }
    bootstrap->counts.configured = good;
    return good;
}

static void tell_bad_lines(struct bootstrap *bootstrap, const struct bootstrap_file *file)
{
    size_t told = file->bad_count < BOOTSTRAP_BAD_MAX ? file->bad_count : BOOTSTRAP_BAD_MAX;
    bootstrap->counts.bad_lines += file->bad_count;
    if (file->bad_count == bootstrap->told_bad)
        return;
    bootstrap->told_bad = file->bad_count;
    for (size_t i = 0; i < told; i++)
        log_warn("bootstrap", "%s line %u: \"%s\": %s", bootstrap->list, file->bad[i].line,
                 file->bad[i].text, file->bad[i].why);
    if (told < file->bad_count)
        log_warn("bootstrap", "%s: %zu more bad lines", bootstrap->list, file->bad_count - told);
}

/* The profile's own list, else the installed one. */
static void read_list(struct bootstrap *bootstrap, struct bootstrap_file *file)
{
    bootstrap->list = bootstrap->paths->bootstrap_file;
    enum status status = bootstrap_file_load(bootstrap->list, file);
    if (status == STATUS_NOT_FOUND) {
        bootstrap->list = paths_installed_bootstrap();
        if (bootstrap->list != NULL)
            status = bootstrap_file_load(bootstrap->list, file);
    }
    if (status == STATUS_NOT_FOUND)
        bootstrap->list = NULL;
    else if (status != STATUS_OK && bootstrap->counts.rounds == 1)
        log_warn("bootstrap", "cannot read %s: %s", bootstrap->list, status_text(status));
    bootstrap->counts.listed = file->count;
    tell_bad_lines(bootstrap, file);
}

static void ask_all(struct bootstrap *bootstrap)
{
    const char *const *values;
    size_t configured = config_list(bootstrap->config, "network.bootstrap", &values);
    struct bootstrap_entry *entries = calloc(configured + 1, sizeof *entries);
    struct bootstrap_file file = {.count = 0};
    if (entries == NULL)
        return;
    configured = read_config(bootstrap, entries);
    read_list(bootstrap, &file);
    bootstrap->asking = calloc(configured + file.count + 1, sizeof *bootstrap->asking);
    if (bootstrap->asking != NULL) {
        for (size_t i = 0; i < configured; i++)
            ask(bootstrap, &entries[i]);
        for (size_t i = 0; i < file.count; i++)
            ask(bootstrap, &file.entries[i]);
    }
    node_set_may_join(bootstrap->node, bootstrap->asking_count > 0);
    bootstrap_file_dispose(&file);
    free(entries);
}

/* ---- rounds ---- */

static void run_round(void *user)
{
    struct bootstrap *bootstrap = user;
    cancel_asking(bootstrap);
    bootstrap->counts = (struct bootstrap_counts){.rounds = bootstrap->counts.rounds + 1};
    ask_all(bootstrap);
    log_debug("bootstrap", "round %u: %zu addresses", bootstrap->counts.rounds,
              bootstrap->asking_count);
    timer_set(bootstrap->timer, uv_now(bootstrap->loop) + bootstrap->pause_ms);
    bootstrap->pause_ms *= 2;
    if (bootstrap->pause_ms > BOOTSTRAP_PAUSE_MAX_MS)
        bootstrap->pause_ms = BOOTSTRAP_PAUSE_MAX_MS;
}

void bootstrap_start(struct bootstrap *bootstrap)
{
    bootstrap->pause_ms = BOOTSTRAP_PAUSE_MIN_MS;
    bootstrap->counts.rounds = 0;
    run_round(bootstrap);
}

void bootstrap_rest(struct bootstrap *bootstrap)
{
    timer_set(bootstrap->timer, UINT64_MAX);
}

struct bootstrap *bootstrap_new(uv_loop_t *loop, struct node *node, const struct config *config,
                                const struct paths *paths)
{
    struct bootstrap *bootstrap = calloc(1, sizeof *bootstrap);
    if (bootstrap == NULL)
        return NULL;
    bootstrap->loop = loop;
    bootstrap->node = node;
    bootstrap->config = config;
    bootstrap->paths = paths;
    bootstrap->timer = timer_new(loop, run_round, bootstrap);
    if (bootstrap->timer == NULL) {
        free(bootstrap);
        return NULL;
    }
    return bootstrap;
}

void bootstrap_free(struct bootstrap *bootstrap)
{
    if (bootstrap == NULL)
        return;
    cancel_asking(bootstrap);
    timer_free(bootstrap->timer);
    free(bootstrap);
}

struct bootstrap_counts bootstrap_counts(const struct bootstrap *bootstrap)
{
    return bootstrap->counts;
}

const char *bootstrap_list_path(const struct bootstrap *bootstrap)
{
    return bootstrap->list;
}
