"""Strangers who mean harm, one kind a test: the daemon lives on, honest transfers go on, what was
refused is counted or said, and nothing is written outside the target folder."""

import contextlib
import os
import select
import socket
import struct
import threading
import time

import msgpack

from btpeer import BITFIELD, BLOCK, EXTENDED, INTERESTED, REQUEST, Seed, dial, handshake_bytes
from harness import Skip, test
from kadnet import ControlError, sha1_file, tree_of
from torrentfile import encode, infohash, make_info, write_torrent

MIB = 1 << 20


def overlay(daemon):
    return daemon.call('node.status')['overlays'][0]


def host_and_port(daemon):
    return daemon.address, daemon.port


def setup(net, size=2 * MIB, **options):
    """Two daemons, and what the first of them shares."""
    _, seed, peer = net.star('seed', 'peer', **options)
    path = net.make_file('notes.bin', size)
    return seed, peer, path, seed.share(path)


def fetches(peer, path, shared, **params):
    """The honest transfer, which must go on whatever happens around it."""
    assert sha1_file(peer.fetch(shared['link'], **params)['path']) == sha1_file(path)


# ---- datagrams ----

class Node:
    """A UDP socket that speaks, or does not speak, the messages of docs/protocol.md."""

    def __init__(self, daemon, address='127.0.0.1', timeout=10.0):
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        self.socket = socket.socket(family, socket.SOCK_DGRAM)
        self.socket.bind((address, 0))
        self.socket.connect(host_and_port(daemon))
        self.socket.settimeout(timeout)
        self.id = os.urandom(20)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, *datagrams):
        for datagram in datagrams:
            self.socket.send(datagram)

    def ask(self, method, **args):
        """The answer's (error, result); queries of the daemon's own are passed over."""
        msgid = struct.unpack('>I', os.urandom(4))[0]
        self.send(msgpack.packb([0, msgid, method, [{'id': self.id, **args}]]))
        while True:
            message = msgpack.unpackb(self.socket.recv(2048), raw=False)
            if message[0] == 1 and message[1] == msgid:
                return message[2], message[3]


def broken_datagrams(rng):
    head = b'\x94\x00\xce\x11\x22\x33\x44\xa4ping'
    yield from (b'', b'\xc1', b'\x00', b'd1:ad2:id20:' + bytes(20) + b'e1:q4:pinge', bytes(1201))
    yield from (head + b'\x91' * 900, b'\x91' * 1100, b'\x81' * 1100)        # nested
    yield from (head + b'\xdd\xff\xff\xff\xff', head + b'\xdf\xff\xff\xff\xff')  # arrays, maps of 4 G
    yield from (head + b'\x91\x81\xa2id\xc6\xff\xff\xff\xff', head + b'\x91\x81\xdb\xff\xff\xff\xff')
    yield from (head + b'\xdc\x04\x00' + b'\xc0' * 1024, b'\x9f' + head)
    good = msgpack.packb([0, 1, 'ping', [{'id': bytes(20)}]])
    yield from (good + b'\xc0', good[:-1])
    for at in range(200):
        yield rng.randbytes(rng.randrange(1, 1200))
        broken = bytearray(good)
        broken[rng.randrange(4)] = rng.randrange(0x80, 0x90)
        yield bytes(broken)


@test
def datagrams_that_are_no_messages_are_dropped_and_counted(net):
    seed, peer, path, shared = setup(net)
    before = overlay(seed)
    datagrams = list(broken_datagrams(net.rng))
    with Node(seed) as stranger:
        stranger.send(*datagrams, bytes(60_000))
        stranger.ask('ping')  # it has read them
        assert stranger.ask('ping')[0] is None
    after = overlay(seed)
    refused = after['refused']['malformed'] - before['refused']['malformed']
    assert refused > len(datagrams) // 3, (refused, len(datagrams))
    assert after['contacts'] <= before['contacts'] + 1
    fetches(peer, path, shared)


@test
def forged_answers_are_counted_and_name_nobody_into_the_table(net):
    seed, peer, path, shared = setup(net)
    before = overlay(seed)
    nodes = b''.join(os.urandom(20) + bytes([127, 0, 0, 9]) + struct.pack('>H', 1000 + i)
                     for i in range(20))
    with Node(seed) as stranger:
        for msgid in range(500):
            stranger.send(msgpack.packb([1, msgid * 8_000_000, None,
                                         {'id': os.urandom(20), 'nodes': nodes}]),
                          msgpack.packb([1, msgid, [201, 'no' * 30], None]))
        stranger.ask('ping')
    after = overlay(seed)
    assert after['refused']['unknown_answers'] >= before['refused']['unknown_answers'] + 900, after
    assert after['contacts'] <= before['contacts'] + 1
    fetches(peer, path, shared)


@test
def flood_over_ipv6_does_not_stop_a_transfer_over_ipv6(net):
    try:
        with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as probe:
            probe.bind(('::1', 0))
    except OSError as error:
        raise Skip(f'no IPv6 here: {error}') from None
    boot = net.daemon('boot', address='::1')
    seed, peer = [net.daemon(name, address='::1', bootstrap=[boot]) for name in ('seed', 'peer')]
    for daemon in (seed, peer):
        daemon.wait_nodes(1)
    path = net.make_file('notes.bin', 4 * MIB)
    shared = seed.share(path)
    datagrams = list(broken_datagrams(net.rng))
    over = threading.Event()

    def flood():
        while not over.is_set():
            try:
                stranger.send(*datagrams)
            except OSError:
                pass  # its buffer is full

    with Node(seed, '::1') as stranger:
        thread = threading.Thread(target=flood, daemon=True)
        thread.start()
        fetches(peer, path, shared)
        over.set()
        thread.join()
    assert overlay(seed)['refused']['malformed'] > 100


def entry(**changes):
    """A record of kind 3 whose signature is none."""
    body = msgpack.packb({'h': bytes(20), 'n': 'evil', 'z': 1, 'f': 1})
    return msgpack.packb({'k': os.urandom(32), 'q': 1, 'x': int(time.time()) + 3600, 'b': body,
                          'g': os.urandom(64), **changes})


@test
def records_put_over_udp_are_refused_each_with_its_code(net):
    seed, peer, path, shared = setup(net)
    key = bytes.fromhex(shared['transfer']['hash'])
    before = overlay(seed)
    peer_value = msgpack.packb({'p': 1, 's': True, 'h': 1})
    with Node(seed) as stranger:
        _, answer = stranger.ask('get', t=key, k=0, z=bytes(400))
        bad = [([key, 3, entry()], 206), ([key, 3, entry(g=bytes(64))], 206),
               ([key, 3, b'\x80'], 203), ([key, 3, entry(x=1)], 203), ([key, 3, entry(z=1)], 203),
               ([key, 3, entry(b=bytes(513))], (203, 205)), ([key, 1, peer_value + b'\xc0'], 203),
               ([key, 1, msgpack.packb({'p': 70000, 's': True, 'h': 1})], 203),
               ([key, 2, msgpack.packb({'p': 1, 'b': bytes(129)})], (203, 205)),
               ([key, 99, b'\x80'], 203), ([key, 0, b''], 203), ([key, 1, bytes(900)], 205)]
        for record, code in bad:
            error, result = stranger.ask('put', tok=answer['tok'], recs=[record])
            assert error is None and len(result['codes']) == 1, (record, error, result)
            wanted = code if isinstance(code, tuple) else (code,)
            assert result['codes'][0] in wanted, (record, code, result)
        _, result = stranger.ask('put', tok=bytes(8), recs=[[key, 1, peer_value]])
        assert result['codes'] == [207], result
        error, _ = stranger.ask('put', tok=answer['tok'], recs=[[key, 1, b'']] * 33)
        assert error[0] == 203, error
    after = overlay(seed)
    assert after['stored']['records'] == before['stored']['records'], after
    assert after['refused']['bad_signatures'] == before['refused']['bad_signatures'] + 2, after
    assert after['refused']['bad_tokens'] > before['refused']['bad_tokens'], after
    fetches(peer, path, shared)


# ---- peers ----

@test
def peer_that_never_reads_what_it_asked_for_takes_little_memory(net):
    seed, peer, path, shared = setup(net, 32 * MIB)
    ident = shared['transfer']['id']
    before = seed.status()['memory']
    deaf = [dial(seed.endpoint, shared['transfer']['hash']) for _ in range(8)]
    for connection in deaf:
        connection.send(INTERESTED)
        for i in range(400):
            try:
                connection.send(REQUEST, struct.pack('>III', i // 16, i % 16 * BLOCK, BLOCK))
            except OSError:
                break
    seed.wait_until(lambda: len(seed.call('transfer.peers', id=ident)['peers']) >= 8)
    fetches(peer, path, shared)
    grown = seed.status()['memory'] - before
    for connection in deaf:
        connection.close()
    assert grown < 96 * MIB or net.slow > 1, f'{grown >> 20} MiB more'


@test
def idle_connections_that_fill_the_slots_make_way_for_an_honest_peer(net):
    seed, peer, path, shared = setup(net, config={'network.max_connections': 12})
    address, hash_hex = host_and_port(seed), shared['transfer']['hash']
    idle = [socket.create_connection(address) for _ in range(8)]
    for number, plain in enumerate(idle):
        plain.sendall(handshake_bytes(hash_hex, b'-XX0000-' + bytes(12))[:number * 8])  # and no more
    greeted = [dial(seed.endpoint, hash_hex) for _ in range(4)]  # never want anything

    def gets_in():
        try:
            dial(seed.endpoint, hash_hex, timeout=2 * net.slow).close()
            return True
        except OSError:
            return False

    seed.wait_until(gets_in, 20, 'open to another')
    fetches(peer, path, shared)
    refused = seed.call('transfer.peers', id=hash_hex)['refused']
    assert refused['full'] >= 1, refused
    for plain in idle:
        plain.close()
    for connection in greeted:
        connection.close()


@test
def handshake_that_comes_byte_by_byte_is_cut_off(net):
    seed, peer, path, shared = setup(net)
    slow = socket.create_connection(host_and_port(seed))
    slow.settimeout(0.5)
    fetches(peer, path, shared)
    for byte in handshake_bytes(shared['transfer']['hash'], b'-XX0000-' + bytes(12))[:67]:
        try:
            slow.sendall(bytes([byte]))
            if slow.recv(100) == b'':
                break
        except TimeoutError:
            continue
        except OSError:
            break
    else:
        raise AssertionError('it was listened to for half a minute')
    slow.close()


@test
def liars_about_metadata_do_not_keep_the_honest_from_giving_it(net):
    _, honest, peer = net.star('honest', 'peer')
    net.make_file('folder/sub/inner', MIB)
    folder = net.path('files', 'folder')
    info, content = make_info(folder), b''
    true = encode(info)
    lies = [{'metadata': os.urandom(len(true))}, {'metadata': true[:-1] + b'x'},
            {'metadata_size': 1 << 31}, {'metadata_size': len(true) + 1}, {'metadata_size': 1},
            {'metadata_size': -5}, {'metadata': encode({'name': '../../evil', 'length': 5})},
            {'metadata': b'd' * 40_000}]
    liars = [Seed(info, content, pieces=[], **lie) for lie in lies]
    ident = peer.add(infohash(info), **{'from': [liar.endpoint for liar in liars]})
    for liar in liars:
        liar.wait_until(lambda: liar.accepted, 30 * net.slow)
    honest.share(folder)
    peer.call('transfer.resume', id=ident)  # looks for peers again at once
    done = peer.follow(ident, timeout=45)
    for liar in liars:
        liar.close()
    assert tree_of(done['path']) == tree_of(folder)
    assert os.listdir(peer.downloads) == ['folder'], os.listdir(peer.downloads)


class Rude:
    """Accepts, takes the handshake, says what it was told to say, and counts who hung up."""

    def __init__(self, *chunks):
        self.chunks = chunks
        self.hung_up = threading.Event()
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.endpoint = '127.0.0.1:%d' % self.listener.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            plain, _ = self.listener.accept()
            with plain:
                plain.recv(68, socket.MSG_WAITALL)
                for chunk in self.chunks:
                    plain.sendall(chunk)
                while plain.recv(4096):
                    pass
        except OSError:
            pass
        self.hung_up.set()

    def close(self):
        self.listener.close()


@test
def peers_we_dial_that_answer_with_garbage_are_left(net):
    _, honest, peer = net.star('honest', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    hash_hex = infohash(make_info(path))
    hello = lambda: handshake_bytes(hash_hex, b'-XX0000-' + os.urandom(12))  # noqa: E731
    message = lambda kind, body: struct.pack('>IB', 1 + len(body), kind) + body  # noqa: E731
    rude = [Rude(os.urandom(5000)), Rude(b'HTTP/1.1 200 OK\r\n\r\n' * 20), Rude(bytes(68)),
            Rude(handshake_bytes('00' * 20, bytes(20))), Rude(hello(), hello()),
            Rude(hello(), struct.pack('>IB', 0xffffffff, BITFIELD) + bytes(1000)),
            Rude(hello(), message(BITFIELD, b'\xff')), Rude(hello(), message(BITFIELD, bytes(100_000))),
            Rude(hello(), message(BITFIELD, b'\xff' * 8)),
            Rude(hello(), *[message(EXTENDED, b'\0' + os.urandom(50))] * 100),
            Rude(hello(), *[message(EXTENDED, b'\0' + b'd' * 60_000)] * 100)]
    ident = peer.add(hash_hex, **{'from': [one.endpoint for one in rude]})

    def refused():
        counts = peer.call('transfer.peers', id=ident)['refused']
        return counts['no_handshake'] >= 3 and counts['protocol'] >= 4

    peer.wait_until(refused, 30, 'rid of those that are wrong in any case')
    honest.share(path)
    peer.call('transfer.resume', id=ident)  # looks for peers again at once
    done = peer.follow(ident)
    for number, one in enumerate(rude):
        assert one.hung_up.wait(20 * net.slow), f'number {number} is still listened to'
        one.close()
    assert sha1_file(done['path']) == sha1_file(path)


# ---- names and links ----

@test
def names_in_links_are_shown_safely_and_lead_nowhere(net):
    seed, peer, path, shared = setup(net)
    hash_hex = shared['transfer']['hash']
    names = ('..%2F..%2Fevil', '%2Ftmp%2Fevil', 'e%00vil', 'e%1B%5B2Jvil%0A', '..', '.', '',
             'e' * 5000, '%FF%FE', '%E2%80%AEevil')
    for number, name in enumerate(names):
        with contextlib.suppress(ControlError):
            peer.add(f'magnet:?xt=urn:btih:{number:040x}&dn={name}')
    for number in range(len(names)):
        for text in (peer.cli('info', f'{number:040x}').out, peer.ok('ls') if number == 0 else ''):
            assert not set(text.replace('\n', '')) & set(map(chr, range(32))), (number, text)
            assert '\u202e' not in text, (number, text)
    done = peer.fetch(f'magnet:?xt=urn:btih:{hash_hex}&dn=..%2F..%2Fevil')
    assert os.path.dirname(done['path']) == peer.downloads, done
    assert sha1_file(done['path']) == sha1_file(path)
    assert os.listdir(peer.downloads) == ['notes.bin'], os.listdir(peer.downloads)


@test
def torrent_files_with_absurd_contents_are_refused(net):
    peer = net.daemon('peer')
    good = make_info(net.make_file('inner', 300_000))
    of_file = lambda *parts: {**{k: v for k, v in good.items() if k != 'length'},  # noqa: E731
                              'files': [{'length': 300_000, 'path': list(parts)}]}
    big = 1 << 63
    cases = [{**good, 'length': -1}, {**good, 'length': big}, {**good, 'length': 300_001 << 20},
             {**good, 'piece length': 0}, {**good, 'piece length': -16384},
             {**good, 'piece length': 1 << 40}, {**good, 'pieces': b''},
             {**good, 'pieces': good['pieces'] + b'x'}, {**good, 'name': b'ev\0il'},
             {**good, 'name': b'ev\x1b[2Jil'}, {**good, 'name': b'e' * 256}, {**good, 'name': b''},
             of_file('ev\0il'), of_file('e' * 256), of_file(*['e' * 200] * 30), of_file('a', '..'),
             of_file(''),
             {**of_file('a'), 'files': [{'length': big // 2, 'path': [str(i)]} for i in range(4)]}]
    raw = [b'd4:info' + encode(good)[:-1], b'd4:infod6:lengthi99999999999999999999e', b'l' * 100_000,
           b'd4:info9999999999999999999:x', b'', bytes(33 << 20), b'd4:info' + b'd1:a' * 50_000]
    for number, info in enumerate(cases + raw):
        torrent = net.path(f'{number}.torrent')
        if isinstance(info, bytes):
            with open(torrent, 'wb') as out:
                out.write(info)
        else:
            write_torrent(torrent, info)
        result = peer.cli('get', torrent, '--wait', '1s')
        assert result.exit == 12 and result.err.startswith('kadpeer: '), (number, result)
    assert not peer.transfers() and not os.listdir(peer.downloads)


@test
def torrent_of_more_than_a_mebibyte_works(net):
    _, seed, peer = net.star('seed', 'peer')
    folder = net.path('files', 'many')
    long = '/'.join(['long name ' * 20] * 4)
    for i in range(1300):
        net.make_file(f'many/{i // 100}/{long}/{i}', 20, 'same')
    info = make_info(folder)
    torrent = write_torrent(net.path('many.torrent'), info)
    assert os.path.getsize(torrent) > MIB, os.path.getsize(torrent)
    shared = seed.share(folder)
    assert shared['transfer']['hash'] == infohash(info)
    done = peer.fetch(shared['link'])  # the metadata comes from the peer, in parts
    assert len(tree_of(done['path'])) == 1300
    other = net.daemon('other', bootstrap=net.daemons[:1])
    assert other.cli('get', torrent).exit == 0
    assert len(tree_of(os.path.join(other.downloads, 'many'))) == 1300


@test
def symlinks_planted_where_a_download_goes_lead_nowhere(net):
    _, seed, peer = net.star('seed', 'peer')
    net.make_file('folder/sub/inner', MIB)
    file, folder = net.make_file('notes.bin', MIB), net.path('files', 'folder')
    links = {'notes.bin': seed.share(file)['link'], 'folder': seed.share(folder)['link']}
    secret = net.make_file('secret', MIB, 'other')
    outside = net.path('outside')
    os.makedirs(os.path.join(outside, 'sub'))
    before = sha1_file(secret)
    plans = [('notes.bin', 'notes.bin', secret), ('notes.bin', 'notes.bin.part', secret),
             ('notes.bin', 'notes.bin.part', os.path.join(outside, 'new')),
             ('folder', 'folder', outside), ('folder', 'folder.part', outside)]
    for number, (name, planted, to) in enumerate(plans):
        target = net.path(f'target{number}')
        os.makedirs(target)
        os.symlink(to, os.path.join(target, planted))
        for flags in ([], ['--force']):
            result = peer.cli('get', links[name], '-o', target, '--wait', '10s', *flags)
            assert result.exit in (0, 8, 9), (planted, flags, result)
            assert sha1_file(secret) == before, (planted, flags)
            assert tree_of(outside) == {} and os.listdir(outside) == ['sub'], (planted, flags)
            for transfer in peer.transfers():
                with contextlib.suppress(ControlError):  # says what it could not remove
                    peer.call('transfer.remove', id=transfer['id'], data=True)
            assert not peer.transfers()
            assert sha1_file(secret) == before and os.listdir(outside) == ['sub'], (planted, flags)


# ---- clients ----

@test
def clients_that_send_garbage_or_never_read_harm_nobody(net):
    seed, peer, path, shared = setup(net)
    garbage = (b'\xc1', b'GET / HTTP/1.1\r\n\r\n', b'\x94\x00\x01\xa6status\xdf\xff\xff\xff\xff',
               b'\xdd\xff\xff\xff\xff', b'\xdb\xff\xff\xff\xff', b'\x91' * 5000 + b'\xc0', b'\x92' * 17,
               b'\x94\x05\x01\xa1x\x80',
               msgpack.packb([1, 1, None, {}]), msgpack.packb([0, -1, 'status', {}]))
    for data in garbage:
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10 * net.slow)
            client.connect(seed.socket)
            client.sendall(data)
            try:
                assert client.recv(100) == b'', data
            except ConnectionResetError:
                pass
            except TimeoutError:
                raise AssertionError(f'still connected after {data[:20]!r}') from None
    assert seed.status()['control']['malformed'] == len(garbage), seed.status()['control']
    before = seed.status()['memory']
    deaf = socket.socket(socket.AF_UNIX)
    deaf.connect(seed.socket)
    deaf.setblocking(False)
    question, asked = msgpack.packb([0, 1, 'config.get', {}]) * 100, 0
    while select.select([], [deaf], [], 1.0 * net.slow)[1]:
        asked += deaf.send(question)
        assert asked < 64 * MIB, 'who reads no answers may ask without end'
    fetches(peer, path, shared)
    grown = seed.status()['memory'] - before
    deaf.close()
    assert grown < 24 * MIB or net.slow > 1, f'{grown >> 20} MiB more'


@test
def one_client_too_many_is_told_so_and_can_still_stop_the_daemon(net):
    one = net.daemon('one')
    held = []
    for _ in range(80):  # above the limit even for those who only look in
        held.append(socket.socket(socket.AF_UNIX))
        held[-1].connect(one.socket)
    result = one.cli('ls')
    assert result.exit == 5, result
    assert result.err == 'kadpeer: the daemon has too many clients at the moment\n', result
    exit_status, lines = one.json('ls')
    assert exit_status == 5 and lines[-1]['error']['code'] == 'busy', lines
    exit_status, lines = one.json('status')
    assert exit_status == 0, lines
    assert lines[-1]['control']['refused'] >= 3, lines[-1]['control']
    for client in held[:60]:
        client.close()
    one.wait_until(lambda: one.cli('ls').exit == 0)
    try:
        one.call('no such method')
    except ControlError as error:
        assert error.code == 'unknown_method', error
    held += [socket.socket(socket.AF_UNIX) for _ in range(70)]
    for client in held[80:]:
        client.connect(one.socket)
    one.ok('stop')  # returns when the process has ended
    for client in held:
        client.close()
