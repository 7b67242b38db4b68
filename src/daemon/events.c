#include "daemon/events.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/control.h"
#include "daemon/params.h"

struct event {
    uint8_t *map; /* as a closed pack made it */
    size_t len;
};

struct follower {
    struct events *events;
    struct call *call;
    struct follower *next;
};

struct events {
    struct event ring[EVENTS_KEPT_MAX]; /* event seq lies at seq % EVENTS_KEPT_MAX */
    uint64_t last;
    uint64_t oldest;  /* the first that is remembered */
    size_t bytes;     /* of all that is remembered */
    struct pack open; /* the event under way */
    struct follower *followers;
};

struct events *events_new(void)
{
    struct events *events = calloc(1, sizeof *events);
    if (events != NULL)
        events->oldest = 1;
    return events;
}

static struct event *event_at(struct events *events, uint64_t seq)
{
    return &events->ring[seq % EVENTS_KEPT_MAX];
}

static void forget_oldest(struct events *events)
{
    struct event *event = event_at(events, events->oldest++);
    events->bytes -= event->len;
    free(event->map);
    event->map = NULL;
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    while (events->oldest <= events->last)
        forget_oldest(events);
    pack_dispose(&events->open);
    free(events);
}

struct pack *events_begin(struct events *events, const char *what)
{
    struct pack *pack = &events->open;
    pack_dispose(pack);
    pack_init(pack);
    pack_begin_map(pack, NULL);
    pack_u64(pack, "seq", events->last + 1);
    pack_time(pack, "time", time(NULL));
    pack_text(pack, "what", what);
    return pack;
}

static void send_event(struct call *call, const struct event *event)
{
    struct pack *note = call_notify(call, "event");
    pack_fields(note, bytes_of(event->map, event->len));
    call_notify_end(call);
}

void events_end(struct events *events)
{
    pack_end(&events->open);
    if (events->open.out.failed)
        return;
    while (events->oldest <= events->last &&
           (events->last + 1 - events->oldest >= EVENTS_KEPT_MAX ||
            events->bytes + events->open.out.len > EVENTS_KEPT_BYTES))
        forget_oldest(events);
    struct event *event = event_at(events, ++events->last);
    event->len = events->open.out.len;
    event->map = buffer_take(&events->open.out);
    events->bytes += event->len;
    for (struct follower *follower = events->followers; follower; follower = follower->next)
        send_event(follower->call, event);
}

/* ---- followers ---- */

static void on_cancel(void *user)
{
    struct follower *follower = user;
    struct follower **at = &follower->events->followers;
    while (*at != follower)
        at = &(*at)->next;
    *at = follower->next;
    free(follower);
}

void events_follow(struct events *events, struct call *call, uint64_t since)
{
    struct follower *follower = malloc(sizeof *follower);
    if (follower == NULL) {
        call_fail(call, "no_memory", 1, NULL, "out of memory");
        return;
    }
    for (uint64_t seq = since < events->oldest ? events->oldest : since + 1; seq <= events->last;
         seq++)
        send_event(call, event_at(events, seq));
    *follower = (struct follower){.events = events, .call = call, .next = events->followers};
    events->followers = follower;
    call_on_cancel(call, on_cancel, follower);
}

uint64_t events_last(const struct events *events)
{
    return events->last;
}
