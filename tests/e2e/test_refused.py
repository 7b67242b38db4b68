"""What is refused: it leaves no trace, and is told truly."""

import os

from btpeer import dial
from harness import test
from kadnet import sha1_file

KIB = 1 << 10
PIECE = 64 * KIB


def refused(peer, *args):
    """`kadpeer get` that something is in the way of: what it says, once it is as if it had never
    been asked for."""
    answer = peer.cli('get', *args)
    assert answer.exit != 0, answer
    peer.wait_until(lambda: not peer.transfers(), 20, 'rid of what was refused')
    return answer


@test
def a_get_refused_before_anything_is_made_leaves_no_trace(net):
    _, seed, peer = net.star('seed', 'peer')
    shared = seed.share(net.make_file('notes.bin', 3 * PIECE), piece_size=PIECE)
    link, there = shared['link'], os.path.join(peer.downloads, 'notes.bin')
    with open(there, 'w', encoding='ascii') as out:
        out.write('mine')
    answer = refused(peer, link)
    assert answer.exit == 8 and 'exists and is not this file' in answer.err, answer
    assert os.listdir(peer.downloads) == ['notes.bin'] and open(there).read() == 'mine'
    # Whom nobody waits for stays to be seen, and what is asked for again gets its place.
    peer.ok('get', '-d', link)
    peer.wait_state(peer.transfers()[0]['id'], 'error')
    answer = peer.ok('get', link, '-o', 'other.bin')
    assert 'done' in answer, answer


@test
def a_torrent_of_several_files_is_no_stream_and_leaves_no_trace(net):
    seed, peer = net.daemon('seed'), net.daemon('peer')
    for name in 'a.bin', 'b.bin':
        net.make_file(f'album/{name}', PIECE)
    torrent = net.path('album.torrent')
    seed.ok('share', net.path('files', 'album'), '--out', torrent, '--no-announce')
    answer = refused(peer, torrent, '--select', '7')
    assert answer.exit == 3 and 'cannot select "7"' in answer.err, answer
    answer = refused(peer, torrent, '-o', '-')
    assert answer.exit == 2 and 'album has several files' in answer.err, answer
    assert '--select' in answer.err, answer


@test
def a_seed_that_is_full_is_not_said_to_want_encryption_alone(net):
    seed, peer = net.daemon('seed', config={'network.max_connections': 1}), net.daemon('peer')
    shared = seed.share(net.make_file('notes.bin', PIECE), wait_announce=0)
    first = dial(seed.endpoint, shared['transfer']['hash'])
    try:
        answer = peer.cli('get', shared['link'], '--wait', '2s')
    finally:
        first.close()
    assert answer.exit == 4 and 'hung up on us' in answer.err, answer
    assert 'full, without it, or encrypted only' in peer.transfers()[0]['reason'], peer.transfers()
    assert 'room for another peer' in answer.err, answer
    peer.ok('get', shared['link'])


@test
def an_altered_file_is_told_the_same_each_time_and_what_mends_it(net):
    seed, peer = net.daemon('seed'), net.daemon('peer')
    path = net.make_file('notes.bin', 4 * PIECE)
    link = seed.share(path, piece_size=PIECE, wait_announce=0)['link']
    for words in (), ('--force',):  # which held for what was there then
        done = peer.json('get', link, *words)[1][-1]
        with open(done['path'], 'r+b') as out:
            out.write(b'mine')
        for asked in ('get', link), ('get', link), ('resume', '1'), ('get', link):
            answer = peer.cli(*asked)
            assert asked[0] == 'resume' or answer.exit == 10, answer
            assert asked[0] == 'resume' or '1 of 4 pieces no longer match' in answer.err, answer
            assert asked[0] == 'resume' or 'getting it again with --force' in answer.err, answer
        assert open(done['path'], 'rb').read(4) == b'mine'
    peer.ok('get', link, '--force')
    assert sha1_file(done['path']) == sha1_file(path)
