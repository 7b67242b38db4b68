#include "daemon/link.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "content/magnet.h"

/* "[2001:db8::1]" is written without its brackets there. */
static void set_peer(struct magnet_peer *peer, const struct endpoint *endpoint)
{
    char text[ENDPOINT_TEXT_SIZE];
    endpoint_format_address(endpoint, text);
    size_t len = strlen(text);
    bool bracketed = len >= 2 && text[0] == '[' && text[len - 1] == ']';
    if (bracketed)
        text[len - 1] = 0;
    snprintf(peer->host, sizeof peer->host, "%s", text + bracketed);
    peer->port = endpoint->port;
}

void link_format(const struct id *infohash, const char *name, uint64_t size,
                 const struct endpoint endpoints[], size_t count, struct buffer *out)
{
    struct magnet *magnet = calloc(1, sizeof *magnet); /* some 5 KiB */
    if (magnet == NULL) {
        out->failed = true;
        return;
    }
    magnet->infohash = *infohash;
    magnet->length = size;
    if (name != NULL)
        snprintf(magnet->name, sizeof magnet->name, "%s", name);
    for (size_t i = 0; i < count && i < MAGNET_PEERS_MAX; i++)
        set_peer(&magnet->peers[magnet->peer_count++], &endpoints[i]);
    magnet_format(magnet, out);
    buffer_add_byte(out, 0);
    free(magnet);
}
