"""Folders that somebody deletes files from: what is gone is fetched again, what is left is kept."""

import os

from harness import test
from kadnet import tree_of

KIB = 1 << 10
PIECE = 64 * KIB
FILES = {'a': 10, 'b': 3 * PIECE, 'c': 700, 'd/e': 2 * PIECE + 5, 'd/f': 900, 'empty': 0}


def album(net):
    """A seed's folder, fetched: the peer, the link, both folders."""
    seed, peer = net.daemon('seed'), net.daemon('peer')
    for name, size in FILES.items():
        net.make_file(f'album/{name}', size)
    path = net.path('files', 'album')
    link = seed.share(path, piece_size=PIECE, wait_announce=0)['link']
    peer.ok('get', link)
    return peer, link, path, os.path.join(peer.downloads, 'album')


def inodes(folder, *names):
    return [os.stat(os.path.join(folder, name)).st_ino for name in names]


@test
def a_folder_that_lost_files_gets_them_back_without_force(net):
    peer, link, path, there = album(net)
    for lost, asked in ((('a', 'd/e'), ('get', link)), (('b',), ('resume', '1')),
                        (tuple(FILES), ('get', link))):
        kept = [name for name in FILES if name not in lost]
        before = inodes(there, *kept)
        for name in lost:
            os.unlink(os.path.join(there, name))
        peer.wait_until(lambda: peer.cli('verify', '1').exit != 0, what='without them')
        peer.ok(*asked)
        peer.wait_state(1, 'sharing')
        assert tree_of(there) == tree_of(path) and inodes(there, *kept) == before
        assert os.listdir(peer.downloads) == ['album']
    # Nor where it is not known that it was complete.
    os.unlink(os.path.join(there, 'c'))
    peer.ok('rm', '1')
    peer.ok('get', link)
    assert tree_of(there) == tree_of(path)


@test
def what_was_altered_in_a_folder_that_lost_files_is_not_overwritten(net):
    """Also where the piece that would tell lacks the lost file's bytes."""
    peer, link, path, there = album(net)
    os.unlink(os.path.join(there, 'c'))
    peer.ok('rm', peer.transfers()[0]['id'])
    with open(os.path.join(there, 'b'), 'r+b') as out:  # a piece that is whole tells at once
        out.seek(PIECE)
        out.write(b'mine')
    refused = peer.cli('get', link)
    assert refused.exit == 8 and 'album exists and is not this file' in refused.err, refused
    peer.ok('get', link, '--force')
    assert tree_of(there) == tree_of(path)
    os.unlink(os.path.join(there, 'c'))
    peer.ok('rm', peer.transfers()[0]['id'])
    with open(os.path.join(there, 'd', 'e'), 'r+b') as out:  # beside the lost one
        out.write(b'mine')
    refused = peer.cli('get', link)
    assert refused.exit == 8 and 'e was there before and has other content' in refused.err, refused
    with open(os.path.join(peer.downloads, 'album.part', 'd', 'e'), 'rb') as kept:
        assert kept.read(4) == b'mine'
    peer.restart()
    assert peer.cli('resume', peer.transfers()[0]['id']).exit == 0
    assert peer.cli('get', link).exit == 8
    peer.ok('get', link, '--force')
    assert tree_of(there) == tree_of(path)
