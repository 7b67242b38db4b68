"""A client that is not ours: aria2 fetches from us and serves us."""

import os
import shutil
import socket

from harness import Skip, test
from kadnet import sha1_file, spawn
from torrentfile import make_info, write_torrent
from tracker import Tracker

MIB = 1 << 20


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def aria2(net, folder, torrent, port, *options):
    if not shutil.which('aria2c'):
        raise Skip('aria2c is not installed')
    os.makedirs(folder, exist_ok=True)
    log = open(net.path('aria2.log'), 'ab')
    child = spawn(['aria2c', '--no-conf', '--enable-dht=false', '--enable-dht6=false',
                   '--enable-peer-exchange=false', '--bt-enable-lpd=false', '--disable-ipv6=true',
                   '--interface=127.0.0.1', f'--listen-port={port}', '--follow-torrent=mem',
                   '--console-log-level=info', '--summary-interval=0', '--file-allocation=none',
                   f'--dir={folder}', *options, torrent],
                  env={'PATH': os.environ['PATH'], 'HOME': net.root}, stdout=log, stderr=log)
    net.children.append(child)
    return child


def torrent_for(net, path, tracker):
    return write_torrent(net.path('it.torrent'), make_info(path), announce=tracker.url)


@test
def aria2_fetches_a_file_from_us(net):
    seed = net.daemon('seed')
    path = net.make_file('notes.bin', 20 * MIB + 777)
    seed.share(path, wait_announce=0)
    with Tracker([seed.endpoint]) as tracker:
        child = aria2(net, net.path('aria2'), torrent_for(net, path, tracker), free_port(),
                      '--seed-time=0')
        assert child.wait(60 * net.slow) == 0, open(net.path('aria2.log')).read()[-4000:]
    assert sha1_file(net.path('aria2', 'notes.bin')) == sha1_file(path)
    assert seed.transfers()[0]['uploaded'] >= 20 * MIB


@test
def aria2_fetches_a_folder_by_magnet_link_from_us(net):
    seed = net.daemon('seed')
    for name in ('a', 'sub/b', 'sub/empty'):
        net.make_file(f'folder/{name}', 0 if name == 'sub/empty' else 3 * MIB)
    shared = seed.share(net.path('files', 'folder'), wait_announce=0)
    with Tracker([seed.endpoint]) as tracker:
        link = f'magnet:?xt=urn:btih:{shared["transfer"]["hash"]}&tr={tracker.url}'
        child = aria2(net, net.path('aria2'), link, free_port(), '--seed-time=0')
        assert child.wait(60 * net.slow) == 0, open(net.path('aria2.log')).read()[-4000:]
    for name in ('a', 'sub/b', 'sub/empty'):
        assert sha1_file(net.path('aria2', 'folder', name)) == \
            sha1_file(net.path('files', 'folder', name)), name


@test
def aria2_serves_a_file_to_us(net):
    _, peer = net.star('peer')
    path = net.make_file('notes.bin', 20 * MIB + 777)
    folder, port = net.path('aria2'), free_port()
    os.makedirs(folder)
    shutil.copy(path, folder)
    with Tracker() as tracker:
        torrent = torrent_for(net, path, tracker)
        child = aria2(net, folder, torrent, port, '--check-integrity=true', '--seed-ratio=0.0',
                      '--bt-seed-unverified=false')
        tracker.wait_announce(lambda asked: asked.get('left') == '0', 60 * net.slow)
        result = peer.cli('get', torrent, '--from', f'127.0.0.1:{port}')
        assert result.exit == 0, (result, open(net.path('aria2.log')).read()[-4000:])
        child.kill()
        child.wait()
    assert sha1_file(os.path.join(peer.downloads, 'notes.bin')) == sha1_file(path)
