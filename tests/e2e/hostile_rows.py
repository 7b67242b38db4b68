"""What hostile peers do, as tables: each row a behaviour, the counters it must end in (`refused` in
docs/control.md) and whether it is hung up on. Pieces are those of a torrent of PIECES times
PIECE_LENGTH bytes."""

import os
import struct

from btpeer import handshake_bytes
from rogue import (ALLOWED_FAST, BITFIELD, BLOCK, CANCEL, CHOKE, HAVE, HAVE_ALL, HAVE_NONE, INTERESTED,
                   KEEP_ALIVE, NOT_INTERESTED, PIECE, PORT, REJECT, REQUEST, SUGGEST, UNCHOKE, Rogue,
                   extended, message)
from torrentfile import encode

PIECE_LENGTH = 2 * BLOCK
PIECES = 157  # no multiple of 8: some bits of a bitfield stand for nothing
BITS = (PIECES + 7) // 8
HUGE = 0xffffffff
DONT_HAVE = 3      # ids of the daemon's own, docs/protocol.md section 4
METADATA, EXCHANGE = 1, 2


class Row:
    """to: whom it is done to, a seed, a fetcher or both; options: of the Rogue, and says_first
    (bytes), unchoked (wait for that)."""

    def __init__(self, name, act, counters, ends=True, to='seed fetcher', **options):
        self.name, self.act, self.counters = name, act, set(counters.split())
        self.ends, self.to, self.options = ends, to.split(), options


def says(*chunks):
    return lambda rogue: rogue.put(*chunks)


def says_often(chunk, times=20_000):
    return lambda rogue: rogue.flood(chunk, times)


def hello(rogue, **changes):
    return handshake_bytes(changes.get('hash', rogue.hash), changes.get('peer_id', rogue.peer_id))


# ---- before and in place of a handshake ----

def repeat_own_id(rogue):
    with Rogue(rogue.endpoint, rogue.hash) as other:
        theirs = other.theirs[48:]
    rogue.put(hello(rogue, peer_id=theirs))


def come_again(times):
    def act(rogue):
        rogue.put(hello(rogue))
        for _ in range(times):
            again = Rogue(rogue.endpoint, rogue.hash, peer_id=rogue.peer_id)
            assert again.hung_up.wait(60), 'both are listened to'
            again.close()
    return act


def leave(rogue):
    rogue.close()


def begin_and_leave(rogue):
    rogue.put(hello(rogue)[:30])
    rogue.close()


OPENINGS = [
    Row('bytes of no protocol', says(b'\x13' + os.urandom(200)), 'no_handshake'),
    Row('an encrypted opening', says(b'\x77' + os.urandom(400)), 'no_handshake'),
    Row('HTTP', says(b'GET /announce HTTP/1.1\r\nHost: x\r\n\r\n' * 3), 'no_handshake'),
    Row('zeros', says(bytes(500)), 'no_handshake'),
    Row('a TLS hello of junk', says(b'\x16\x03\x01\x02\0\x01\0\x01\xfc\x03\x03' + os.urandom(600)),
        'channels'),
    Row('the name of another protocol', says(b'\x13BitTorrent protocoL' + bytes(48)), 'no_handshake'),
    Row('an infohash nobody shares', lambda r: r.put(hello(r, hash='5a' * 20)), 'unknown_hash'),
    Row('comes and goes', leave, 'left_early', ends=False),
    Row('half a handshake', begin_and_leave, 'left_early', ends=False),
    Row('our own peer id', repeat_own_id, 'ourselves'),
    Row('messages in place of a handshake',
        says(message(INTERESTED) + message(REQUEST, 0, 0, BLOCK) * 10), 'no_handshake'),
    Row('the same peer id twice', come_again(1), 'connected_twice', ends=False),
    Row('the same peer id twenty times', come_again(20), 'connected_twice', ends=False),
]

# ---- messages that break the protocol ----


BROKEN = [
    Row('a second handshake', lambda r: r.put(hello(r)), 'protocol'),
    Row('a message of 4 GiB', says(struct.pack('>IB', HUGE, BITFIELD), bytes(1000)), 'protocol'),
    Row('a message just over 1 MiB', says(struct.pack('>IB', (1 << 20) + 1, 99)), 'protocol'),
    *[Row(f'{name} with a body', says(message(kind, 1)), 'protocol')
      for name, kind in [('choke', CHOKE), ('unchoke', UNCHOKE), ('interested', INTERESTED),
                         ('not interested', NOT_INTERESTED), ('have all', HAVE_ALL),
                         ('have none', HAVE_NONE)]],
    *[Row(f'{name} cut short', says(message(kind, body=b'\0\0\0')), 'protocol')
      for name, kind in [('have', HAVE), ('request', REQUEST), ('cancel', CANCEL), ('port', PORT),
                         ('reject', REJECT), ('suggest', SUGGEST), ('allowed fast', ALLOWED_FAST),
                         ('a block', PIECE), ('a bitfield', BITFIELD)]],
    *[Row(f'{name} too long', says(message(kind, 1, 0, BLOCK, 7)), 'protocol')
      for name, kind in [('have', HAVE), ('request', REQUEST), ('cancel', CANCEL)]],
    *[Row(f'{name} of a piece just beyond', says(message(kind, PIECES)), 'protocol')
      for name, kind in [('have', HAVE), ('suggest', SUGGEST), ('allowed fast', ALLOWED_FAST)]],
    Row('have of piece 4294967295', says(message(HAVE, HUGE)), 'protocol'),
    Row('a bitfield one byte longer', says(message(BITFIELD, body=bytes(BITS + 1))), 'protocol'),
    Row('a bitfield with bits beyond the last piece', says(message(BITFIELD, body=b'\xff' * BITS)),
        'protocol'),
    Row('a bitfield of 100 KB', says(message(BITFIELD, body=b'\xff' * 100_000)), 'protocol'),
    Row('a late bitfield of a wrong length', says(
        message(HAVE_ALL), message(BITFIELD, body=bytes(BITS - 1))), 'protocol'),
    *[Row(f'a request {name}', says(message(INTERESTED), message(REQUEST, *numbers)), 'protocol')
      for name, numbers in [('of a piece that is none', (PIECES, 0, BLOCK)),
                            ('from beyond the piece', (0, PIECE_LENGTH, BLOCK)),
                            ('of nothing', (0, 0, 0)), ('of 4 GiB', (0, 0, HUGE)),
                            ('that goes beyond the piece', (0, BLOCK, BLOCK + 1)),
                            ('that overflows', (0, HUGE - 3, 4 + BLOCK))]],
    *[Row(f'a block {name}', says(message(PIECE, *numbers, body=bytes(size))), 'protocol')
      for name, numbers, size in [('of a piece that is none', (HUGE, 0), BLOCK),
                                  ('from beyond its piece', (0, PIECE_LENGTH), BLOCK),
                                  ('that goes beyond its piece', (0, BLOCK), BLOCK + 1),
                                  ('of 256 KiB', (0, 0), 1 << 18), ('of nothing', (0, 0), 0)]],
    *[Row(f'{name} without the fast extension', says(message(kind, *numbers)), 'protocol', fast=False)
      for name, kind, numbers in [('have all', HAVE_ALL, ()), ('reject', REJECT, (0, 0, BLOCK)),
                                  ('suggest', SUGGEST, (0,))]],
    Row('an extended message without an id', says(message(20)), 'protocol'),
    Row('more requests than it takes', says_often(message(REQUEST, 0, 0, PIECE_LENGTH), 4000),
        'protocol', to='seed', fast=False, reads=False, says_first=message(INTERESTED), unchoked=True),
    Row('500 requests while choked', says_often(message(REQUEST, 0, 0, BLOCK), 502),
        'protocol refused_requests', to='seed'),
]

# ---- what is forgiven once, and what never ends ----


def exchange(*addresses, key=b'added'):
    return extended(EXCHANGE, encode({key: b''.join(addresses)}))


NOTHING_MEANT = encode({'m': {'ut_metadata': -1, 'ut_pex': 1 << 40}, 'metadata_size': 1 << 62})
GARBAGE = [b'\0\0\0\0\0\0', b'\xe0\0\0\1\0\5', b'\xff\xff\xff\xff\xff\xff', b'\x01\x02\x03\x04\0\0']

FORGIVEN = [
    Row('a block nobody asked for', says(message(PIECE, 0, 0, body=bytes(BLOCK))), 'unasked_blocks',
        ends=False),
    Row('an extended handshake that is no bencode', says(extended(0, b'junk')), 'bad_extended',
        ends=False),
    Row('one nested 50,000 deep', says(extended(0, b'd1:a' * 30_000)), 'bad_extended', ends=False),
    Row('one of lists 50,000 deep', says(extended(0, b'l' * 50_000)), 'bad_extended', ends=False),
    Row('one with an integer of 400 digits', says(extended(0, b'd1:pi' + b'9' * 400 + b'ee')),
        'bad_extended', ends=False),
    Row('one with a string of 10 GB', says(extended(0, b'd1:v9999999999:x')), 'bad_extended',
        ends=False),
    Row('one with ids below 0 and sizes beyond all', says(extended(0, NOTHING_MEANT)), 'bad_extended',
        ends=False),
    Row('an extended message of 200 KB', says(extended(0, bytes(200_000))), 'bad_extended',
        ends=False),
    Row('an extended message of no kind', says(extended(200, b'de')), 'bad_extended', ends=False),
    Row('metadata messages of no sense', says(extended(METADATA, b'd8:msg_typei0e5:piecei-7ee')),
        'bad_extended', ends=False),
    Row('parts of metadata that are none', says(
        extended(0, encode({'m': {'ut_metadata': 9}})),
        extended(METADATA, encode({'msg_type': 0, 'piece': 1000}))), 'refused_parts', ends=False),
    Row('exchange of garbage addresses', says(exchange(*GARBAGE)), 'bad_addresses', ends=False),
    Row('exchange again at once', says(exchange(), exchange()), 'hasty_exchange', ends=False),
    Row('a request while choked', says(message(REQUEST, 1, 0, BLOCK)), 'refused_requests',
        ends=False),
    Row('a request for a piece it lacks', says(message(REQUEST, PIECES - 1, 0, BLOCK)),
        'refused_requests', ends=False, to='fetcher', says_first=message(INTERESTED), unchoked=True),
    Row('cancel of what was never asked', says(message(CANCEL, 1, 0, BLOCK)), 'idle_messages',
        ends=False),
    Row('reject of what was never asked', says(message(REJECT, 1, 0, BLOCK)), 'idle_messages',
        ends=False),
    Row('a port', says(message(PORT, body=b'\x1a\xe1')), 'idle_messages', ends=False),
    Row('a type nobody knows', says(message(77, body=bytes(500_000))), 'idle_messages', ends=False),
    Row('the same have twice', says(message(HAVE, 3) * 2), 'idle_messages', ends=False),
]

ENDLESS = [
    Row('blocks nobody asked for', says_often(message(PIECE, 0, 0, body=bytes(BLOCK)), 100),
        'protocol unasked_blocks'),
    Row('malformed extended messages', says_often(extended(0, b'i'), 100), 'protocol bad_extended'),
    Row('a loss cut short', says_often(extended(DONT_HAVE, b'\0\0\0'), 100), 'protocol bad_extended'),
    Row('metadata asked for without an id for the answer', says_often(
        extended(METADATA, encode({'msg_type': 0, 'piece': 0}))), 'protocol idle_messages'),
    Row('metadata of what is known', says_often(
        extended(METADATA, encode({'msg_type': 1, 'piece': 0, 'total_size': 9}) + b'x' * 9)),
        'protocol idle_messages'),
    Row('rejects of metadata of what is known', says_often(
        extended(METADATA, encode({'msg_type': 2, 'piece': 0}))), 'protocol idle_messages'),
    Row('exchange without a pause', says_often(exchange(b'\x7f\0\0\1\0\1'), 100),
        'protocol hasty_exchange'),
    Row('keep-alives', says_often(KEEP_ALIVE), 'protocol idle_messages'),
    Row('choke again and again', says_often(message(CHOKE)), 'protocol idle_messages'),
    Row('not interested again and again', says_often(message(NOT_INTERESTED)),
        'protocol idle_messages'),
    Row('have of one piece', says_often(message(HAVE, 1)), 'protocol idle_messages'),
    Row('cancels', says_often(message(CANCEL, 0, 0, BLOCK)), 'protocol idle_messages'),
    Row('rejects', says_often(message(REJECT, 0, 0, BLOCK)), 'protocol idle_messages'),
    Row('ports', says_often(message(PORT, body=b'\0\1')), 'protocol idle_messages'),
    Row('suggestions', says_often(message(SUGGEST, 1)), 'protocol'),
    Row('allowed fast for one piece', says_often(message(ALLOWED_FAST, 1)), 'protocol idle_messages'),
    Row('types nobody knows', says_often(message(250)), 'protocol idle_messages'),
    Row('long messages of a type nobody knows', says_often(message(99, body=bytes(2000))),
        'protocol idle_messages'),
    Row('choke and unchoke', says_often(message(UNCHOKE) + message(CHOKE)), 'protocol'),
    Row('interested and not', says_often(message(INTERESTED) + message(NOT_INTERESTED), 40_000),
        'protocol'),
    Row('bitfields', says_often(message(BITFIELD, body=bytes(BITS))), 'protocol'),
    Row('have all and have none', says_often(message(HAVE_ALL) + message(HAVE_NONE)), 'protocol'),
    Row('a piece had and not had', says_often(
        message(HAVE, 9) + extended(DONT_HAVE, struct.pack('>I', 9))), 'protocol'),
    Row('nothing had any more', says_often(extended(DONT_HAVE, struct.pack('>I', 9))),
        'protocol idle_messages'),
    Row('extended handshakes', says_often(extended(0, encode({'v': 'again'})), 1000), 'protocol'),
    Row('parts of metadata', says_often(
        extended(0, encode({'m': {'ut_metadata': 9}}))[:0] +
        extended(METADATA, encode({'msg_type': 0, 'piece': 1000})), 10_000),
        'protocol refused_parts', says_first=extended(0, encode({'m': {'ut_metadata': 9}}))),
    Row('requests for pieces it lacks', says_often(message(REQUEST, PIECES - 1, 0, BLOCK)),
        'protocol refused_requests', to='fetcher', says_first=message(INTERESTED), unchoked=True),
]

# ---- data that is wrong ----


class Liar:
    """Serves true blocks but for those that `lies` picks: lies(number of the block served so far,
    piece, begin); `twist` makes them wrong."""

    def __init__(self, content, lies, twist):
        self.content, self.lies, self.twist, self.count = content, lies, twist, 0

    def __call__(self, rogue, piece, begin, length):
        at = piece * PIECE_LENGTH + begin
        block = self.content[at:at + length]
        if self.lies(self.count, piece, begin):
            block = self.twist(block)
        self.count += 1
        return message(PIECE, piece, begin, body=block)


def flip_last(block):
    return block[:-1] + bytes([block[-1] ^ 1])


def wrong_data(content):
    def liar(lies, twist=lambda block: os.urandom(len(block))):
        return lambda: Liar(content, lies, twist)

    def wait_asked(rogue):
        assert rogue.was_asked.wait(60), 'it was asked for nothing'

    def twice(rogue, piece, begin, length):
        if len(rogue.asked) > 4:
            return b''  # or it would give all there is
        at = piece * PIECE_LENGTH + begin
        return message(PIECE, piece, begin, body=content[at:at + length]) * 2

    rows = [
        Row('every block is wrong', wait_asked, 'wrong_data', serve=liar(lambda *_: True)),
        Row('every second block is wrong', wait_asked, 'wrong_data',
            serve=liar(lambda n, piece, begin: begin > 0)),
        Row('one bit is wrong', wait_asked, 'wrong_data', serve=liar(lambda *_: True, flip_last)),
        Row('the first pieces are right, then no more', wait_asked, 'wrong_data',
            serve=liar(lambda n, piece, begin: n >= 6)),
        Row('blocks of another piece', wait_asked, 'wrong_data',
            serve=liar(lambda *_: True, lambda block: content[:len(block)][::-1])),
        Row('blocks of zeros', wait_asked, 'wrong_data', serve=liar(lambda *_: True, lambda b: bytes(len(b)))),
        Row('shorter blocks than asked for', wait_asked, 'protocol',
            serve=liar(lambda *_: True, lambda block: block[:-1])),
        Row('blocks twice', wait_asked, 'unasked_blocks', serve=lambda: twice, ends=False),
        Row('rejects of all it is asked for', wait_asked, 'rejects', ends=False,
            serve=lambda: lambda rogue, *request: message(REJECT, *request)),
    ]
    for row in rows:
        row.to = ['fetcher']
    return rows
