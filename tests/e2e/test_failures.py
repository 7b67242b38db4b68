"""Peers and nodes that die, lie or vanish while files travel."""

import contextlib
import hashlib
import os
import socket
import sqlite3
import struct
import time

from btpeer import (BITFIELD, EXTENDED, HAVE, PIECE, REQUEST, Connection, Seed, dial,
                    handshake_bytes)
from control import ControlError
from harness import test
from kadnet import sha1_file
from torrentfile import encode, infohash, make_info

MIB = 1 << 20


@test
def dead_bootstrap_node_is_not_missed(net):
    boot, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    shared = seed.share(path)
    peer.wait_nodes(2)
    boot.kill9()
    assert sha1_file(peer.fetch(shared['transfer']['hash'])['path']) == sha1_file(path)


@test
def saved_nodes_are_enough_to_come_back(net):
    boot, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    shared = seed.share(path)
    peer.wait_nodes(2)
    peer.stop()
    boot.kill9()
    peer.restart()
    assert sha1_file(peer.fetch(shared['transfer']['hash'])['path']) == sha1_file(path)


@test
def silent_bootstrap_nodes_do_not_hold_up_the_start(net):
    boot = net.daemon('boot')
    dead = [f'127.0.0.1:{port}' for port in range(2, 22)]
    peer = net.daemon('peer', bootstrap=[*dead, boot])
    begin = time.monotonic()
    peer.wait_event('joined')
    assert time.monotonic() - begin < 3 * net.slow


@test
def seed_that_dies_half_way_is_replaced_when_another_returns(net):
    _, other, peer = net.star('other', 'peer')
    path = net.make_file('notes.bin', 16 * MIB)
    shared = other.share(path)
    other.stop()

    def die_half_way(*_):
        if len(seed.served) >= 512:
            seed.close()
            raise ConnectionError

    with Seed(make_info(path), open(path, 'rb').read(), before_block=die_half_way) as seed:
        ident = peer.add(shared['link'], **{'from': [seed.endpoint]})
        peer.wait_until(lambda: len(seed.served) >= 512 and
                        peer.transfer(ident)['peers']['connected'] == 0, 40)
        waiting = peer.wait_until(lambda: (t := peer.transfer(ident))['reason'] and t, 30)
        assert waiting['state'] in ('downloading', 'searching'), waiting
        assert 0 < waiting['pieces']['have'] < waiting['pieces']['total']
        other.restart()
        done = peer.follow(ident)
    assert sha1_file(done['path']) == sha1_file(path)
    assert other.transfers()[0]['uploaded'] < 12 * MIB, 'what was there was fetched again'


@test
def download_without_any_source_says_so_and_starts_when_one_comes(net):
    boot, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    wanted = infohash(make_info(path))
    exit_status, lines = peer.json('get', wanted, '--wait', '2s')
    assert exit_status == 3, lines
    assert any(line.get('event') == 'searching' for line in lines), lines
    listed = peer.transfers()[0]
    assert listed['state'] == 'searching' and listed['reason'], listed
    seed.share(path)
    done = peer.wait_state(listed['id'], 'sharing', timeout=90)
    assert sha1_file(done['path']) == sha1_file(path)


def _watch_pieces(peer, ident, wanted, moment, reported):
    """Collects piece events until `wanted` came or `moment` seconds passed or it is done."""
    deadline = time.monotonic() + moment
    seen = 0
    while time.monotonic() < deadline:
        peer.drain(max(0.0, deadline - time.monotonic()))
        events, seen = peer.events[seen:], len(peer.events)
        reported |= {e['piece'] for e in events if e['what'] == 'piece' and e['id'] == ident}
        if len(reported) >= wanted or any(e['what'] == 'done' for e in events):
            break


def _pieces(peer, ident):
    """None as long as it is not known which there are."""
    try:
        return peer.pieces(ident)
    except ControlError as error:
        assert error.code == 'not_known', error
        return set()


@test(deadline=150)
def kill_at_twenty_random_moments_loses_no_verified_piece(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('big.bin', 96 * MIB)
    link = seed.share(path)['link']
    ident = peer.add(link)
    reported, rounds = set(), 0
    for moment in range(20):
        wanted = len(reported) + net.rng.randrange(1, 24)
        _watch_pieces(peer, ident, wanted, 20 * net.slow, reported)
        peer.process.kill()
        peer.drain(0.1)  # what it had said before it died
        for event in peer.events:
            if event['what'] == 'piece' and event['id'] == ident:
                reported.add(event['piece'])
        peer.kill9()
        peer.start(port=peer.port)
        lost = reported - _pieces(peer, ident)
        assert not lost, f'after kill {moment}: pieces {sorted(lost)} were reported and are gone'
        rounds += 1
        if len(_pieces(peer, ident)) == 384:
            done = peer.follow(ident)
            assert sha1_file(done['path']) == sha1_file(path)
            peer.call('transfer.remove', id=ident, data=True)
            ident, reported = peer.add(link), set()
    net.note(f'{rounds} kills, the last with {len(reported)} pieces reported')
    done = peer.wait_state(ident, 'sharing', timeout=90)  # by itself: nobody said resume
    assert sha1_file(done['path']) == sha1_file(path)


@test
def corrupting_peer_is_banned_and_the_file_still_comes(net):
    _, honest, peer = net.star('honest', 'peer')
    path = net.make_file('notes.bin', 12 * MIB)
    shared = honest.share(path)
    honest.stop()
    with Seed(make_info(path), open(path, 'rb').read(), corrupt=lambda piece: True) as liar:
        ident = peer.add(shared['link'], **{'from': [liar.endpoint]})
        banned = peer.wait_event(lambda e: e['what'] == 'peer' and not e['up'] and
                                 e['address'] == liar.endpoint)
        assert 'wrong' in banned['reason'] or 'banned' in banned['reason'], banned
        assert peer.transfer(ident)['pieces']['have'] == 0
        honest.restart()
        done = peer.follow(ident)
        accepted = liar.accepted
    assert sha1_file(done['path']) == sha1_file(path)
    info = peer.call('transfer.info', id=ident)['info']
    assert info['bad_pieces'] >= 1 and info['wasted'] > 0, info
    assert accepted <= 2, f'the liar was dialled {accepted} times'


@test
def peer_that_lies_now_and_then_among_honest_ones_spoils_nothing(net):
    _, honest, peer = net.star('honest', 'peer')
    path = net.make_file('notes.bin', 24 * MIB)
    shared = honest.share(path)
    with Seed(make_info(path), open(path, 'rb').read(), corrupt=lambda p: p % 3 == 0) as liar:
        done = peer.fetch(shared['link'], **{'from': [liar.endpoint]})
    assert sha1_file(done['path']) == sha1_file(path)


@test
def peers_that_break_the_protocol_lose_their_connection_and_nothing_else(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 4 * MIB)
    shared = seed.share(path)
    hash_hex = shared['transfer']['hash']
    bad = {
        'a message of 4 GiB': struct.pack('>IB', 0xffffffff, PIECE),
        'a message over 1 MiB': struct.pack('>IB', (1 << 20) + 1, PIECE),
        'a bitfield too short': struct.pack('>IB', 2, BITFIELD) + b'\xff',
        'a bitfield with spare bits': struct.pack('>IB', 4, BITFIELD) + b'\xff' * 3,
        'a piece that is not there': struct.pack('>IBI', 5, HAVE, 4_000_000_000),
        'a request beyond the end': struct.pack('>IBIII', 13, REQUEST, 15, 1 << 18, 16384),
        'a request of 1 GiB': struct.pack('>IBIII', 13, REQUEST, 0, 0, 1 << 30),
        'a second handshake': b'\x13BitTorrent protocol' + bytes(48),
        'a cut have': struct.pack('>IBB', 2, HAVE, 0),
    }
    for what, message in bad.items():
        connection = dial(seed.endpoint, hash_hex)
        connection.socket.sendall(message)
        connection.socket.settimeout(15 * net.slow)
        try:
            while True:
                connection.receive()
        except (ConnectionError, TimeoutError) as error:
            assert not isinstance(error, TimeoutError), f'still connected after {what}'
        finally:
            connection.close()
    refused = seed.call('transfer.peers', id=hash_hex)['refused']
    assert refused['protocol'] == len(bad), refused
    assert sha1_file(peer.fetch(shared['link'])['path']) == sha1_file(path)


@test
def stranger_who_asks_for_nothing_we_have_is_turned_away(net):
    seed = net.daemon('seed')
    seed.share(net.make_file('notes.bin', MIB), wait_announce=0)
    try:
        connection = dial(seed.endpoint, '00' * 20)
        raise AssertionError(f'an unknown infohash was answered: {connection.receive()}')
    except (ConnectionError, TimeoutError) as error:
        assert not isinstance(error, TimeoutError), 'left hanging'


@test
def metadata_with_names_that_lead_outside_is_refused(net):
    _, peer = net.star('peer')
    path = net.make_file('inner', 300_000)
    content = open(path, 'rb').read()
    good = make_info(path)
    length = good.pop('length')
    for name, parts in (('x', ['..', '..', 'evil']), ('x', ['a/../../evil']), ('..', ['evil']),
                        ('/tmp/evil', ['evil']), ('x', ['a', '', 'evil']), ('x', ['ev\nil'])):
        info = {**good, 'name': name, 'files': [{'length': length, 'path': parts}]}
        with Seed(info, content) as seed:
            ident = peer.add(seed.hash, **{'from': [seed.endpoint]})
            failed = peer.wait_state(ident, 'error')
            assert failed['reason'] or failed['error'], failed
            peer.call('transfer.remove', id=ident, data=True)
    found = [os.path.join(p, n) for p, _, names in os.walk(net.root) for n in names if 'evil' in n]
    assert not found and not os.path.exists('/tmp/evil'), found


@test
def source_that_broke_the_protocol_is_counted_among_those_that_gave(net):
    _, honest, peer = net.star('honest', 'peer')
    path = net.make_file('notes.bin', 4 * MIB)

    def break_off(connection, *_):
        if len(rude.served) >= 32:
            connection.send(HAVE, struct.pack('>I', 4_000_000_000))  # and goes on

    with Seed(make_info(path), open(path, 'rb').read(), before_block=break_off) as rude:
        ident = peer.add(rude.hash, **{'from': [rude.endpoint]})
        peer.wait_event(lambda e: e['what'] == 'peer' and not e['up'] and
                        e['address'] == rude.endpoint)
    honest.share(path)
    peer.call('transfer.resume', id=ident)  # looks for peers again at once
    assert peer.follow(ident)['sources'] == 2
    assert peer.call('transfer.peers', id=ident)['refused']['protocol'] >= 1


@test
def peer_that_dialled_us_while_we_dialled_it_is_dialled_again_when_it_leaves(net):
    _, peer = net.star('peer')
    hash_hex, their_id = '5f' * 20, b'-AA0001-' + os.urandom(12)  # below ours: its own dial stays
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(30 * net.slow)
        port = listener.getsockname()[1]
        ident = peer.add(hash_hex, **{'from': [f'127.0.0.1:{port}']})
        dialled, _ = listener.accept()  # not answered yet
        stays = Connection(socket.create_connection((peer.address, peer.port)), hash_hex, their_id,
                           dial=True)
        stays.send(EXTENDED, b'\0' + encode({'m': {}, 'p': port, 'v': 'stranger'}))
        peer.wait_until(lambda: any(one['client'] == 'stranger' for one in
                                    peer.call('transfer.peers', id=ident)['peers']))
        dialled.sendall(handshake_bytes(hash_hex, their_id))
        dialled.settimeout(30 * net.slow)
        while dialled.recv(4096):
            pass  # until it is closed as the second one
        known = peer.call('transfer.peers', id=ident)['known']
        assert [one['in_use'] for one in known] == [True], known
        stays.close()
        again, _ = listener.accept()
        again.close()
        dialled.close()


@test
def wrong_metadata_is_thrown_away_and_comes_from_another(net):
    _, peer = net.star('peer')
    path = net.make_file('notes.bin', 300_000)
    content, info = open(path, 'rb').read(), make_info(path)
    wrong = bytes(len(encode(info)))
    with Seed(info, content) as honest, Seed(info, content, metadata=wrong) as liar:
        ident = peer.add(honest.hash, **{'from': [liar.endpoint]})
        liar.wait_metadata()
        assert peer.add(honest.hash, **{'from': [honest.endpoint]}) == ident
        peer.wait_state(ident, 'sharing')
        assert sha1_file(peer.transfer(ident)['path']) == sha1_file(path)
        assert not liar.served, 'blocks were asked of a liar'


def many_files(count):
    """An info dictionary that takes a while to be read, and its content."""
    length = 1 << 20
    content = bytes(count)
    pieces = b''.join(hashlib.sha1(content[i:i + length]).digest()
                      for i in range(0, count, length))
    files = [{'length': 1, 'path': ['folder', f'file {i}']} for i in range(count)]
    return {'name': 'many', 'piece length': length, 'pieces': pieces, 'files': files}, content


@test
def whatever_is_done_while_metadata_is_read_is_done(net):
    _, peer = net.star('peer')
    with Seed(*many_files(50_000)) as seed:
        def fetch():
            seed.parts_served = 0
            ident = peer.add(seed.hash, **{'from': [seed.endpoint]})
            seed.wait_metadata()
            return ident

        peer.call('transfer.remove', id=fetch(), data=True)
        assert not peer.transfers()
        ident = fetch()
        peer.call('transfer.pause', id=ident)
        peer.wait_until(lambda: peer.transfer(ident)['name'] == 'many')
        assert peer.transfer(ident)['state'] == 'paused'
        peer.call('transfer.remove', id=ident, data=True)
        ident = fetch()
        peer.restart()
        assert [t['id'] for t in peer.transfers()] == [ident]


@test
def torrent_of_a_client_that_is_gone_harms_nobody(net):
    _, peer = net.star('peer')
    info, _ = many_files(50_000)
    torrent = encode({'info': info})
    hurried = peer.stream('transfer.add', torrent=torrent, dir=peer.downloads)
    hurried.control.close()
    small = make_info(net.make_file('notes.bin', 1000))
    ident = peer.call('transfer.add', torrent=encode({'info': small}), dir=peer.downloads)['id']
    added = [t for t in peer.transfers() if t['id'] != ident]
    assert len(added) <= 1 and all(t['name'] == 'many' for t in added), added
    assert peer.transfer(ident)['name'] == 'notes.bin'


def slices_of(daemon):
    with contextlib.closing(sqlite3.connect(daemon.database, timeout=10)) as database:
        return database.execute('SELECT count(*) FROM infos').fetchone()[0]


@test
def long_metadata_outlives_a_kill_and_goes_with_its_transfer(net):
    _, peer = net.star('peer')
    torrent = encode({'info': many_files(50_000)[0]})
    add = dict(torrent=torrent, dir=peer.downloads, paused=True)
    ident = peer.call('transfer.add', **add)['id']
    peer.kill9()
    peer.start(port=peer.port)
    kept = peer.transfer(ident)
    assert (kept['name'], kept['size'], kept['files']) == ('many', 50_000, 50_000), kept
    assert slices_of(peer) > 10
    for _ in range(3):  # taken out bit by bit while it comes again
        peer.call('transfer.remove', id=ident, data=True)
        ident = peer.call('transfer.add', **add)['id']
    peer.kill9()
    peer.start(port=peer.port)
    assert peer.transfer(ident)['files'] == 50_000
    peer.call('transfer.remove', id=ident, data=True)
    peer.wait_until(lambda: slices_of(peer) == 0, what='the end of what no transfer has')


def swarm_of(plain):
    """What the dialler's handshake asks for, without taking it from the socket."""
    plain.settimeout(60)
    return plain.recv(68, socket.MSG_PEEK | socket.MSG_WAITALL)[28:48].hex()


@test
def one_that_shakes_one_hand_at_a_time_serves_two_transfers(net):
    """As Transmission does; the one it hung up on is not held against it."""
    peer = net.daemon('peer')
    seeds, ids = {}, {}
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(60 * net.slow)
        for name in ('first', 'second'):
            path = net.make_file(name, MIB // 4)
            info = make_info(path)
            seeds[infohash(info)] = Seed(info, open(path, 'rb').read())
            ids[infohash(info)] = peer.call(
                'transfer.add', torrent=encode({'info': info}), dir=peer.downloads,
                **{'from': ['127.0.0.1:%d' % listener.getsockname()[1]]})['id']
        held, refused = (listener.accept()[0] for _ in range(2))
        late = swarm_of(refused)
        refused.close()

        def known():
            return peer.call('transfer.peers', id=ids[late])['known'][0]

        peer.wait_until(lambda: not known()['in_use'], what='hung up on')
        assert known()['failures'] == 0, known()
        seeds[swarm_of(held)].take(held)
        again, _ = listener.accept()
        assert swarm_of(again) == late
        seeds[late].take(again)
        for ident in ids.values():
            peer.follow(ident)
    for seed in seeds.values():
        seed.close()
