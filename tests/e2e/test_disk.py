"""The disk: full, in the way, hostile."""

import ctypes
import os
import re

from harness import Skip, test
from kadnet import ControlError, sha1_file
from torrentfile import make_info, write_torrent

MIB = 1 << 20
CLONE_NEWNS, CLONE_NEWUSER = 0x20000, 0x10000000
MS_RDONLY, MS_REC, MS_PRIVATE = 1, 0x4000, 1 << 18


def own_mounts():
    """A mount namespace for this test's process and what it starts."""
    libc = ctypes.CDLL(None, use_errno=True)
    root = os.geteuid() == 0
    uid, gid = os.getuid(), os.getgid()
    if libc.unshare(CLONE_NEWNS if root else CLONE_NEWNS | CLONE_NEWUSER) != 0:
        raise Skip(f'no mount namespace here: {os.strerror(ctypes.get_errno())}')
    if not root:
        for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {uid} 1'),
                           ('gid_map', f'0 {gid} 1')):
            with open(f'/proc/self/{name}', 'w', encoding='ascii') as out:
                out.write(text)
    if libc.mount(b'none', b'/', None, MS_REC | MS_PRIVATE, None) != 0:
        raise Skip(f'mounts cannot be made private: {os.strerror(ctypes.get_errno())}')
    return libc


def small_disk(net, size):
    """A file system of that many bytes; its path."""
    libc = own_mounts()
    path = net.path('small')
    os.makedirs(path)
    if libc.mount(b'tmpfs', path.encode(), b'tmpfs', 0, b'size=%d,mode=0755' % size) != 0:
        raise Skip(f'no tmpfs here: {os.strerror(ctypes.get_errno())}')
    return path


@test
def full_disk_pauses_with_numbers_and_goes_on_with_room(net):
    disk = small_disk(net, 40 * MIB)
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    path = net.make_file('notes.bin', 24 * MIB)
    link = seed.share(path)['link']
    ballast = os.path.join(disk, 'ballast')
    with open(ballast, 'wb') as out:
        out.write(bytes(30 * MIB))
    result = peer.cli('get', link, '-o', disk)
    assert result.exit == 9, result
    assert 'MiB more needed' in result.err and 'MiB free' in result.err, result.err
    ident = peer.transfers()[0]['id']
    full = peer.transfer(ident)
    assert full['state'] == 'no_space' and 'free' in full['reason'], full
    os.unlink(ballast)
    done = peer.wait_state(ident, 'sharing', timeout=60)
    assert sha1_file(done['path']) == sha1_file(path)


@test
def disk_that_fills_on_the_way_loses_no_piece(net):
    disk = small_disk(net, 64 * MIB)
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': 0})
    path = net.make_file('notes.bin', 40 * MIB)
    link = seed.share(path)['link']
    ident = peer.add(link, dir=disk, paused=True)
    ballast = os.path.join(disk, 'ballast')
    peer.call('transfer.resume', id=ident)
    with open(ballast, 'wb', buffering=0) as out:  # until nothing is left
        try:
            while out.write(bytes(64 << 10)):
                pass
        except OSError:
            pass
    state = peer.wait_state(ident, 'no_space', 'sharing')['state']
    net.note(f'{state} with {peer.transfer(ident)["pieces"]}')
    os.unlink(ballast)
    done = peer.wait_state(ident, 'sharing')
    assert sha1_file(done['path']) == sha1_file(path)


@test
def reserve_of_free_space_is_never_used(net):
    disk = small_disk(net, 40 * MIB)
    _, seed, peer = net.star('seed', 'peer', config={'transfer.reserve': '30M'})
    link = seed.share(net.make_file('notes.bin', 24 * MIB))['link']
    ident = peer.add(link, dir=disk)
    peer.wait_state(ident, 'no_space')


def setup(net, size=2 * MIB):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', size)
    return peer, path, seed.share(path)


@test
def link_in_the_way_of_a_folder_is_not_replaced_even_by_force(net):
    _, seed, peer = net.star('seed', 'peer')
    folder, victim = net.path('album'), net.path('victim')
    os.makedirs(folder)
    os.makedirs(victim)
    os.rename(net.make_file('song', MIB), os.path.join(folder, 'song'))
    os.symlink(victim, os.path.join(peer.downloads, 'album'))
    result = peer.cli('get', seed.share(folder)['link'], '--force')
    assert result.exit == 8 and 'a file or link where a folder is' in result.err, result
    assert re.search(r'^hint: -o DIR for another place$', result.err, re.M), result
    assert not os.listdir(victim)


@test
def file_in_the_way_is_kept_unless_forced(net):
    peer, path, shared = setup(net)
    there = os.path.join(peer.downloads, 'notes.bin')
    with open(there, 'w', encoding='ascii') as out:
        out.write('my own notes')
    result = peer.cli('get', shared['link'])
    assert result.exit == 8, result
    assert 'notes.bin exists and is not this file' in result.err and '--force' in result.err, result
    assert open(there, encoding='ascii').read() == 'my own notes'
    elsewhere = net.path('elsewhere')  # what the hint says
    os.makedirs(elsewhere)
    result = peer.cli('get', shared['link'], '-o', elsewhere)
    assert result.exit == 0 and 'changes nothing' not in result.err, result
    assert sha1_file(os.path.join(elsewhere, 'notes.bin')) == sha1_file(path)
    other = net.daemon('other', bootstrap=net.daemons[:1], config={'transfer.dir': peer.downloads})
    result = other.cli('get', shared['link'], '--force')
    assert result.exit == 0, result
    assert sha1_file(there) == sha1_file(path)


@test
def complete_file_that_is_there_is_verified_not_fetched(net):
    peer, path, shared = setup(net)
    there = os.path.join(peer.downloads, 'notes.bin')
    with open(path, 'rb') as source, open(there, 'wb') as out:
        out.write(source.read())
    inode = os.stat(there).st_ino
    ident = peer.add(shared['link'])
    done = peer.follow(ident)
    assert peer.transfer(ident)['downloaded'] == 0
    assert done['path'] == there and os.stat(there).st_ino == inode


@test
def target_that_cannot_be_written_is_a_disk_error(net):
    peer, path, shared = setup(net)
    for target in (os.path.join(path, 'below', 'x'), '/proc/nothing/here'):
        result = peer.cli('get', shared['link'], '-o', target)
        assert result.exit == 9, (target, result)
        assert result.err.startswith('kadpeer: ') and 'errno' not in result.err, result


def read_only(libc, path):
    os.makedirs(path, exist_ok=True)
    if libc.mount(b'tmpfs', path.encode(), b'tmpfs', MS_RDONLY, b'mode=0755') != 0:
        raise Skip(f'no tmpfs here: {os.strerror(ctypes.get_errno())}')
    return path


@test
def read_only_target_is_a_disk_error_and_another_works(net):
    target = read_only(own_mounts(), net.path('read-only'))
    peer, path, shared = setup(net)
    result = peer.cli('get', shared['link'], '-o', target)
    assert result.exit == 9, result
    assert f'cannot use {target}' in result.err and 'Read-only file system' in result.err, result
    peer.wait_until(lambda: not peer.transfers(), 20, 'rid of what was refused')
    assert sha1_file(peer.fetch(shared['link'])['path']) == sha1_file(path)


@test
def folders_of_the_daemon_that_cannot_be_written_are_named(net):
    libc = own_mounts()
    one = net.profile('one')
    for name in ('r', 'd', 's'):
        folder = read_only(libc, os.path.join(one.home, name))
        result = one.cli('daemon', '--port', '0', '--bind', '127.0.0.1')
        assert result.exit == 9, (name, result)
        assert f'cannot make {folder}/kadpeer: Read-only file system' in result.err, result
        result = one.cli('ls', autostart=True)
        assert result.exit == 5 and f'cannot make {folder}/kadpeer' in result.err, result
        result = one.cli('daemon', env={'XDG_CONFIG_HOME': f'{folder}/deeper'})
        assert f'cannot make {folder}/deeper/kadpeer: Read-only' in result.err, result
        libc.umount(folder.encode())


@test
def torrent_files_with_evil_names_are_refused(net):
    peer = net.daemon('peer')
    path = net.make_file('inner', 300_000)
    good = make_info(path)
    length = good.pop('length')
    for i, (name, parts) in enumerate((
            ('x', ['..', 'evil']), ('x', ['a/../../evil']), ('..', ['evil']), ('.', ['evil']),
            ('/etc/evil', ['evil']), ('x', ['']), ('x', []), ('x', ['ev\til']), ('a/b', ['evil']))):
        info = {**good, 'name': name, 'files': [{'length': length, 'path': parts}]}
        torrent = write_torrent(net.path(f'{i}.torrent'), info)
        result = peer.cli('get', torrent, '--wait', '1s')
        assert result.exit == 12, (name, parts, result)
    assert not peer.transfers()


@test
def symlinks_in_the_target_lead_nowhere(net):
    _, seed, peer = net.star('seed', 'peer')
    net.make_file('folder/sub/inner', MIB)
    net.make_file('folder/top', MIB)
    link = seed.share(net.path('files', 'folder'))['link']
    outside = net.path('outside')
    os.makedirs(outside)
    for name in ('folder.part', 'folder'):
        os.makedirs(os.path.join(peer.downloads, name), exist_ok=True)
        os.symlink(outside, os.path.join(peer.downloads, name, 'sub'))
    try:
        ident = peer.add(link)
        peer.follow(ident, wait=20)
    except ControlError as error:
        assert error.exit in (8, 9), error
    assert os.listdir(outside) == [], os.listdir(outside)


@test
def damaged_database_is_named_and_left_alone(net):
    one = net.daemon('one')
    one.share(net.make_file('notes.bin', MIB), wait_announce=0)
    one.stop()
    with open(one.database, 'r+b') as out:
        out.write(b'this is not a database any more')
    before = sha1_file(one.database)
    result = one.cli('daemon', '--port', '0', '--bind', one.address)
    assert result.exit == 9 or result.exit == 1, result
    assert one.database[-40:] in result.err and 'move it away' in result.err, result
    assert sha1_file(one.database) == before


@test
def bad_config_is_named_by_line(net):
    one = net.daemon('one', start=False, config={'network.prot': 1})
    result = one.cli('daemon', '--port', '0', '--bind', one.address)
    assert result.exit == 12, result
    assert 'config.ini' in result.err and 'network.port' in result.err, result


@test
def config_that_is_no_file_is_named_at_once(net):
    one = net.daemon('one', start=False)
    path = os.path.join(one.config_dir, 'config.ini')
    for make in (os.mkfifo, os.mkdir, lambda p: os.symlink('/dev/zero', p),
                 lambda p: os.symlink(p, p)):
        if os.path.isdir(path) and not os.path.islink(path):
            os.rmdir(path)
        else:
            os.unlink(path)
        make(path)
        for args, status in ((['daemon', '--port', '0', '--bind', one.address], 12),
                             (['config', 'ls'], 12), (['config', 'set', 'network.port', '5'], 9)):
            result = one.cli(*args, timeout=20 * net.slow)
            assert result.exit == status and path in result.err, (make, args, result)
