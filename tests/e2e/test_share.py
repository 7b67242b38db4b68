"""Shares that do not go the easy way: stopped, cut, repeated, huge, or no files at all.

KADPEER_SPARSE_MIB=N is how long a sparse file is that is shared as a whole."""

import contextlib
import os

from harness import test
from kadnet import ControlError, sha1_file

MIB = 1 << 20
GIB = 1 << 30
SPARSE_MIB = int(os.environ.get('KADPEER_SPARSE_MIB', '128'))
SPARSE_S = SPARSE_MIB // 40  # of patience with a slow disk
SPARSE_FETCHED_MIB = 64 + SPARSE_MIB // 50
SPARSE_PIECE = 16 * MIB  # what 100 GiB get
MEMORY_MIB = 64            # a side, at its peak


def sparse(net, name, size):
    """A file of that many zeroes which takes no room."""
    path = net.path(name)
    with open(path, 'wb') as out:
        out.truncate(size)
    return path


def wait_hashing(call, net):
    """Until a share.add under way has told how far it is."""
    event, facts = call.next(30 * net.slow)
    assert event == 'progress' and facts['done'] < facts['size'], (event, facts)


@test
def huge_sparse_file_takes_little_memory_and_stop_says_what_ended_its_share(net):
    one = net.daemon('one')
    before = one.status()
    child = one.cli_start('share', sparse(net, 'huge', 20 * GIB))
    call = one.stream('share.add', path=sparse(net, 'other', 20 * GIB), name='other name')
    wait_hashing(call, net)
    one.wait_until(lambda: one.status()['control']['calls'] >= before['control']['calls'] + 2)
    used = one.status()['memory'] - before['memory']
    assert used < 64 * MIB or net.slow > 1, f'{used >> 20} MiB more'
    assert one.cli('stop').exit == 0
    assert one.wait_end(10 * net.slow) == 0
    _, err = child.communicate(timeout=20 * net.slow)
    assert child.returncode == 5, (child.returncode, err)
    assert b'kadpeer: the daemon is stopping\n' in err, err
    try:
        raise AssertionError(call.finish(5))
    except ControlError as error:
        assert (error.code, error.exit) == ('stopping', 5), error
    one.start(port=one.port)
    assert not one.transfers()


def peak_mib(daemon):
    with open(f'/proc/{daemon.pid}/status', encoding='ascii') as status:
        return next(int(line.split()[1]) >> 10 for line in status if line.startswith('VmHWM:'))


@test(deadline=60 + SPARSE_S)
def sparse_file_is_shared_as_a_whole_and_fetched_from_in_little_memory(net):
    seed = net.daemon('seed')
    peer = net.daemon('peer', bootstrap=[seed], config={'transfer.reserve': 0})
    path = sparse(net, 'huge', SPARSE_MIB * MIB)
    shared = seed.share(path, timeout=50 + SPARSE_S, wait_announce=0, piece_size=SPARSE_PIECE)
    hashing_mib = peak_mib(seed)
    assert shared['transfer']['size'] == SPARSE_MIB * MIB
    ident = peer.add(shared['link'], **{'from': [seed.endpoint]})
    peer.wait_until(lambda: peer.transfer(ident)['done'] >= SPARSE_FETCHED_MIB * MIB, SPARSE_S + 30)
    peer.call('transfer.pause', id=ident)
    with open(peer.transfer(ident)['path'], 'rb') as part:
        assert not any(part.read(MIB))
    net.note(f'{SPARSE_MIB} MiB: {hashing_mib} MiB to hash, {peak_mib(seed)} to serve, '
             f'{peak_mib(peer)} to fetch')
    if 'ASAN_OPTIONS' not in os.environ:
        assert max(peak_mib(seed), peak_mib(peer)) <= MEMORY_MIB, (peak_mib(seed), peak_mib(peer))


@test
def streams_under_way_are_told_that_the_daemon_stops(net):
    _, one = net.star('one')
    ident = one.add('5f' * 20)
    calls = [one.stream('transfer.follow', id=ident) for _ in range(3)]
    one.wait_until(lambda: one.status()['control']['calls'] >= 5)
    one.stop()
    for call in calls:
        try:
            raise AssertionError(call.finish(5))
        except ControlError as error:
            assert (error.code, error.exit) == ('stopping', 5), error


@test
def file_that_is_cut_or_taken_away_while_it_is_read_is_not_shared(net):
    one = net.daemon('one')
    for change in (lambda path: os.truncate(path, 5000), os.unlink):
        path = sparse(net, 'huge', 2 * GIB)
        call = one.stream('share.add', path=path)
        wait_hashing(call, net)
        change(path)
        try:
            raise AssertionError(call.finish(60 * net.slow))
        except ControlError as error:
            assert (error.code, error.exit) == ('conflict', 8), error
            assert 'huge: changed while it was being read' in error.message, error
        assert not one.transfers()


@test
def what_is_announced_already_is_shared_again_without_waiting(net):
    _, seed = net.star('seed')
    path = net.make_file('notes.bin', MIB)
    first = seed.share(path)
    assert first['announced'] >= 1, first
    again = seed.share(path, wait_announce=3600)  # a wait would outlast the test
    assert again['announced'] == first['announced'], again
    assert again['transfer']['id'] == first['transfer']['id'], again
    assert 'announced to 2 nodes' in seed.ok('share', path)


@test
def what_is_no_file_or_folder_is_refused(net):
    one = net.daemon('one')
    fifo = net.path('fifo')
    os.mkfifo(fifo)
    for path, status in ((fifo, 12), ('/dev/null', 12), ('/dev/zero', 12), (one.socket, 12),
                         (net.path('none'), 3), ('/', 12)):
        result = one.cli('share', path)
        assert result.exit == status and result.err.startswith('kadpeer: '), (path, result)
    assert not one.transfers()


@test
def pipes_and_links_in_a_folder_are_left_out_and_said(net):
    one = net.daemon('one')
    net.make_file('folder/inner', 1000)
    os.mkfifo(net.path('files', 'folder', 'fifo'))
    os.symlink('/etc/passwd', net.path('files', 'folder', 'link'))
    shared = one.share(net.path('files', 'folder'), wait_announce=0)
    assert shared['transfer']['files'] == 1, shared
    assert '1 symbolic link and 1 special file left out' in shared['note'], shared


@test
def what_cannot_be_a_torrent_is_refused_before_it_is_hashed_with_the_reason(net):
    one = net.daemon('one')
    plain, odd = net.make_file('plain', MIB), net.make_file('odd\x1b[31m', MIB)
    huge = sparse(net, 'huge', 40 * GIB)
    for name in ('a/b', '..', 'x' * 256):
        result = one.cli('share', plain, '--name', name)
        assert result.exit == 12 and f'{name}: not a name to share by' in result.err, result
    for verb in (('share',), ('torrent', 'create')):
        result = one.cli(*verb, odd)
        assert result.exit == 12 and 'odd?[31m: not a name to share by' in result.err, result
        result = one.cli(*verb, huge, '--piece-size', '16K')
        assert result.exit == 12 and '2621440 pieces' in result.err, result
    assert one.cli('torrent', 'create', '/dev/null').exit == 12
    assert one.cli('share', odd, '--name', 'even').exit == 0


# ---- the SHA-1 of a long file follows ----

LONG = 33 * MIB  # that of a shorter one is taken at once


@contextlib.contextmanager
def sharing_of_another(net, one):
    """As long as that goes on, no SHA-1 of what is shared already is taken."""
    path = net.path('endless')
    if not os.path.exists(path):
        sparse(net, 'endless', 500 * GIB)
    call = one.stream('share.add', path=path)
    with call.control:
        wait_hashing(call, net)
        yield


def wait_sha1(one, ident):
    return one.wait_event(lambda event: event['what'] == 'sha1' and event['id'] == ident,
                          60)['sha1']


def sha1_shown(one, ident):
    return one.call('transfer.info', id=ident)['info']['sha1']


@test
def long_file_is_shared_and_fetched_before_its_own_sha1_is_known(net):
    _, one, two, three = net.star('one', 'two', 'three')
    path = net.make_file('long', LONG)
    with sharing_of_another(net, one):
        shared = one.share(path)
        ident = shared['transfer']['id']
        assert shared['announced'] >= 1 and shared['sha1'] is None, shared
        assert sha1_file(two.fetch(shared['link'])['path']) == sha1_file(path)
        assert sha1_shown(one, ident) is None
    assert wait_sha1(one, ident) == sha1_shown(one, ident) == sha1_file(path)
    done = three.fetch(sha1_file(path), sha1_too=True)
    assert sha1_file(done['path']) == sha1_file(path)
    assert one.share(path)['sha1'] == sha1_file(path), 'what is known stays known'


@test
def sha1_that_a_kill_came_before_is_taken_after_the_restart(net):
    one = net.daemon('one')
    path = net.make_file('long', LONG)
    with sharing_of_another(net, one):
        ident = one.share(path, wait_announce=0)['transfer']['id']
        assert sha1_shown(one, ident) is None
        one.kill9()
    one.start()
    assert wait_sha1(one, ident) == sha1_shown(one, ident) == sha1_file(path)


@test
def long_file_that_changed_before_its_sha1_was_taken_gets_none(net):
    one = net.daemon('one')
    path = net.make_file('long', LONG)
    with sharing_of_another(net, one):
        ident = one.share(path, wait_announce=0)['transfer']['id']
        with open(path, 'r+b') as out:
            out.seek(20 * MIB)
            out.write(b'other')
    one.wait_state(ident, 'error')
    assert sha1_shown(one, ident) is None
    assert all(event['what'] != 'sha1' for event in one.events), one.events


@test
def what_is_shared_no_more_holds_up_no_other_sha1(net):
    one = net.daemon('one')
    paths = [net.make_file(f'long{n}', LONG + n) for n in range(4)]
    with sharing_of_another(net, one):
        idents = [one.share(path, wait_announce=0)['transfer']['id'] for path in paths]
        one.ok('unshare', idents[0])
        one.ok('pause', idents[1])
    for number in (2, 3):
        assert wait_sha1(one, idents[number]) == sha1_file(paths[number])
    assert sha1_shown(one, idents[1]) is None
    one.ok('resume', idents[1])
    assert wait_sha1(one, idents[1]) == sha1_file(paths[1])


@test
def sha1_is_in_the_answer_of_a_short_share_and_of_one_that_asks_for_it(net):
    one = net.daemon('one')
    short, long = net.make_file('short', 5), net.make_file('long', LONG)
    with sharing_of_another(net, one):
        assert one.share(short, wait_announce=0)['sha1'] == sha1_file(short)
        assert f'sha1     {sha1_file(long)}\n' in one.ok('share', '--no-announce', '--sha1', long)
