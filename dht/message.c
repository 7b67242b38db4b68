#include "dht/message.h"

void message_init(struct message *message, enum message_type type)
{
    message->type = type;
    message->txid_len = 0;
    message->id = (struct id){0};
    message->version_len = 0;
    message->token_len = 0;
    message->method = METHOD_PING;
    message->read_only = false;
    message->network_id = 0;
    message->target = (struct id){0};
    message->kind = 0;
    message->has_cursor = false;
    message->cursor = 0;
    message->has_seq = false;
    message->seq = 0;
    message->pad_to = 0;
    message->record_count = 0;
    message->seen_address = (struct endpoint){0};
    message->has_values = false;
    message->total = 0;
    message->value_count = 0;
    message->has_nodes = false;
    message->node_count = message->node_surplus = 0;
    message->code_count = 0;
    message->error_code = 0;
    message->error_text = (struct bytes){0};
}

void message_set_txid(struct message *message, uint32_t txid)
{
    write_u32(message->txid, txid);
    message->txid_len = 4;
}

uint32_t message_txid(const struct message *message)
{
    return message->txid_len == 4 ? read_u32(message->txid) : 0;
}
