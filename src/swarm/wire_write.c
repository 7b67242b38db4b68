#include "swarm/wire.h"

void wire_put_keep_alive(struct buffer *out)
{
    buffer_add(out, "\0\0\0\0", 4);
}

static void put_head(uint8_t head[5], uint32_t body_len, enum wire_type type)
{
    write_u32(head, 1 + body_len);
    head[4] = (uint8_t)type;
}

void wire_put(struct buffer *out, enum wire_type type)
{
    uint8_t message[5];
    put_head(message, 0, type);
    buffer_add(out, message, sizeof message);
}

void wire_put_piece_number(struct buffer *out, enum wire_type type, uint32_t piece)
{
    uint8_t message[9];
    put_head(message, 4, type);
    write_u32(message + 5, piece);
    buffer_add(out, message, sizeof message);
}

void wire_put_block(struct buffer *out, enum wire_type type, uint32_t piece, uint32_t begin,
                    uint32_t length)
{
    uint8_t message[17];
    put_head(message, 12, type);
    write_u32(message + 5, piece);
    write_u32(message + 9, begin);
    write_u32(message + 13, length);
    buffer_add(out, message, sizeof message);
}

void wire_piece_head(uint8_t head[WIRE_PIECE_HEAD_BYTES], uint32_t piece, uint32_t begin,
                     uint32_t length)
{
    put_head(head, 8 + length, WIRE_PIECE);
    write_u32(head + 5, piece);
    write_u32(head + 9, begin);
}

void wire_put_piece_head(struct buffer *out, uint32_t piece, uint32_t begin, uint32_t length)
{
    uint8_t head[WIRE_PIECE_HEAD_BYTES];
    wire_piece_head(head, piece, begin, length);
    buffer_add(out, head, sizeof head);
}

void wire_put_bitfield(struct buffer *out, struct bytes bits)
{
    uint8_t head[5];
    put_head(head, (uint32_t)bits.len, WIRE_BITFIELD);
    buffer_add(out, head, sizeof head);
    buffer_add(out, bits.data, bits.len);
}

void wire_put_extended(struct buffer *out, uint8_t id, struct bytes head, struct bytes body)
{
    uint8_t start[6];
    put_head(start, (uint32_t)(1 + head.len + body.len), WIRE_EXTENDED);
    start[5] = id;
    buffer_add(out, start, sizeof start);
    buffer_add(out, head.data, head.len);
    buffer_add(out, body.data, body.len);
}
