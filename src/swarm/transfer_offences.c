#include "swarm/transfer_private.h"

/* What is no use. Two measures, since one peer may be clumsy and another one mean:
 *
 * - A strike is something no well-made client does. After STRIKES_MAX the connection ends.
 * - Chatter is what every client says now and then (a CANCEL that crossed its block, a HAVE of what
 *   is known). It is paid for by the time that passes and the blocks that move; who owes more than
 *   CHATTER_MAX_MS does nothing but talk, and the connection ends. */

const char *transfer_offence_name(enum transfer_offence offence)
{
    static const char *const names[TRANSFER_OFFENCES] = {
        [OFFENCE_UNASKED_BLOCK] = "unasked_blocks",
        [OFFENCE_METADATA] = "wrong_metadata",
        [OFFENCE_EXTENDED] = "bad_extended",
        [OFFENCE_EXCHANGE] = "hasty_exchange",
        [OFFENCE_ADDRESS] = "bad_addresses",
        [OFFENCE_REQUEST] = "refused_requests",
        [OFFENCE_PART] = "refused_parts",
        [OFFENCE_CHATTER] = "idle_messages",
        [OFFENCE_REJECT] = "rejects",
        [OFFENCE_STALL] = "stalled",
    };
    return names[offence];
}

void offences_count(struct transfer *transfer, enum transfer_offence offence)
{
    if (transfer->config.offences != NULL)
        transfer->config.offences[offence]++;
}

void offences_strike(struct transfer *transfer, struct peer *peer, enum transfer_offence offence,
                     const char *text)
{
    offences_count(transfer, offence);
    if (++peer->strikes > STRIKES_MAX)
        peers_close(transfer, peer, CLOSE_PROTOCOL, text);
}

void offences_charge(struct transfer *transfer, struct peer *peer, uint32_t cost_ms)
{
    uint64_t passed_ms = transfer->now_ms - peer->charged_ms;
    peer->charged_ms = transfer->now_ms;
    peer->owed_ms -= passed_ms < peer->owed_ms ? (uint32_t)passed_ms : peer->owed_ms;
    peer->owed_ms += cost_ms;
}

void offences_chatter(struct transfer *transfer, struct peer *peer)
{
    offences_count(transfer, OFFENCE_CHATTER);
    offences_charge(transfer, peer, CHATTER_MS);
}
