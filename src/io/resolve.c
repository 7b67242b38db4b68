#include "io/resolve.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <netdb.h>

#include "io/address.h"
#include "io/errors.h"
#include "io/params.h"

struct resolve {
    uv_getaddrinfo_t request;
    uv_timer_t soon; /* of an address, which needs no resolver */
    struct endpoint address;
    resolve_on_done *on_done; /* NULL: cancelled */
    void *user;
    uint16_t port;
};

static bool parse_address(const char *host, uint16_t port, struct endpoint *out)
{
    struct sockaddr_in in4 = {.sin_family = AF_INET};
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6};
    bool good = true;
    if (uv_inet_pton(AF_INET, host, &in4.sin_addr) == 0)
        address_from_system((struct sockaddr *)&in4, out);
    else if (uv_inet_pton(AF_INET6, host, &in6.sin6_addr) == 0)
        address_from_system((struct sockaddr *)&in6, out);
    else
        good = false;
    out->port = port;
    return good;
}

static void free_resolve(uv_handle_t *handle)
{
    free(handle->data);
}

static void on_soon(uv_timer_t *timer)
{
    struct resolve *resolve = timer->data;
    uv_close((uv_handle_t *)timer, free_resolve);
    resolve->on_done(resolve->user, STATUS_OK, &resolve->address, 1);
}

static bool has(const struct endpoint endpoints[], size_t count, const struct endpoint *endpoint)
{
    for (size_t i = 0; i < count; i++)
        if (endpoint_equal(&endpoints[i], endpoint))
            return true;
    return false;
}

static void on_resolved(uv_getaddrinfo_t *request, int code, struct addrinfo *found)
{
    struct resolve *resolve = request->data;
    struct endpoint endpoints[RESOLVE_ADDRESSES_MAX];
    size_t count = 0;
    for (struct addrinfo *i = found; i != NULL && count < RESOLVE_ADDRESSES_MAX; i = i->ai_next) {
        if (!address_from_system(i->ai_addr, &endpoints[count]))
            continue;
        endpoints[count].port = resolve->port;
        if (!has(endpoints, count, &endpoints[count]))
            count++;
    }
    uv_freeaddrinfo(found);
    enum status status = code != 0 ? status_of_uv(code) : count > 0 ? STATUS_OK : STATUS_NOT_FOUND;
    if (resolve->on_done != NULL)
        resolve->on_done(resolve->user, status, endpoints, count);
    free(resolve);
}

struct resolve *resolve_start(uv_loop_t *loop, const char *host, uint16_t port,
                              resolve_on_done *on_done, void *user)
{
    struct resolve *resolve = calloc(1, sizeof *resolve);
    if (resolve == NULL)
        return NULL;
    resolve->on_done = on_done;
    resolve->user = user;
    resolve->port = port;
    resolve->request.data = resolve->soon.data = resolve;
    if (parse_address(host, port, &resolve->address)) {
        uv_timer_init(loop, &resolve->soon);
        uv_timer_start(&resolve->soon, on_soon, 0, 0);
        return resolve;
    }
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_DGRAM};
    if (uv_getaddrinfo(loop, &resolve->request, on_resolved, host, NULL, &hints) != 0) {
        free(resolve);
        return NULL;
    }
    return resolve;
}

void resolve_cancel(struct resolve *resolve)
{
    if (resolve == NULL)
        return;
    if (resolve->address.family != ENDPOINT_NONE) {
        uv_close((uv_handle_t *)&resolve->soon, free_resolve);
        return;
    }
    resolve->on_done = NULL;
    uv_cancel((uv_req_t *)&resolve->request);
}
