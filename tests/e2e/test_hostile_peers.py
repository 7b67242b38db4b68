"""Peers that mean harm, by the dozen: each ends in a counter of its own kind and at most the death
of its connection, while an honest transfer beside it goes on: after each of them the honest peer
gets, or gives, one block more. What they do is in hostile_rows.py."""

import os
import socket
import struct
import threading

from btpeer import Seed, dial, handshake_bytes
from harness import test
from hostile_rows import (BITS, BROKEN, ENDLESS, FORGIVEN, OPENINGS, PIECE_LENGTH, PIECES, Liar,
                          flip_last, wrong_data)
from kadnet import sha1_file
from rogue import (BITFIELD, BLOCK, HAVE, HAVE_ALL, INTERESTED, KEEP_ALIVE, PIECE, REQUEST, UNCHOKE,
                   Rogue, extended, message)
from torrentfile import encode, infohash, make_info

MIB = 1 << 20
SECONDS = 30.0  # until a counter must have moved, a connection must be gone


# ---- whom it is done to ----

class Victim:
    """A daemon, and what goes on beside the rogues."""

    def __init__(self, net, daemon, hash_hex):
        self.net, self.daemon, self.hash = net, daemon, hash_hex

    def counters(self):
        return self.daemon.status()['refused']

    def suffer(self, row):
        before = self.counters()
        options = dict(row.options)
        first, unchoked = options.pop('says_first', b''), options.pop('unchoked', False)
        if 'serve' in options:
            options['serve'] = options['serve']()
        rogue = Rogue(self.daemon.endpoint, self.hash, shake=row not in OPENINGS, **options)
        rogue.endpoint = self.daemon.endpoint
        rogue.put(first)
        if unchoked:
            self.wait(lambda: any('U' in peer['flags'] for peer in self.peers_of(rogue)), row.name)
        row.act(rogue)
        if row.ends and not row.options.get('reads', True):
            rogue.socket.settimeout(SECONDS * self.net.slow)
            while rogue.put(KEEP_ALIVE):
                rogue.hung_up.wait(0.01)
        elif row.ends:
            assert rogue.hung_up.wait(SECONDS * self.net.slow), f'{row.name}: still listened to'
        moved = lambda: {key for key, count in self.counters().items() if count > before[key]}  # noqa: E731
        self.wait(lambda: row.counters <= moved(), f'{row.name}: {row.counters}')
        alive = not rogue.hung_up.is_set()
        rogue.close()
        extra = moved() - row.counters - ({'left_early'} if row in OPENINGS else set())
        assert not extra, f'{row.name}: also counted as {extra}'
        assert row.ends or alive or row in OPENINGS, f'{row.name}: hung up on'

    def peers_of(self, rogue):
        host, port = rogue.socket.getsockname()
        return [peer for peer in self.daemon.call('transfer.peers', id=self.hash)['peers']
                if peer['address'] == f'{host}:{port}']

    def wait(self, question, what):
        self.daemon.wait_until(question, SECONDS, what)


class HonestLeecher:
    """Takes one block more from a seed, each time it is asked to."""

    def __init__(self, seed, hash_hex, content):
        self.content, self.taken = content, 0
        self.connection = dial(seed.endpoint, hash_hex, timeout=60)
        self.connection.send(INTERESTED)
        self.expect(UNCHOKE)

    def expect(self, kind):
        while True:
            came, payload = self.connection.receive()
            if came == kind:
                return payload

    def go_on(self):
        at = self.taken % (len(self.content) // BLOCK) * BLOCK
        place = struct.pack('>II', at // PIECE_LENGTH, at % PIECE_LENGTH)
        self.connection.send(REQUEST, place + struct.pack('>I', BLOCK))
        assert self.expect(PIECE) == place + self.content[at:at + BLOCK], 'a wrong block'
        self.taken += 1


class HonestSeed(Seed):
    """Comes to have one piece more each time, and serves what it has."""

    def __init__(self, net, daemon, info, content):
        super().__init__(info, content, pieces=[], address=net.next_address())
        self.daemon, self.ident, self.info_dict = daemon, None, info

    def go_on(self):
        missing = set(range(self.total)) - self.daemon.pieces(self.ident)
        piece = min(missing)
        self.pieces.add(piece)
        for connection in self.connections:
            connection.send(HAVE, struct.pack('>I', piece))
        self.daemon.wait_until(lambda: piece in self.daemon.pieces(self.ident), SECONDS,
                               f'given piece {piece}')

    def finish(self):
        while len(self.daemon.pieces(self.ident)) < self.total:
            self.go_on()


def make_content(net):
    path = net.make_file('notes.bin', PIECES * PIECE_LENGTH)
    info = make_info(path, PIECE_LENGTH)
    with open(path, 'rb') as source:
        return path, info, source.read()


def fetching(net, **options):
    """A daemon that fetches from an honest seed, a piece at a time: (victim, seed, path)."""
    path, info, content = make_content(net)
    daemon = net.daemon('fetcher', **options)
    seed = HonestSeed(net, daemon, info, content)
    seed.ident = daemon.call('transfer.add', torrent=encode({'info': info}), dir=daemon.downloads,
                             **{'from': [seed.endpoint]})['id']
    seed.wait_until(lambda: seed.accepted, SECONDS * net.slow)
    seed.go_on()
    return Victim(net, daemon, seed.hash), seed, path


def completes(victim, seed, path):
    """The honest one was never hung up on, and all is right in the end."""
    seed.finish()
    done = victim.daemon.follow(seed.ident)
    assert sha1_file(done['path']) == sha1_file(path)
    assert seed.accepted == 1, 'the honest one was hung up on'
    known = victim.daemon.call('transfer.peers', id=seed.ident)['known']
    assert any(peer['address'] == seed.endpoint for peer in known), 'the honest one is banned'
    seed.close()


def suffer_all(victim, rows, target, honest):
    for row in rows:
        if target in row.to:
            victim.net.note(row.name)
            victim.suffer(row)
            honest.go_on()


@test(deadline=150)
def a_seed_serves_on_beside_every_kind_of_rogue(net):
    path, info, content = make_content(net)
    seed = net.daemon('seed')
    shared = seed.share(path, piece_size=PIECE_LENGTH, wait_announce=0)
    assert shared['transfer']['hash'] == infohash(info)
    victim = Victim(net, seed, infohash(info))
    honest = HonestLeecher(seed, victim.hash, content)
    suffer_all(victim, OPENINGS + BROKEN + FORGIVEN + ENDLESS, 'seed', honest)
    other = net.daemon('other', bootstrap=[seed])
    assert sha1_file(other.fetch(shared['link'])['path']) == sha1_file(path)
    honest.go_on()


@test(deadline=150)
def a_fetcher_fetches_on_beside_every_kind_of_rogue(net):
    victim, seed, path = fetching(net)
    rows = BROKEN + FORGIVEN + ENDLESS + wrong_data(seed.content)
    suffer_all(victim, rows, 'fetcher', seed)
    completes(victim, seed, path)


@test(deadline=150)
def who_was_banned_is_not_let_in_again(net):
    victim, seed, path = fetching(net)
    address = net.next_address()
    listens = extended(0, encode({'p': 7777}))  # it comes from another port each time
    before = victim.counters()
    with Rogue(victim.daemon.endpoint, victim.hash, address=address) as rogue:
        rogue.put(listens)
        rogue.serve = Liar(seed.content, lambda *_: True, flip_last)
        rogue.put(message(HAVE_ALL) + message(UNCHOKE))
        assert rogue.hung_up.wait(SECONDS * net.slow)
    victim.wait(lambda: victim.counters()['wrong_data'] > before['wrong_data'], 'banned')
    with Rogue(victim.daemon.endpoint, victim.hash, address=address) as rogue:
        rogue.put(listens)
        assert rogue.hung_up.wait(SECONDS * net.slow), 'it is let in again'
    victim.wait(lambda: victim.counters()['banned'] > before['banned'], 'refused')
    completes(victim, seed, path)


@test(deadline=150)
def who_was_banned_where_we_dialled_it_is_not_let_in_from_there(net):
    victim, seed, path = fetching(net)
    before = victim.counters()
    with Seed(seed.info_dict, seed.content, address=net.next_address(),
              corrupt=lambda piece: True) as liar:
        victim.daemon.call('transfer.add', link=victim.hash, dir=victim.daemon.downloads,
                           **{'from': [liar.endpoint]})
        victim.wait(lambda: victim.counters()['wrong_data'] > before['wrong_data'], 'banned')
    host, port = liar.endpoint.rsplit(':', 1)
    with Rogue(victim.daemon.endpoint, victim.hash, address=host, port=int(port)) as rogue:
        assert rogue.hung_up.wait(SECONDS * net.slow), 'it is let in'
    victim.wait(lambda: victim.counters()['banned'] > before['banned'], 'refused')
    completes(victim, seed, path)


# ---- metadata ----

class MetadataLiar(Seed):
    """Has no piece, and answers requests for metadata as `answer(liar, peer, part)` does."""

    def __init__(self, net, info, answer=None, **options):
        super().__init__(info, b'', pieces=[], address=net.next_address(), **options)
        self.answer = answer or Seed._give_part

    def _give_part(self, peer, part):
        self.answer(self, peer, part)

    def give(self, peer, part, body, total=None):
        head = encode({'msg_type': 1, 'piece': part, 'total_size': total or self.metadata_size})
        peer.send(20, bytes([peer.metadata_id]) + head + body)

    def say_size(self, peer, size):
        peer.send(20, b'\0' + encode({'m': {'ut_metadata': 3}, 'metadata_size': size}))


def change_size(liar, peer, part):
    liar.say_size(peer, len(liar.metadata) + 70_000)
    liar.give(peer, part, liar.metadata)


def reject(liar, peer, part):
    peer.send(20, bytes([peer.metadata_id]) + encode({'msg_type': 2, 'piece': part}))


def give_without_end(liar, peer, part):
    for _ in range(80):
        liar.give(peer, part + 1, bytes(16384))


def give_first(liar, peer, part):
    if part == 0:
        liar.give(peer, part, bytes(16384))


METADATA_LIES = [
    ('other bytes', 'wrong_metadata wrong_data',
     lambda true: {'answer': lambda liar, peer, part: liar.give(peer, part, os.urandom(len(true)))}),
    ('one bit', 'wrong_metadata wrong_data',
     lambda true: {'answer': lambda liar, peer, part: liar.give(peer, part, flip_last(true))}),
    ('a path that leads out', 'wrong_metadata wrong_data',
     lambda true: {'metadata': encode({'name': '../../evil', 'length': 5, 'piece length': 16384,
                                       'pieces': bytes(20)})}),
    ('nested without end', 'wrong_metadata wrong_data', lambda true: {'metadata': b'd' * 16000}),
    ('shorter than it said', 'wrong_metadata', lambda true: {'metadata_size': len(true) + 1}),
    ('longer than it said', 'wrong_metadata', lambda true: {'metadata_size': 1}),
    ('another size while it is fetched', 'wrong_metadata', lambda true: {'answer': change_size}),
    ('a size of 2 GiB', 'bad_extended', lambda true: {'metadata_size': 1 << 31}),
    ('a size below 0', 'bad_extended', lambda true: {'metadata_size': -5}),
    ('parts nobody asked for', 'wrong_metadata protocol', lambda true: {'answer': give_without_end}),
    ('rejects of what it said it has', 'rejects', lambda true: {'answer': reject}),
    ('no answer at all', 'stalled', lambda true: {'answer': lambda *_: None}),
]


@test(deadline=150)
def metadata_comes_from_the_honest_beside_every_kind_of_liar(net):
    daemon = net.daemon('fetcher', config={'transfer.active': 50})
    for name, counters, lie in METADATA_LIES:
        net.note(name)
        path = net.make_file(f'notes {name}.bin', 30_000)
        info = make_info(path)
        before = daemon.status()['refused']
        with MetadataLiar(net, info, **lie(encode(info))) as liar:
            ident = daemon.add(infohash(info), **{'from': [liar.endpoint]})
            daemon.wait_until(lambda: all(daemon.status()['refused'][key] > before[key]
                                          for key in counters.split()), SECONDS, f'{name}: {counters}')
            with open(path, 'rb') as source, Seed(info, source.read()) as honest:
                honest.join(daemon.endpoint)
                done = daemon.follow(ident)
            assert sha1_file(done['path']) == sha1_file(path), name
    assert len(os.listdir(daemon.downloads)) == len(METADATA_LIES), os.listdir(daemon.downloads)


@test(deadline=100)
def what_has_a_sha1_is_found_beside_those_who_call_it_an_infohash(net):
    """They say that they have its metadata; one gives none, the other the first part alone."""
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', MIB)
    seed.share(path)
    info = make_info(path)
    with MetadataLiar(net, info, answer=lambda *_: None, metadata_size=3 * 16384) as silent, \
            MetadataLiar(net, info, answer=give_first, metadata_size=4 * 16384) as slow:
        silent.hash = slow.hash = sha1_file(path)
        ident = peer.add(silent.hash, sha1_too=True, **{'from': [silent.endpoint, slow.endpoint]})
        done = peer.follow(ident, timeout=SECONDS)
        assert silent.accepted > 0 and slow.accepted > 0, 'they were not asked'
    assert sha1_file(done['path']) == sha1_file(path)


# ---- slowly, or not at all ----

def drip(rogue, data):
    """A byte every half a second, in a thread of its own, until it is hung up on."""
    def run():
        for byte in data:
            if rogue.hung_up.wait(0.5) or not rogue.put(bytes([byte])):
                return
    threading.Thread(target=run, daemon=True).start()


@test(deadline=150)
def a_fetcher_fetches_on_beside_the_slow_and_the_silent(net):
    victim, seed, path = fetching(net)
    connect = lambda **options: Rogue(victim.daemon.endpoint, victim.hash, **options)  # noqa: E731
    mute = socket.create_server((net.next_address(), 0))  # takes what is dialled, and says nothing
    victim.daemon.call('transfer.add', link=victim.hash, dir=victim.daemon.downloads,
                       **{'from': ['%s:%d' % mute.getsockname()]})
    silent, dripping = connect(shake=False), connect(shake=False)
    drip(dripping, handshake_bytes(victim.hash, bytes(20))[:67])
    claims = connect(serve=lambda *_: b'')
    one_byte = connect(serve=lambda rogue, piece, begin, length: b'')
    assert one_byte.was_asked.wait(60) and claims.was_asked.wait(60), 'they are asked for nothing'
    drip(one_byte, message(PIECE, *one_byte.asked[0][:2], body=bytes(BLOCK)))
    shaken, in_length, in_body = connect(), connect(), connect()
    drip(in_length, KEEP_ALIVE * 1000)
    drip(in_body, message(BITFIELD, body=bytes(BITS)))
    victim.wait(lambda: victim.counters()['handshake_timeout'] >= 3, 'rid of those without a handshake')
    victim.wait(lambda: victim.counters()['stalled'] >= 2, 'done waiting for blocks')
    assert silent.hung_up.wait(SECONDS) and dripping.hung_up.wait(SECONDS)
    completes(victim, seed, path)
    mute.close()
    for rogue in (shaken, in_length, claims, one_byte, in_body, silent, dripping):
        rogue.close()


# ---- reading nothing ----

@test(deadline=150)
def a_seed_serves_on_beside_those_who_read_nothing(net):
    """Each asks for much, and for a few bytes here and there: what is read for those is far more."""
    total, each, piece = 384, 64, 256 << 10
    seed = net.daemon('seed')
    shared = seed.share(net.make_file('big.bin', total * piece), piece_size=piece, wait_announce=0)
    victim = Victim(net, seed, shared['transfer']['hash'])
    deaf = [Rogue(seed.endpoint, victim.hash, reads=False, buffer=4096) for _ in range(total // each)]
    for rogue in deaf:
        rogue.put(message(INTERESTED))
        victim.wait(lambda: any('U' in peer['flags'] for peer in victim.peers_of(rogue)), 'unchoked')
    for number, rogue in enumerate(deaf):
        for start in range(0, 5 * each, 8):
            here = [number * each + at % each for at in range(start, start + 8)]
            rogue.put(message(REQUEST, here[0], 0, 8 * BLOCK),
                      *[message(REQUEST, n, 8 * BLOCK, 14) for n in here])
    sent = lambda: [victim.peers_of(rogue)[0]['up'] for rogue in deaf]  # noqa: E731
    victim.wait(lambda: all(up >= 8 * BLOCK for up in sent()), 'sending')
    before, then = victim.counters(), None
    while then != (then := sent()):
        seed.drain(0.2)  # until nothing moves any more
    honest = Rogue(seed.endpoint, victim.hash)
    honest.put(message(INTERESTED))
    victim.wait(lambda: any('U' in peer['flags'] for peer in victim.peers_of(honest)), 'unchoked')
    honest.put(*[message(REQUEST, n, 0, BLOCK) for n in range(0, total, 3)])
    victim.wait(lambda: victim.peers_of(honest)[0]['up'] == total // 3 * BLOCK, 'served')
    assert victim.counters()['silent'] == before['silent'], 'it was served when the others had gone'
    for rogue in deaf + [honest]:
        rogue.close()


# ---- very many ----

@test(deadline=150)
def a_thousand_connections_leave_room_for_an_honest_one(net):
    victim, seed, path = fetching(net, config={'network.max_half_open': 20})
    before = victim.counters()
    for _ in range(1000):
        Rogue(victim.daemon.endpoint, victim.hash, shake=False, reads=False).close()
    gone = lambda: sum(victim.counters()[key] - before[key]  # noqa: E731
                       for key in ('left_early', 'handshake_timeout', 'full'))
    victim.wait(lambda: gone() >= 1000, 'rid of a thousand')
    seed.go_on()
    before = victim.counters()
    silent = [Rogue(victim.daemon.endpoint, victim.hash, shake=False) for _ in range(100)]
    connections = lambda: victim.daemon.status()['connections']  # noqa: E731
    timed_out = lambda: victim.counters()['handshake_timeout'] - before['handshake_timeout']  # noqa: E731
    victim.wait(lambda: timed_out() >= 80 or connections() > 22, 'done waiting for most of them')
    assert connections() <= 22, 'too many are waited for'
    victim.wait(lambda: sum(not rogue.hung_up.is_set() for rogue in silent) <= 20,
                'rid of all but the last')
    with Rogue(victim.daemon.endpoint, victim.hash) as honest:
        honest.put(message(INTERESTED))
        victim.wait(lambda: any('U' in peer['flags'] for peer in victim.peers_of(honest)), 'let in')
    for rogue in silent:
        rogue.close()
    completes(victim, seed, path)


@test
def one_address_gets_eight_connections(net):
    victim, seed, path = fetching(net, config={'network.limit_local': 'yes'})
    address = net.next_address()
    many = [Rogue(victim.daemon.endpoint, victim.hash, address=address) for _ in range(12)]
    victim.wait(lambda: victim.counters()['same_address'] == 4, 'full for that address')
    assert [rogue.hung_up.wait(0 if number < 8 else SECONDS) for number, rogue in enumerate(many)] == \
        [number >= 8 for number in range(12)]
    Rogue(victim.daemon.endpoint, victim.hash, address=net.next_address()).close()
    for rogue in many:
        rogue.close()
    completes(victim, seed, path)


def dialled_without_an_answer(daemon):
    """How many of its connections are in SYN-SENT. The table is read in parts, while some end and
    others begin: the least of three looks."""
    own = '%08X' % struct.unpack('<I', bytes(map(int, daemon.address.split('.'))))

    def look():
        with open('/proc/net/tcp', encoding='ascii') as table:
            rows = [line.split() for line in table.readlines()[1:]]
        return sum(row[3] == '02' and row[1].startswith(own) for row in rows)
    return min(look() for _ in range(3))


@test
def few_are_dialled_at_a_time(net):
    """Addresses where nobody answers, as anybody can name them by the hundred."""
    victim, seed, path = fetching(net, config={'network.max_half_open': 5})
    deaf, knocking = [], []
    for _ in range(30):
        listener = socket.socket()
        listener.bind((net.next_address(), 0))
        listener.listen(0)
        deaf.append(listener)
        for _ in range(3):  # its queue is full
            knocking.append(socket.socket())
            knocking[-1].setblocking(False)
            knocking[-1].connect_ex(listener.getsockname())
    victim.daemon.call('transfer.add', link=victim.hash, dir=victim.daemon.downloads,
                       **{'from': ['%s:%d' % listener.getsockname() for listener in deaf]})
    victim.wait(lambda: dialled_without_an_answer(victim.daemon) >= 5, 'dialling')
    for _ in range(10):
        seed.go_on()
        assert dialled_without_an_answer(victim.daemon) <= 5
    completes(victim, seed, path)
    for one in deaf + knocking:
        one.close()


@test
def one_transfer_has_eighty_connections_of_its_own(net):
    """Addresses where somebody listens, and never says a word."""
    victim, seed, path = fetching(net)
    mute = [socket.create_server((net.next_address(), 0)) for _ in range(110)]
    connections = lambda: victim.daemon.status()['connections']  # noqa: E731
    for first in range(0, len(mute), 30):
        some = ['%s:%d' % listener.getsockname() for listener in mute[first:first + 30]]
        victim.daemon.call('transfer.add', link=victim.hash, dir=victim.daemon.downloads,
                           **{'from': some})
    victim.wait(lambda: connections() >= 80, 'connected to many')
    for _ in range(10):
        seed.go_on()
        assert connections() <= 80, connections()
    completes(victim, seed, path)
    for listener in mute:
        listener.close()
