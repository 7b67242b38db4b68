/* Which port. Explicit (--port): that one or fail. Else the one of the config; taken: the next free
 * one, which is said. A profile of its own that names no port keeps the one it had last, so that
 * links which carry it stay good. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "daemon/daemon_private.h"
#include "daemon/params.h"

#define LAST_PORT "last_port" /* fact in the catalog: u16 */

struct attempt {
    struct running *running;
    struct ports_address addresses[DAEMON_BOUND_MAX];
    size_t count;
    struct ports_failure failure;
};

/* ---- the addresses ---- */

static bool parse_address(const char *text, struct endpoint *out)
{
    char with_port[ENDPOINT_TEXT_SIZE * 2];
    bool brackets = strchr(text, ':') != NULL && text[0] != '[';
    if (strlen(text) > ENDPOINT_TEXT_SIZE)
        return false;
    snprintf(with_port, sizeof with_port, brackets ? "[%s]:1" : "%s:1", text);
    return endpoint_parse(with_port, out);
}

static bool bound_addresses(struct attempt *attempt, const struct daemon_options *options)
{
    for (size_t i = 0; i < options->bind_count; i++) {
        if (i == DAEMON_BOUND_MAX)
            return ready_fail(attempt->running, "usage", DAEMON_EXIT_USAGE, NULL,
                              "at most %d addresses can be bound", DAEMON_BOUND_MAX);
        if (!parse_address(options->bind[i], &attempt->addresses[i].address))
            return ready_fail(attempt->running, "usage", DAEMON_EXIT_USAGE, NULL,
                              "--bind %s is not an address", options->bind[i]);
        attempt->count++;
    }
    return true;
}

static bool choose_addresses(struct attempt *attempt)
{
    const struct daemon_options *options = attempt->running->options;
    if (options->bind_count > 0)
        return bound_addresses(attempt, options);
    attempt->addresses[attempt->count++].address.family = ENDPOINT_IPV4;
    if (config_bool(attempt->running->daemon.config, "network.ipv6"))
        attempt->addresses[attempt->count++] =
            (struct ports_address){.address.family = ENDPOINT_IPV6, .optional = true};
    return true;
}

/* ---- one port ---- */

static bool try_port(struct attempt *attempt, uint16_t port)
{
    struct running *running = attempt->running;
    return ports_open(&running->loop, attempt->addresses, attempt->count, port, daemon_on_incoming,
                      &running->daemon, &running->ports, &attempt->failure) == STATUS_OK;
}

static bool fail_in_use(struct attempt *attempt)
{
    const struct ports_failure *failure = &attempt->failure;
    struct port_holder holder;
    char hint[160] = "leave out --port";
    ports_find_holder(failure->address.port, strcmp(failure->protocol, "UDP") == 0, &holder);
    if (holder.is_kadpeer)
        snprintf(hint, sizeof hint, "leave out --port, or kadpeer --profile %s stop",
                 holder.profile);
    return ready_fail(attempt->running, "port_in_use", DAEMON_EXIT_NETWORK, hint,
                      "cannot listen on %s %u: in use by %s", failure->protocol,
                      failure->address.port, holder.text);
}

static bool fail(struct attempt *attempt)
{
    const struct ports_failure *failure = &attempt->failure;
    char address[ENDPOINT_TEXT_SIZE];
    endpoint_format_address(&failure->address, address);
    if (failure->status == STATUS_ADDRESS_IN_USE)
        return fail_in_use(attempt);
    if (failure->status == STATUS_UNREACHABLE)
        return ready_fail(attempt->running, "bad_address", DAEMON_EXIT_NETWORK, NULL,
                          "cannot listen on %s: no address of this machine", address);
    return ready_fail(attempt->running, "cannot_listen", DAEMON_EXIT_NETWORK,
                      failure->status == STATUS_PERMISSION ? "use a port above 1023" : NULL,
                      "cannot listen on %s %u at %s: %s", failure->protocol, failure->address.port,
                      address, status_text(failure->status));
}

/* ---- which one ---- */

static uint16_t last_port(struct catalog *catalog)
{
    uint8_t *value = NULL;
    size_t len = 0;
    uint16_t port = 0;
    if (catalog_get(catalog, LAST_PORT, &value, &len) == STATUS_OK && len == 2)
        port = read_u16(value);
    free(value);
    return port;
}

static void say_moved(struct running *running, uint16_t wanted, uint16_t port)
{
    struct port_holder holder;
    ports_find_holder(wanted, true, &holder);
    snprintf(running->note, sizeof running->note, "port %u is in use by %s; took %u", wanted,
             holder.text, port);
}

static bool try_from(struct attempt *attempt, uint16_t first)
{
    for (unsigned i = 0; i < PORTS_MOVE_MAX && first + i <= UINT16_MAX; i++) {
        if (try_port(attempt, (uint16_t)(first + i)))
            return true;
        if (attempt->failure.status != STATUS_ADDRESS_IN_USE)
            return false;
    }
    return false;
}

static bool listen_as_configured(struct attempt *attempt)
{
    struct running *running = attempt->running;
    const struct daemon *daemon = &running->daemon;
    uint16_t wanted = (uint16_t)config_number(daemon->config, "network.port");
    bool own = config_source_of(daemon->config, "network.port") == CONFIG_DEFAULT &&
               strcmp(daemon->paths.profile, "default") != 0;
    uint16_t last = own ? last_port(daemon->catalog) : 0;
    if (wanted == 0)
        return try_port(attempt, 0) || fail(attempt);
    if ((last == 0 || !try_port(attempt, last)) && !try_from(attempt, wanted))
        return fail(attempt);
    if (!own && running->ports.port != wanted)
        say_moved(running, wanted, running->ports.port);
    uint8_t port[2];
    write_u16(port, running->ports.port);
    catalog_set(daemon->catalog, LAST_PORT, bytes_of(port, sizeof port));
    return true;
}

bool listen_on_ports(struct running *running)
{
    struct attempt attempt = {.running = running};
    struct daemon *daemon = &running->daemon;
    int port = running->options->port;
    if (!choose_addresses(&attempt))
        return false;
    bool listens = port >= 0 ? try_port(&attempt, (uint16_t)port) || fail(&attempt)
                             : listen_as_configured(&attempt);
    if (!listens)
        return false;
    daemon->port = running->ports.port;
    daemon->bound_count = running->ports.count;
    memcpy(daemon->bound, running->ports.bound, sizeof daemon->bound);
    return true;
}
