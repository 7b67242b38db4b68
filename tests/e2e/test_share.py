"""Shares that do not go the easy way: stopped, cut, repeated, huge, or no files at all."""

import os

from harness import test
from kadnet import ControlError

MIB = 1 << 20
GIB = 1 << 30


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
