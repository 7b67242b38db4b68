#include "daemon/user_search.h"

#include <stdlib.h>
#include <string.h>

#include "content/names.h"
#include "daemon/control.h"
#include "daemon/daemon.h"
#include "daemon/groups.h"
#include "daemon/node.h"
#include "daemon/session.h"
#include "io/timer.h"
#include "kadpeer/records.h"

#define FOUND_MAX 64 /* keys of one name that are shown */

struct user_search {
    struct daemon *daemon;
    struct call *call;
    struct timer *timer;
    uint32_t handle; /* 0: the lookup has ended */
    char *text, *name;
    struct id key;
    struct public_key found[FOUND_MAX];
    size_t count;
};

static void free_search(void *user)
{
    struct user_search *search = user;
    if (search->handle != 0)
        node_cancel(search->daemon->node, search->handle);
    timer_free(search->timer);
    free(search->text);
    free(search->name);
    free(search);
}

static void pack_found(const struct user_search *search, struct pack *pack)
{
    const struct key_pairs *own = session_keys(search->daemon->session);
    for (size_t i = 0; i < search->count; i++) {
        char fingerprint[FINGERPRINT_SIZE];
        public_key_fingerprint(&search->found[i], fingerprint);
        pack_begin_map(pack, NULL);
        pack_text(pack, "name", search->name);
        pack_hex(pack, "key", bytes_of(search->found[i].bytes, PUBLIC_BYTES));
        pack_text(pack, "fingerprint", fingerprint);
        pack_bool(pack, "own",
                  own != NULL && public_key_equal(&own->public_key, &search->found[i]));
        pack_end(pack);
    }
}

static void finish(struct user_search *search, unsigned asked, unsigned answered)
{
    if (search->count > 0) {
        struct pack *pack = call_result(search->call);
        pack_begin_array(pack, "users");
        pack_found(search, pack);
        pack_end(pack);
        pack_u64(pack, "asked", asked);
        pack_u64(pack, "answered", answered);
        call_finish(search->call);
    } else if (answered == 0) {
        call_fail(search->call, "no_nodes", 6, "kadpeer join HOST:PORT",
                  "no node answered when asked for the user \"%s\"", search->text);
    } else {
        call_fail(search->call, "no_user", 3, NULL, "%u node%s answered, none knows a user \"%s\"",
                  answered, answered == 1 ? "" : "s", search->text);
    }
    free_search(search);
}

static void on_entry(struct user_search *search, struct bytes value)
{
    struct entry_record record;
    struct user_entry_body body;
    struct public_key key;
    if (search->count == FOUND_MAX || !entry_record_decode(value, &record) ||
        !user_entry_body_decode(record.body, &body) ||
        memcmp(record.public_key, body.user, sizeof body.user) != 0 ||
        !entry_record_verify(&record, &search->key))
        return;
    memcpy(key.bytes, body.user, sizeof key.bytes);
    if (!groups_text_fits(search->text, search->name, &key))
        return;
    for (size_t i = 0; i < search->count; i++)
        if (public_key_equal(&search->found[i], &key))
            return;
    search->found[search->count++] = key;
}

static void on_lookup(void *user, const struct dht_event *event)
{
    struct user_search *search = user;
    if (event->type == DHT_EVENT_VALUE) {
        on_entry(search, event->value);
        return;
    }
    search->handle = 0;
    finish(search, event->asked, event->answered);
}

static void on_timer(void *user)
{
    finish(user, 0, 0);
}

static bool begin(struct user_search *search)
{
    char *normal;
    if (names_normalize(search->name, &normal) != STATUS_OK)
        return false;
    search->key = key_of_user_name(normal);
    free(normal);
    search->handle = node_get(search->daemon->node, &search->key, KIND_ENTRY, on_lookup, search);
    return search->handle != 0;
}

void user_search_start(struct daemon *daemon, struct call *call, const char *text, uint64_t wait_ms)
{
    struct user_search *search = calloc(1, sizeof *search);
    const char *mark = strrchr(text, '#');
    if (search != NULL) {
        search->daemon = daemon;
        search->call = call;
        search->text = strdup(text);
        search->name =
            mark != NULL && mark != text ? strndup(text, (size_t)(mark - text)) : strdup(text);
        search->timer = timer_new(daemon->loop, on_timer, search);
    }
    if (search == NULL || search->text == NULL || search->name == NULL || search->timer == NULL ||
        !begin(search)) {
        if (search != NULL)
            free_search(search);
        call_fail(call, "bad_name", 12, NULL, "cannot look for a user \"%s\"", text);
        return;
    }
    call_on_cancel(call, free_search, search);
    timer_set(search->timer, daemon_now_ms(daemon) + wait_ms);
}
