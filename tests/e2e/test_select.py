"""get --select and --sequential."""

import hashlib
import os

from btpeer import Seed
from harness import test
from kadnet import ControlError, sha1_file, tree_of
from test_disk import small_disk
from torrentfile import make_info, write_torrent

KIB, MIB = 1 << 10, 1 << 20
FILES = {'a.bin': 150 * KIB, 'empty.txt': 0, 'sub/b.bin': 300 * KIB, 'sub/c.txt': 10 * KIB,
         'sub/d.bin': 400 * KIB, 'z.bin': 90 * KIB}


def album(net, *names, files=None, piece_size=64 * KIB):
    """A folder that `seed` shares, and one peer per name; the link last."""
    _, seed, *peers = net.star('seed', *names)
    for name, size in (files or FILES).items():
        net.make_file(f'album/{name}', size)
    link = seed.share(net.path('files', 'album'), piece_size=piece_size)['link']
    return (seed, *peers, link)


def shown(folder):
    """What somebody sees there: {path: SHA-1}, without the hidden file of border pieces."""
    return {name: digest for name, digest in tree_of(folder).items() if '.kadpeer-' not in name}


def hidden(folder):
    return [name for name in os.listdir(folder) if name.startswith('.kadpeer-')]


def wanted(net, *names):
    return {name: sha1_file(net.path('files', 'album', name)) for name in names}


def selected(peer, ident):
    return [f['index'] for f in peer.call('transfer.files', id=ident)['files'] if f['selected']]


@test
def selected_files_alone_appear_and_all_else_is_fetched_when_wanted(net):
    seed, peer, link = album(net, 'peer')
    first = peer.cli('get', link, '--select', '1,sub/c*', '--select', 'z.bin', '-o', 'got/')
    assert first.exit == 0, first
    folder = os.path.join(peer.downloads, 'album')
    assert shown(folder) == wanted(net, 'empty.txt', 'sub/c.txt', 'z.bin'), shown(folder)
    assert len(hidden(folder)) == 1
    done = peer.transfers()[0]
    assert done['state'] == 'sharing' and done['size'] < 400 * KIB, done
    listed = peer.ok('files', done['id'])
    assert listed.count('left out') == 3 and '100%' in listed, listed
    assert selected(peer, done['id']) == [1, 3, 5]
    checked = peer.call('transfer.verify', id=done['id'])['pieces']
    assert checked['bad'] == 0 and checked['good'] == done['pieces']['have'], checked

    # it wants more: what is there is not fetched again
    before = peer.transfer(done['id'])['downloaded']
    more = peer.cli('get', done['id'], '--select', '0-')
    assert more.exit == 0, more
    assert tree_of(folder) == tree_of(net.path('files', 'album')), os.listdir(folder)
    assert selected(peer, done['id']) == list(range(6))
    total = sum(FILES.values())
    assert peer.transfer(done['id'])['downloaded'] == total and before < total, before


@test
def border_pieces_are_served_and_outlive_a_kill(net):
    seed, peer, third, link = album(net, 'peer', 'third')
    ident = peer.add(link, select='a.bin,sub/d.bin')
    peer.follow(ident)
    have = peer.transfer(ident)['pieces']['have']
    peer.kill9()
    peer.start()
    peer.wait_state(ident, 'sharing')
    checked = peer.call('transfer.verify', id=ident)['pieces']
    assert (checked['good'], checked['bad']) == (have, 0), checked
    seed.stop()
    other = third.add(link, select=[0, 4], **{'from': [peer.endpoint]})
    third.follow(other)
    assert third.transfer(other)['pieces']['have'] == have
    assert shown(os.path.join(third.downloads, 'album')) == wanted(net, 'a.bin', 'sub/d.bin')


@test
def selection_changes_while_it_is_fetched(net):
    seed, peer, link = album(net, 'peer')
    ident = peer.add(link, select='sub', paused=True)
    assert peer.transfer(ident)['state'] == 'paused'
    peer.add(link, select='sub/c.txt', paused=True)
    assert 'sequential' not in peer.ok('info', ident)
    assert peer.cli('get', ident, '--sequential').exit == 0
    assert 'sequential, from the first piece' in peer.ok('info', ident)
    folder = os.path.join(peer.downloads, 'album')
    assert shown(folder) == wanted(net, 'sub/c.txt'), shown(folder)
    info = peer.call('transfer.info', id=ident)
    assert info['info']['sequential'] is True, info
    # less and other: what was complete stays where it is
    assert peer.cli('get', ident, '--select', 'z.bin').exit == 0
    assert shown(folder) == wanted(net, 'sub/c.txt', 'z.bin'), shown(folder)
    peer.restart()
    assert selected(peer, ident) == [5]
    checked = peer.call('transfer.verify', id=ident)['pieces']
    assert checked['bad'] == 0, checked


@test
def what_fits_no_file_is_told(net):
    seed, peer, link = album(net, 'peer')
    result = peer.cli('get', link, '--select', '*.flac')
    assert result.exit == 3 and 'it has no file "*.flac"' in result.err, result
    assert 'kadpeer files' in result.err, result
    failed = peer.transfers()[0]
    assert failed['state'] == 'error' and failed['downloaded'] == 0, failed
    for wrong in ('6', '4-9', '3-1', 'nothing'):
        again = peer.cli('get', failed['id'], '--select', wrong)
        assert again.exit == 3 and 'cannot select' in again.err, again
    try:
        peer.call('transfer.add', link=link, select='')
        raise AssertionError('an empty selection was taken')
    except ControlError as error:
        assert error.code == 'usage', error
    good = peer.cli('get', failed['id'], '--select', 'z.*,a.bin')
    assert good.exit == 0, good
    assert shown(os.path.join(peer.downloads, 'album')) == wanted(net, 'a.bin', 'z.bin')


@test
def room_is_needed_for_the_selected_files_alone(net):
    disk = small_disk(net, 24 * MIB)
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    for name, size in (('large.bin', 60 * MIB), ('small.bin', 2 * MIB)):
        net.make_file(f'album/{name}', size)
    link = seed.share(net.path('files', 'album'))['link']
    whole = peer.cli('get', link, '-o', disk)
    assert whole.exit == 9, whole
    ident = peer.transfers()[0]['id']
    assert peer.cli('get', ident, '--select', 'small.bin').exit == 0
    assert shown(os.path.join(disk, 'album')) == wanted(net, 'small.bin')


@test
def sequential_asks_for_piece_after_piece(net):
    peer = net.daemon('peer')
    path = net.make_file('film.bin', 3 * MIB)
    with Seed(make_info(path, length=64 * KIB), open(path, 'rb').read()) as seed:
        result = peer.cli('get', f'magnet:?xt=urn:btih:{seed.hash}', '--from', seed.endpoint,
                          '--sequential')
        assert result.exit == 0, result
        assert len(seed.served) >= 192 and seed.served == sorted(seed.served), seed.served


# ---- beyond 4 GiB ----

GIB = 1 << 30


class Zeros:
    """Bytes of a content that is zeros but for some runs, {offset: bytes}."""

    def __init__(self, runs):
        self.runs = runs

    def __getitem__(self, part):
        out = bytearray(part.stop - part.start)
        for offset, run in self.runs.items():
            first, last = max(offset, part.start), min(offset + len(run), part.stop)
            if first < last:
                out[first - part.start:last - part.start] = run[first - offset:last - offset]
        return bytes(out)


def large_album(net, piece_length):
    """Two files of 5 and 95 GiB, and a small one between them: the info dictionary, all bytes,
    and those of the small one."""
    sizes = {'a.bin': 5 * GIB + 3, 'b.bin': 3 * piece_length, 'c.bin': 95 * GIB}
    small = net.rng.randbytes(sizes['b.bin'])
    content, total = Zeros({sizes['a.bin']: small}), sum(sizes.values())
    zeros = hashlib.sha1(bytes(piece_length)).digest()
    pieces = bytearray(zeros * (total // piece_length))
    first = sizes['a.bin'] // piece_length
    for piece in range(first, first + 4):
        start = piece * piece_length
        pieces[piece * 20:piece * 20 + 20] = hashlib.sha1(
            content[start:start + piece_length]).digest()
    pieces += hashlib.sha1(bytes(total % piece_length)).digest()
    info = {'files': [{'length': size, 'path': [name]} for name, size in sizes.items()],
            'name': 'large', 'piece length': piece_length, 'pieces': bytes(pieces)}
    return info, content, small


def blocks_below(folder):
    """Bytes that the disk gave for it."""
    return sum(os.stat(os.path.join(parent, name)).st_blocks * 512
               for parent, _, names in os.walk(folder) for name in names)


@test
def of_100_gib_only_the_selected_bytes_are_fetched_and_kept(net):
    peer = net.daemon('peer', config={'transfer.reserve': 0})
    info, content, small = large_album(net, MIB)
    torrent = write_torrent(net.path('large.torrent'), info)
    with Seed(info, content) as seed:
        result = peer.cli('get', torrent, '--from', seed.endpoint, '--select', 'b.bin')
        assert result.exit == 0, result
    folder = os.path.join(peer.downloads, 'large')
    assert shown(folder) == {'b.bin': hashlib.sha1(small).hexdigest()}, os.listdir(folder)
    assert blocks_below(folder) < 9 * MIB, blocks_below(folder)
    ident = peer.transfers()[0]['id']
    assert peer.transfer(ident)['pieces'] == {'have': 4, 'total': len(info['pieces']) // 20}
    target = net.path('moved')
    assert peer.cli('move', ident, target).exit == 0
    assert peer.cli('get', ident, '-o', '-', text=False).out == small
