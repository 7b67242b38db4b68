"""get -o -: a file to stdout while it is fetched."""

import hashlib
import os
import shutil
import signal
import threading

from btpeer import Seed
from harness import test
from kadnet import sha1_file, tree_of
from torrentfile import make_info

KIB, MIB = 1 << 10, 1 << 20
PIECE = 64 * KIB


def read_all(child):
    digest = hashlib.sha1()
    while data := child.stdout.read1(1 << 16):
        digest.update(data)
    return digest.hexdigest()


class Held:
    """A seed that gives no piece from number `first` on until it is let go."""

    def __init__(self, net, path, first):
        self.go = threading.Event()
        info = make_info(path, length=PIECE)
        content = open(path, 'rb').read()
        self.seed = Seed(info, content, before_block=lambda _, piece, __: (
            piece < first or self.go.wait(60 * net.slow)))
        self.link = f'magnet:?xt=urn:btih:{self.seed.hash}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.go.set()
        self.seed.close()

    @property
    def args(self):
        return ('get', self.link, '--from', self.seed.endpoint, '-o', '-')


@test
def bytes_come_in_order_before_the_last_ones_are_there(net):
    peer = net.daemon('peer')
    path = net.make_file('film.bin', 3 * MIB + 777)
    with Held(net, path, 10) as held:
        child = peer.cli_start(*held.args)
        first = child.stdout.read(10 * PIECE)
        assert first == open(path, 'rb').read(10 * PIECE)
        assert peer.transfers()[0]['state'] == 'downloading', peer.transfers()
        held.go.set()
        rest = child.stdout.read()
        assert hashlib.sha1(first + rest).hexdigest() == sha1_file(path)
        assert child.wait(60 * net.slow) == 0
        err = child.stderr.read().decode()
        assert 'done  ' in err and 'now sharing it' in err, err
    done = peer.wait_state(peer.transfers()[0]['id'], 'sharing')
    assert sha1_file(done['path']) == sha1_file(path)


@test
def who_reads_slowly_holds_up_nothing_else(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('film.bin', 12 * MIB)
    link = seed.share(path)['link']
    child = peer.cli_start('-q', 'get', link, '-o', '-', '--no-seed')
    peer.wait_event('done')  # nobody has read a byte yet
    assert peer.transfers()[0]['state'] == 'complete', peer.transfers()
    assert read_all(child) == sha1_file(path)
    assert child.wait(30 * net.slow) == 0 and child.stderr.read() == b''
    again = peer.cli('get', peer.transfers()[0]['id'], '-o', '-', text=False)  # what is there
    assert again.exit == 0 and hashlib.sha1(again.out).hexdigest() == sha1_file(path), again.err
    assert peer.call('transfer.resume', id=1)['changed'] == [1]
    peer.wait_state(1, 'sharing')
    with open(net.path('out'), 'wb') as out:
        child = peer.cli_start('get', link, '-o', '-', '--no-seed', stdout=out)
        assert child.wait(30 * net.slow) == 0
    assert peer.transfers()[0]['state'] == 'complete', peer.transfers()
    assert sha1_file(net.path('out')) == sha1_file(path)


@test
def what_lies_complete_in_the_folder_is_written_though_it_is_not_shared(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('film.bin', 2 * MIB + 5)
    link = seed.share(path)['link']
    there = os.path.join(peer.downloads, 'film.bin')
    shutil.copyfile(path, there)
    for wanted in (link, '1', link):
        result = peer.cli('get', wanted, '-o', '-', '--no-seed', text=False)
        assert result.exit == 0, result.err
        assert hashlib.sha1(result.out).hexdigest() == sha1_file(path)
        assert peer.transfers()[0]['state'] == 'complete', peer.transfers()
        peer.restart()
    os.utime(there)  # as if written to: it is read once more before anything is given
    result = peer.cli('get', '1', '-o', '-', '--no-seed', text=False)
    assert result.exit == 0 and hashlib.sha1(result.out).hexdigest() == sha1_file(path)
    os.truncate(there, MIB)
    peer.restart()
    result = peer.cli('get', '1', '-o', '-', '--no-seed', text=False)
    assert result.exit == 10 and result.out == b'', result.err


@test
def a_reader_that_goes_away_pauses_it(net):
    peer = net.daemon('peer')
    path = net.make_file('film.bin', 4 * MIB)
    with Held(net, path, 20) as held:
        child = peer.cli_start(*held.args)
        assert len(child.stdout.read(PIECE)) == PIECE
        child.stdout.close()
        status = child.wait(30 * net.slow)
        err = child.stderr.read().decode()
        assert status == 9 and 'cannot write to stdout: Broken pipe' in err, (status, err)
        ident = peer.transfers()[0]['id']
        assert f'kadpeer resume {ident}' in err, err
        assert peer.transfers()[0]['state'] == 'paused'
        child = peer.cli_start(*held.args)
        assert len(child.stdout.read(PIECE)) == PIECE
        child.send_signal(signal.SIGINT)
        assert child.wait(30 * net.slow) == 130 and peer.transfers()[0]['state'] == 'paused'


@test
def of_a_folder_one_file_has_to_be_chosen(net):
    _, seed, peer = net.star('seed', 'peer')
    files = {'a.bin': 300 * KIB, 'b.txt': 10 * KIB, 'empty': 0}
    for name, size in files.items():
        net.make_file(f'album/{name}', size)
    link = seed.share(net.path('files', 'album'), piece_size=PIECE)['link']
    several = peer.cli('get', link, '-o', '-', text=False)
    assert several.exit == 2 and b'album has several files' in several.err, several.err
    assert several.out == b'' and peer.transfers()[0]['state'] == 'error'
    again = peer.cli('get', link, '-o', '-', text=False)
    assert again.exit == 2 and os.listdir(peer.downloads) == [], again
    peer.restart()
    assert 'several files' in peer.transfers()[0]['reason'], peer.transfers()
    elsewhere = net.path('elsewhere')
    os.mkdir(elsewhere)
    peer.ok('get', link, '-o', elsewhere)
    assert tree_of(os.path.join(elsewhere, 'album')) == tree_of(net.path('files', 'album'))
    several = peer.cli('get', link, '-o', '-', text=False)
    assert several.exit == 2 and peer.transfers()[0]['state'] == 'sharing', several
    peer.ok('rm', '1')
    assert peer.cli('get', link, '-o', '-').exit == 2
    for name in files:
        one = peer.cli('get', link, '-o', '-', '--select', name, text=False)
        with open(net.path('files', 'album', name), 'rb') as source:
            assert one.exit == 0 and one.out == source.read(), (name, one.err)
    for wrong in (('--json',), ('-d',), ('--verify-only',), (link,)):
        assert peer.cli('get', link, '-o', '-', *wrong).exit == 2, wrong
    nobody = peer.cli('get', '0' * 40, '-o', '-', '--wait', '1s', text=False)
    assert nobody.exit in (3, 4) and nobody.out == b'', nobody
    assert os.listdir(peer.home).count('-') == 0


@test
def what_is_fetched_by_its_sha1_is_compared_before_it_is_written(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', MIB)
    seed.share(path)
    result = peer.cli('get', sha1_file(path), '-o', '-', text=False)
    assert result.exit == 0, result.err
    assert hashlib.sha1(result.out).hexdigest() == sha1_file(path)


@test
def what_came_later_in_the_file_is_no_reason_to_write_holes(net):
    peer = net.daemon('peer')
    path = net.make_file('film.bin', 40 * PIECE)
    info, content = make_info(path, length=PIECE), open(path, 'rb').read()
    with Seed(info, content, pieces=range(10, 40)) as part, Seed(info, content) as whole:
        link = f'magnet:?xt=urn:btih:{part.hash}'
        ident = peer.add(link, **{'from': [part.endpoint]})
        peer.wait_until(lambda: peer.transfer(ident)['pieces']['have'] == 30, what='the later part')
        reading = peer.stream('transfer.read', id=ident, offset=0)
        later = peer.call('transfer.read', id=ident, offset=20 * PIECE)
        assert later['data'] == content[20 * PIECE:20 * PIECE + len(later['data'])] != b''
        child = peer.cli_start('-q', 'get', ident, '-o', '-')
        peer.add(link, **{'from': [whole.endpoint]})
        assert read_all(child) == sha1_file(path) and child.wait(30 * net.slow) == 0
        with reading.control:
            assert reading.finish(30 * net.slow)['data'] == content[:PIECE]
