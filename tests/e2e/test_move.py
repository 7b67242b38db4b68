"""move: within a file system, to another one, and killed on the way."""

import errno
import os

from faults import Faults
from harness import test
from kadnet import ControlError, sha1_file, tree_of
from test_disk import small_disk

KIB, MIB = 1 << 10, 1 << 20


def moving(folder):
    """The copy on its way, by its hidden name."""
    names = os.listdir(folder) if os.path.isdir(folder) else []
    return [os.path.join(folder, name) for name in names if name.endswith('.moving')]


def copied_bytes(folder):
    """How much of it is there."""
    total = 0
    for path in moving(folder):
        for parent, _, names in os.walk(path) if os.path.isdir(path) else [('', 0, [path])]:
            for name in names:
                try:
                    total += os.stat(os.path.join(parent, name)).st_blocks * 512
                except FileNotFoundError:
                    pass
    return total


@test
def what_is_shared_moves_by_a_rename_and_goes_on(net):
    _, seed, peer = net.star('seed', 'peer')
    path, target = net.make_file('notes.bin', 3 * MIB), net.path('new', 'place')
    digest, inode = sha1_file(path), os.stat(path).st_ino
    link = seed.share(path)['link']
    ident = seed.transfers()[0]['id']
    result = seed.cli('move', ident, target + '/')
    assert result.exit == 0 and f'moved to {target}/notes.bin' in result.out, result
    assert os.stat(os.path.join(target, 'notes.bin')).st_ino == inode and not os.path.exists(path)
    assert seed.wait_state(ident, 'sharing')['path'] == os.path.join(target, 'notes.bin')
    assert sha1_file(peer.fetch(link)['path']) == digest
    status, lines = seed.json('move', ident, target)  # it is there
    assert status == 0 and lines[0]['path'] == os.path.join(target, 'notes.bin'), lines
    seed.restart()
    assert seed.wait_state(ident, 'sharing')['path'] == os.path.join(target, 'notes.bin')
    assert seed.call('transfer.verify', id=ident)['pieces']['bad'] == 0


@test
def what_is_being_fetched_moves_along(net):
    _, seed, peer = net.star('seed', 'peer')
    for name in 'abc':
        net.make_file(f'album/{name}', 4 * MIB)
    link = seed.share(net.path('files', 'album'), piece_size=64 * KIB)['link']
    ident = peer.add(link, sequential=True)
    peer.wait_event('piece')
    target = net.path('elsewhere')
    assert peer.call('transfer.move', id=ident, dir=target)['path'].startswith(target)
    assert 'album.part' not in os.listdir(peer.downloads)
    done = peer.follow(ident)
    assert done['path'] == os.path.join(target, 'album'), done
    assert tree_of(done['path']) == tree_of(net.path('files', 'album'))
    peer.wait_event('done')
    verified = [event['piece'] for event in peer.events if event['what'] == 'piece']
    assert len(set(verified)) == len(verified), 'a piece was fetched again'


@test
def nothing_that_is_there_is_overwritten(net):
    seed = net.daemon('seed')
    path, target = net.make_file('notes.bin', MIB), net.path('taken')
    os.makedirs(target)
    with open(os.path.join(target, 'notes.bin'), 'w', encoding='ascii') as out:
        out.write('mine')
    seed.share(path)
    ident = seed.transfers()[0]['id']
    result = seed.cli('move', ident, target)
    assert result.exit == 8 and 'exists there' in result.err, result
    assert open(os.path.join(target, 'notes.bin'), encoding='ascii').read() == 'mine'
    failed = seed.cli('move', ident, os.path.join(path, 'below'))
    assert failed.exit == 9 and failed.err.startswith('kadpeer: cannot move to'), failed
    assert seed.wait_state(ident, 'sharing')['path'] == path
    try:
        seed.call('transfer.move', id=ident, dir='relative')
        raise AssertionError('taken')
    except ControlError as error:
        assert error.code == 'usage', error
    assert seed.cli('move', 'nobody', target).exit == 3


@test
def to_another_file_system_it_is_copied_with_its_holes(net):
    disk = small_disk(net, 40 * MIB)
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    folder = net.path('files', 'album')
    net.make_file('album/sub/a.bin', 5 * MIB)
    net.make_file('album/empty', 0)
    sparse = net.make_file('album/sparse.bin', MIB)
    os.truncate(sparse, 200 * MIB)  # more than the disk holds
    os.utime(sparse, ns=(10**18, 10**18))
    digests = tree_of(folder)
    link = seed.share(folder)['link']
    ident = seed.transfers()[0]['id']
    call = seed.stream('transfer.move', id=ident, dir=disk)
    with call.control:
        moved = call.finish(60 * net.slow)
    assert moved['path'] == os.path.join(disk, 'album'), moved
    assert not os.path.exists(folder) and os.listdir(disk) == ['album']
    assert tree_of(moved['path']) == digests
    copy = os.stat(os.path.join(disk, 'album', 'sparse.bin'))
    assert copy.st_blocks * 512 < 10 * MIB and copy.st_mtime_ns == 10**18, copy
    seed.wait_state(ident, 'sharing')
    assert not [e for e in seed.events if e['what'] == 'error']
    fetched = peer.add(link, select='sub/*')
    peer.follow(fetched)
    # back again, with the border pieces of a selection
    again = peer.call('transfer.move', id=fetched, dir=disk + '/second')
    assert peer.call('transfer.verify', id=fetched)['pieces']['bad'] == 0, again
    too_big = net.make_file('big.bin', 36 * MIB)
    seed.share(too_big)
    full = seed.cli('move', 'big.bin', disk)
    assert full.exit == 9 and 'needed' in full.err and 'free' in full.err, full
    assert os.path.exists(too_big) and not moving(disk)


@test
def old_copy_that_cannot_be_deleted_is_named(net):
    disk, faults = small_disk(net, 40 * MIB), Faults(net)
    seed = net.daemon('seed', faults=faults, config={'transfer.reserve': 0})
    path = net.make_file('notes.bin', 3 * MIB)
    digest = sha1_file(path)
    ident = seed.share(path, wait_announce=0)['transfer']['id']
    faults.arm('us', 'remove', errno.EPERM)
    result = seed.cli('move', ident, '.', cwd=disk)
    assert result.exit == 0 and result.out == f'moved to {disk}/notes.bin\n', result
    assert f'{path}: Operation not permitted' in result.err, result
    assert sha1_file(path) == sha1_file(os.path.join(disk, 'notes.bin')) == digest
    faults.cure()
    result = seed.cli('move', ident, f'{disk}//./second/.')
    assert result.out == f'moved to {disk}/second/notes.bin\n' and result.err == '', result
    assert sorted(os.listdir(disk)) == ['second']


@test(deadline=120)
def a_kill_in_the_middle_loses_nothing(net):
    disks = [net.path('near'), small_disk(net, 200 * MIB)]
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    for name, size in (('a.bin', 40 * MIB), ('b.bin', 50 * MIB), ('c', 1000)):
        net.make_file(f'album/{name}', size)
    digests = tree_of(net.path('files', 'album'))
    link = seed.share(net.path('files', 'album'))['link']
    os.makedirs(disks[0])
    ident = peer.add(link, dir=disks[0], sequential=True)
    peer.wait_event(lambda e: e['what'] == 'piece' and e['have'] > 60)
    peer.call('transfer.pause', id=ident)
    have = peer.transfer(ident)['pieces']['have']
    for i, least in enumerate((1, 20 * MIB, 36 * MIB, 10 * MIB)):
        target = disks[(i + 1) % 2]
        call = peer.stream('transfer.move', id=ident, dir=target)
        peer.wait_until(lambda: copied_bytes(target) >= least or
                        peer.transfer(ident)['path'].startswith(target + '/'), what='copying')
        call.control.close()
        if i < 3:
            peer.kill9()
            peer.start()
        else:
            peer.restart()  # ends within its 5 s
        peer.wait_until(lambda: (t := peer.transfer(ident))['path'].startswith(target + '/') and
                        t['reason'] is None, what='moved')
        assert os.listdir(target) in (['album.part'], ['album']), os.listdir(target)
        assert not os.listdir(disks[i % 2]), os.listdir(disks[i % 2])
        assert peer.transfer(ident)['pieces']['have'] >= have
    checked = peer.call('transfer.verify', id=ident)['pieces']
    assert checked['bad'] == 0 and checked['good'] >= have, checked
    peer.call('transfer.resume', id=ident)
    done = peer.follow(ident)
    assert tree_of(done['path']) == digests


@test
def removed_on_the_way_nothing_stays(net):
    disks = [net.path('near'), small_disk(net, 200 * MIB)]
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    link = seed.share(net.make_file('film.bin', 80 * MIB))['link']
    ident = peer.add(link, dir=disks[0])
    peer.follow(ident)
    call = peer.stream('transfer.move', id=ident, dir=disks[1])
    peer.wait_until(lambda: copied_bytes(disks[1]) or os.path.exists(f'{disks[1]}/film.bin'),
                    what='copying')
    try:
        peer.call('transfer.move', id=ident, dir=disks[0])
    except ControlError as error:
        assert error.code == 'busy', error
    peer.call('transfer.remove', id=ident, data=True)
    try:
        call.finish(30 * net.slow)
    except ControlError as error:
        assert error.code == 'removed', error
    call.control.close()
    assert not os.listdir(disks[0]) and not os.listdir(disks[1])
