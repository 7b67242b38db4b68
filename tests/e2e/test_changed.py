"""Files that somebody else changes while they are fetched."""

import os
import shutil
import struct

from btpeer import BITFIELD, BLOCK, INTERESTED, PIECE as PIECE_MESSAGE, REQUEST, UNCHOKE, Seed, dial
from harness import test
from kadnet import sha1_file
from torrentfile import make_info

MIB = 1 << 20
PIECE = 256 << 10


class Gate:
    """A seed that serves so many blocks and then holds until it is opened."""

    def __init__(self, net, path, blocks, info=None):
        self.open = blocks
        with open(path, 'rb') as source:
            content = source.read()
        self.seed = Seed(info or make_info(path), content, before_block=self.hold)
        self.slow = net.slow

    def hold(self, *_):
        self.seed.wait_until(lambda: len(self.seed.served) < self.open, 100 * self.slow)

    def let_go(self):
        self.let(1 << 30)

    def let(self, blocks):
        with self.seed.changed:
            self.open = blocks
            self.seed.changed.notify_all()

    def let_pieces_come(self, peer, ident, count):
        """Until it has so many: some blocks are lost with their connection."""
        def came():
            if len(self.seed.served) >= self.open:
                self.let(self.open + 16)
            return len(peer.pieces(ident)) >= count
        peer.wait_until(came, 40, f'having {count} pieces')

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.let_go()
        self.seed.close()


def start(net, gate, pieces=7):
    """A download that has all pieces it will get until the gate opens, so that nothing is being
    written: daemon, its number, its partial file."""
    _, peer = net.star('peer')
    ident = peer.add(gate.seed.hash, **{'from': [gate.seed.endpoint]}, sequential=True)
    wait_pieces(peer, ident, pieces)
    partial = peer.transfer(ident)['path']
    assert partial.endswith('.part'), partial
    return peer, ident, partial


def start_paused(net, gate):
    peer, ident, partial = start(net, gate)
    peer.ok('pause', ident)
    peer.wait_state(ident, 'paused')
    return peer, ident, partial


def wait_pieces(peer, ident, count):
    peer.wait_event('metadata')
    peer.wait_until(lambda: len(peer.pieces(ident)) >= count, 40, f'having {count} pieces')


def wait_changed(peer, ident):
    event = peer.wait_event('changed', 40)
    assert event['id'] == ident and 'changed by somebody else' in event['reason'], event
    return event


def finish_right(peer, ident, path):
    done = peer.wait_state(ident, 'sharing', timeout=50)
    assert sha1_file(done['path']) == sha1_file(path), 'wrong bytes were called complete'
    assert not os.path.exists(done['path'] + '.part')
    assert peer.call('transfer.info', id=ident)['info']['bad_pieces'] == 0
    return done


def fetched_twice(peer):
    told = [event['piece'] for event in peer.events if event['what'] == 'piece']
    return {piece for piece in told if told.count(piece) > 1}


def overwrite(path, offset, data):
    with open(path, 'r+b') as out:
        out.seek(offset)
        out.write(data)


def unseen(path, change):
    """Its time is put back."""
    stamp = os.stat(path)
    change()
    os.utime(path, ns=(stamp.st_atime_ns, stamp.st_mtime_ns))


def ask_for(peer, hash_hex, pieces):
    """The first block of each piece, as a stranger gets it until the daemon hangs up."""
    got = {}
    connection = dial(peer.endpoint, hash_hex)
    try:
        connection.send(BITFIELD, bytes(2))
        connection.send(INTERESTED)
        while len(got) < len(pieces):
            kind, payload = connection.receive()
            if kind == UNCHOKE:
                for piece in pieces:
                    connection.send(REQUEST, struct.pack('>III', piece, 0, BLOCK))
            elif kind == PIECE_MESSAGE:
                got[struct.unpack('>I', payload[:4])[0]] = payload[8:]
    except OSError:
        pass
    finally:
        connection.close()
    return got


@test
def truncated_partial_file_is_mended_before_it_is_complete(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        os.truncate(partial, 0)
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)
    again = net.daemon('again', bootstrap=net.daemons[:1])
    done = again.fetch(gate.seed.hash)
    assert sha1_file(done['path']) == sha1_file(path)
    assert again.call('transfer.info', id=gate.seed.hash)['info']['bad_pieces'] == 0


@test
def partial_file_rewritten_in_place_is_mended(net):
    """Size and inode stay; only the time of the last write tells."""
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        wrong = min(peer.pieces(ident))
        overwrite(partial, wrong * PIECE + 77, b'scribble')
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)
        assert fetched_twice(peer) == {wrong}
    assert 'somebody else' in '\n'.join(peer.log_tail(1000))


@test
def touched_partial_file_is_verified_and_nothing_fetched_again(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        os.utime(partial)
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)
        assert not fetched_twice(peer)


@test
def partial_file_that_looks_changed_all_the_time_is_finished_verified(net):
    """As on a file system that stamps when it pleases: hashed a few times, not with each piece."""
    path = net.make_file('notes.bin', 16 * MIB)
    with Gate(net, path, 0) as gate:
        _, peer = net.star('peer')
        ident = peer.add(gate.seed.hash, **{'from': [gate.seed.endpoint]})
        peer.wait_event('metadata')
        for pieces in range(4, 56, 4):
            gate.let_pieces_come(peer, ident, pieces)
            os.utime(peer.transfer(ident)['path'], ns=(0, pieces))
        gate.let_go()
        finish_right(peer, ident, path)
    assert len([e for e in peer.events if e['what'] == 'changed']) == 3, peer.events


@test
def deleted_partial_file_is_begun_anew(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        os.unlink(partial)
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)


@test
def partial_file_moved_away_is_noticed_without_another_piece(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        os.rename(partial, net.path('taken'))
        wait_changed(peer, ident)
        gate.let_go()
        finish_right(peer, ident, path)
    assert os.path.exists(net.path('taken'))


@test
def partial_file_replaced_by_another_is_verified_anew(net):
    """Of the same size and with the same time: half of it right, half wrong."""
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        stamp = os.stat(partial)
        with open(partial, 'rb') as source:
            data = bytearray(source.read())
        data[:len(data) // 2] = bytes(len(data) // 2)
        with open(net.path('other'), 'wb') as out:
            out.write(data)
        os.utime(net.path('other'), ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
        os.replace(net.path('other'), partial)
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)


@test
def file_of_a_partial_folder_that_vanishes_is_fetched_again_alone(net):
    for name in ('a', 'b', 'c'):
        net.make_file(f'folder/{name}', 2 * MIB)
    folder = net.path('files', 'folder')
    info = make_info(folder)
    whole = net.path('whole')
    with open(whole, 'wb') as out:
        for name in ('a', 'b', 'c'):
            out.write(open(os.path.join(folder, name), 'rb').read())
    with Gate(net, whole, 24 * 16 - 20, info) as gate:
        peer, ident, partial = start(net, gate, pieces=22)
        os.unlink(os.path.join(partial, 'b'))
        gate.let_go()
        done = peer.wait_state(ident, 'sharing', timeout=50)
    for name in ('a', 'b', 'c'):
        assert sha1_file(os.path.join(done['path'], name)) == sha1_file(os.path.join(folder, name))
    wait_changed(peer, ident)
    assert fetched_twice(peer) and fetched_twice(peer) <= set(range(8, 16)), fetched_twice(peer)


@test
def change_while_paused_is_noticed_when_it_goes_on(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start_paused(net, gate)
        overwrite(partial, min(peer.pieces(ident)) * PIECE, bytes(PIECE))
        gate.let_go()
        peer.ok('resume', ident)
        finish_right(peer, ident, path)
        wait_changed(peer, ident)


@test
def change_whose_time_was_put_back_is_noticed_when_it_goes_on(net):
    """While it is paused, and while nobody of ours runs."""
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start_paused(net, gate)
        first, second = sorted(peer.pieces(ident))[:2]
        unseen(partial, lambda: overwrite(partial, first * PIECE, bytes(PIECE)))
        gate.let(240)
        peer.ok('resume', ident)
        wait_changed(peer, ident)
        wait_pieces(peer, ident, 12)
        peer.stop()
        unseen(partial, lambda: overwrite(partial, second * PIECE, bytes(PIECE)))
        peer.start()
        gate.let_go()
        finish_right(peer, ident, path)
        wait_changed(peer, ident)


@test
def complete_file_whose_time_was_put_back_is_told_changed(net):
    seed, peer = net.daemon('seed'), net.daemon('peer')
    link = seed.share(net.make_file('notes.bin', MIB), wait_announce=0)['link']
    done = peer.fetch(link)['transfer']
    unseen(done['path'], lambda: overwrite(done['path'], 5, b'scribble'))
    assert peer.cli('get', link).exit == 10
    peer.stop()
    peer.start()
    assert '1 of 4 pieces' in peer.wait_state(done['id'], 'error')['reason']


@test
def changed_piece_of_a_partial_file_is_not_served(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with open(path, 'rb') as source:
        content = source.read()
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        held = sorted(peer.pieces(ident))
        overwrite(partial, held[0] * PIECE + 5, b'scribble')
        got = ask_for(peer, gate.seed.hash, held)
        for piece, data in got.items():
            assert data == content[piece * PIECE:piece * PIECE + BLOCK], f'wrong bytes of {piece}'
        wait_changed(peer, ident)
        gate.let_go()
        finish_right(peer, ident, path)


# ---- somebody has the whole of it ----


@test
def whole_file_that_comes_there_while_fetching_leaves_no_partial_behind(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        there = partial.removesuffix('.part')
        shutil.copy(path, there)
        inode = os.stat(there).st_ino
        gate.let_go()
        done = finish_right(peer, ident, path)
    assert done['path'] == there and os.stat(there).st_ino == inode, 'ours replaced it'
    peer.restart()
    peer.wait_state(ident, 'sharing')
    assert os.listdir(peer.downloads) == ['notes.bin']


@test
def another_file_that_comes_there_while_fetching_keeps_the_partial(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        with open(partial.removesuffix('.part'), 'w', encoding='ascii') as out:
            out.write('my own notes')
        gate.let_go()
        peer.wait_state(ident, 'error')
    assert os.path.getsize(partial) == 4 * MIB


@test
def share_of_the_same_file_ends_its_download_and_its_partial(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start(net, gate)
        assert peer.share(path)['transfer']['id'] == ident
        done = finish_right(peer, ident, path)
        assert done['path'] == path and done['origin'] == 'share', done
        peer.wait_until(lambda: not os.path.exists(partial), 10, 'rid of the partial file')
    assert os.listdir(peer.downloads) == []


@test
def share_of_a_folder_ends_its_download_and_its_partial(net):
    net.make_file('folder/a', 2 * MIB)
    net.make_file('folder/sub/b', 2 * MIB)
    folder, whole = net.path('files', 'folder'), net.path('whole')
    with open(whole, 'wb') as out:
        for name in ('a', 'sub/b'):
            out.write(open(os.path.join(folder, name), 'rb').read())
    with Gate(net, whole, 120, make_info(folder)) as gate:
        peer, ident, partial = start(net, gate)
        peer.share(folder)
        peer.wait_state(ident, 'sharing')
        peer.wait_until(lambda: not os.path.exists(partial), 10, 'rid of the partial folder')
    assert os.path.exists(os.path.join(folder, 'sub', 'b'))


@test
def share_of_the_partial_file_itself_keeps_it(net):
    path = net.make_file('notes.bin', 4 * MIB)
    with Gate(net, path, 120) as gate:
        peer, ident, partial = start_paused(net, gate)
        with open(path, 'rb') as source, open(partial, 'r+b') as out:
            out.write(source.read())
        assert peer.share(partial, name='notes.bin')['transfer']['id'] == ident
        done = peer.wait_state(ident, 'sharing')
    assert done['path'] == partial and sha1_file(partial) == sha1_file(path)
