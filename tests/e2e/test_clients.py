"""aria2 and Transmission fetch from us and serve us, each program with an address of its own."""

import os
import shutil

from clients import Aria2, Transmission
from harness import test
from kadnet import sha1_file, tree_of
from lan import Lan
from torrentfile import infohash, make_info, write_torrent
from tracker import Tracker

KIB, MIB = 1 << 10, 1 << 20
NAME = 'Ordner ☃'
FOLDER = {'a.bin': MIB + 1, 'leer': 0, 'été/Ünïcödé 文件.bin': 300 * KIB, 'été/空': 0, 'été/𝄞/z': 3,
          'zuletzt': 0}


def make_folder(net):
    for path, size in FOLDER.items():
        net.make_file(f'{NAME}/{path}', size)
    return net.path('files', NAME)


def filled(tree):
    """Without the empty files, which Transmission does not make."""
    return {path: digest for path, digest in tree.items() if FOLDER[path] > 0}


def run_ours(lan, net, name, **options):
    return net.daemon(name, host=lan.host(), **options)


def torrent_of(net, path, tracker=None, length=None, **extra):
    """(file, infohash)"""
    info = {**make_info(path, length), **extra}
    outer = {'announce': tracker.url} if tracker else {}
    hash_hex = infohash(info)
    return write_torrent(net.path(f'{hash_hex}.torrent'), info, **outer), hash_hex


def magnet_of(hash_hex, tracker):
    return f'magnet:?xt=urn:btih:{hash_hex}&tr={tracker.url}'


def get_ends(run, net):
    out, err = run.communicate(timeout=60 * net.slow)
    assert run.returncode == 0, (out, err)


@test(deadline=150)
def transmission_and_aria2_fetch_from_us_by_torrent_and_by_magnet_link(net):
    lan = Lan()
    seed = run_ours(lan, net, 'seed')
    folder, file = make_folder(net), net.make_file('notes.bin', MIB + 777)
    for path in (folder, file):
        seed.share(path, wait_announce=0)
    with Tracker([seed.endpoint], lan.address) as tracker:
        by_torrent, _ = torrent_of(net, folder, tracker)
        by_magnet = magnet_of(torrent_of(net, file)[1], tracker)
        other = Transmission(net, lan.host(), 'transmission').start()
        hashes = [other.add(by_torrent), other.add(by_magnet)]
        aria2 = [Aria2(net, lan.host(), f'aria2-{n}').fetch(torrent)
                 for n, torrent in enumerate((by_torrent, by_magnet))]
        for one in aria2:
            one.wait()
        other.wait(*hashes)
    assert tree_of(other.path(NAME)) == filled(tree_of(folder))
    assert tree_of(aria2[0].path(NAME)) == tree_of(folder)
    for copy in (other.path('notes.bin'), aria2[1].path('notes.bin')):
        assert sha1_file(copy) == sha1_file(file), copy


@test(deadline=150)
def transmission_serves_us_several_torrents_at_a_time(net):
    """By .torrent and by magnet link; a private one; of one piece, and of pieces of many sizes. It
    shakes one hand of an address at a time, and hangs up on the others."""
    lan = Lan()
    peer = run_ours(lan, net, 'peer')
    folder = make_folder(net)
    files = [(net.make_file('small', 300 * KIB), 16 * KIB, {}), (net.make_file('one', 5), 64 * KIB, {}),
             (net.make_file('private', 200 * KIB), 32 * KIB, {'private': 1, 'x_unknown': [1, 'y']}),
             (net.make_file('wide', MIB), 16 * MIB, {})]
    other = Transmission(net, lan.host(), 'transmission')
    shutil.copytree(folder, other.path(NAME))
    for path, _, _ in files:
        shutil.copy(path, other.folder)
    torrents = [torrent_of(net, folder)]
    torrents += [torrent_of(net, path, length=length, **extra) for path, length, extra in files]
    other.start()
    other.wait(*[other.add(torrent) for torrent, _ in torrents])
    wanted = [torrent for torrent, _ in torrents[:-1]]
    wanted.append(f'magnet:?xt=urn:btih:{torrents[-1][1]}')
    runs = [peer.cli_start('get', one, '--from', other.endpoint) for one in wanted]
    for run in runs:
        get_ends(run, net)
    got = tree_of(peer.downloads)
    assert {path: digest for path, digest in got.items() if not path.startswith(NAME)} == \
        {os.path.basename(path): sha1_file(path) for path, _, _ in files}
    assert tree_of(os.path.join(peer.downloads, NAME)) == tree_of(folder)


@test(deadline=150)
def aria2_serves_us_a_folder_by_magnet_link(net):
    lan = Lan()
    peer = run_ours(lan, net, 'peer')
    folder = make_folder(net)
    other = Aria2(net, lan.host(), 'aria2')
    shutil.copytree(folder, other.path(NAME))
    with Tracker([], lan.address) as tracker:
        torrent, hash_hex = torrent_of(net, folder, tracker, 32 * KIB)
        other.seed(torrent)
        tracker.wait_announce(lambda asked: asked.get('left') == '0', 60 * net.slow)
        peer.ok('get', magnet_of(hash_hex, tracker), '--from', other.endpoint)
    assert tree_of(os.path.join(peer.downloads, NAME)) == tree_of(folder)


@test(deadline=150)
def three_seeds_and_five_fetchers_of_three_programs_all_complete(net):
    lan = Lan()
    path = net.make_file('notes.bin', 6 * MIB + 777)
    ours = run_ours(lan, net, 'seed')
    ours.share(path, wait_announce=0, piece_size=64 * KIB)
    with Tracker([ours.endpoint], lan.address, introduce=True) as tracker:
        torrent, hash_hex = torrent_of(net, path, tracker, 64 * KIB)
        seeds = [Aria2(net, lan.host(), 'aria2-seed'), Transmission(net, lan.host(), 'tr-seed')]
        for seed in seeds:
            shutil.copy(path, seed.folder)
        seeds[0].seed(torrent)
        seeds[1].start().add(torrent)
        for seed in seeds:
            tracker.wait_announce(lambda asked, end=seed.endpoint:
                                  asked['from'] == end and asked['left'] == '0', 60 * net.slow)

        peers = [run_ours(lan, net, name, bootstrap=[ours]) for name in ('one', 'two')]
        runs = [peer.cli_start('get', torrent, *(f'--from={seed.endpoint}' for seed in seeds))
                for peer in peers]
        aria2 = Aria2(net, lan.host(), 'aria2').fetch(torrent)
        others = [Transmission(net, lan.host(), f'tr-{n}').start() for n in (1, 2)]
        for other in others:
            other.add(torrent)
        for run in runs:
            get_ends(run, net)
        aria2.wait()
        for other in others:
            other.wait(hash_hex)
    copies = [os.path.join(peer.downloads, 'notes.bin') for peer in peers]
    copies += [other.path('notes.bin') for other in (aria2, *others)]
    assert [sha1_file(copy) for copy in copies] == [sha1_file(path)] * 5


@test(deadline=150)
def two_that_know_only_us_and_have_half_each_complete_like_us(net):
    lan = Lan()
    path = net.make_file('notes.bin', 2 * MIB)
    peer = run_ours(lan, net, 'peer')
    aria2 = Aria2(net, lan.host(), 'aria2')
    other = Transmission(net, lan.host(), 'transmission')
    with open(path, 'rb') as source:
        first, second = source.read(MIB), source.read()
    for copy, content in ((aria2, first), (other, bytes(MIB) + second)):
        with open(copy.path('notes.bin'), 'wb') as out:
            out.write(content)
    with Tracker([peer.endpoint], lan.address) as tracker:
        torrent, hash_hex = torrent_of(net, path, tracker, 64 * KIB)
        run = peer.cli_start('get', torrent)
        other.start().add(torrent)
        aria2.seed(torrent, '--allow-overwrite=true')
        get_ends(run, net)
        other.wait(hash_hex)
        peer.wait_until(lambda: sha1_file(aria2.path('notes.bin')) == sha1_file(path), 60,
                        'all of it at aria2')
    for copy in (os.path.join(peer.downloads, 'notes.bin'), other.path('notes.bin')):
        assert sha1_file(copy) == sha1_file(path), copy


@test(deadline=150)
def a_seed_that_is_paused_and_one_that_comes_back_are_used_again(net):
    lan = Lan()
    path = net.make_file('notes.bin', 2 * MIB)
    peer = run_ours(lan, net, 'peer')
    other = Transmission(net, lan.host(), 'transmission').start(
        **{'speed-limit-up': 100, 'speed-limit-up-enabled': True})
    shutil.copy(path, other.folder)
    torrent, hash_hex = torrent_of(net, path, length=32 * KIB)
    other.wait(other.add(torrent))
    run = peer.cli_start('get', torrent, '--from', other.endpoint)

    def wait_progress():
        began = sum(t['done'] for t in peer.transfers())
        peer.wait_until(lambda: sum(t['done'] for t in peer.transfers()) > began, 60, 'going on')

    def wait_alone():
        peer.wait_until(lambda: peer.transfers()[0]['peers']['connected'] == 0, 60, 'alone')

    wait_progress()
    other.call('torrent-stop', ids=[hash_hex])
    wait_alone()
    other.call('torrent-start', ids=[hash_hex])
    wait_progress()
    other.end()
    wait_alone()
    other.start().add(torrent)  # without the limit
    get_ends(run, net)
    assert sha1_file(os.path.join(peer.downloads, 'notes.bin')) == sha1_file(path)


@test(deadline=150)
def who_requires_encryption_is_refused_and_both_sides_can_be_told_why(net):
    lan = Lan()
    peer, seed = run_ours(lan, net, 'peer'), run_ours(lan, net, 'seed')
    file = net.make_file('notes.bin', MIB)
    seed.share(file, wait_announce=0)
    with Tracker([seed.endpoint], lan.address) as tracker:
        torrent, _ = torrent_of(net, file, tracker)
        holder, strict = (Transmission(net, lan.host(), name) for name in ('holder', 'strict'))
        shutil.copy(file, holder.folder)
        holder.start('required')
        holder.wait(holder.add(torrent))
        strict.start('required').add(torrent)  # hears of our seed

        peer.ok('get', torrent, '--from', holder.endpoint, '--detach')
        peer.wait_until(lambda: 'encrypted' in peer.cli('peers', '1').err, 60, 'hung up on')
        result = peer.cli('get', torrent, '--wait', '1')
        assert result.exit == 4 and 'hung up on us' in result.err, result
        assert 'encrypted' in result.err, result

        seed.wait_until(lambda: seed.call('transfer.peers', id=1)['refused']['no_handshake'] > 0,
                        60, 'dialled by the strict one')
        assert 'encrypted' in seed.cli('peers', '1').err
        # Once it allows plain connections, the same daemons get along.
        holder.call('session-set', encryption='preferred')
        peer.ok('resume', '1')
        peer.ok('get', torrent, '--from', holder.endpoint)
    assert sha1_file(os.path.join(peer.downloads, 'notes.bin')) == sha1_file(file)


@test(deadline=120)
def what_a_careless_torrent_names_goes_to_aria2_and_comes_back(net):
    """Names that are not UTF-8, and bytes behind its end."""
    lan = Lan()
    path = net.make_file('caf\u00e9.bin', 300 * KIB)
    info = {'files': [{'length': 300 * KIB, 'path': ['caf\u00e9.bin'.encode('latin-1')]}],
            **{key: value for key, value in make_info(path).items() if key != 'length'},
            'name': 'B\u00e4nd'.encode('latin-1')}
    seed, peer = (net.daemon(name, host=lan.host()) for name in ('seed', 'peer'))
    os.mkdir(os.path.join(seed.downloads, 'B%e4nd'))
    shutil.copy(path, os.path.join(seed.downloads, 'B%e4nd', 'caf%e9.bin'))
    with Tracker([seed.endpoint], lan.address) as tracker:
        torrent = write_torrent(net.path('careless.torrent'), info, announce=tracker.url)
        with open(torrent, 'ab') as out:
            out.write(b'\r\n<!-- served by a web page -->')
        assert 'was there already' in seed.ok('get', torrent)
        other = Aria2(net, lan.host(), 'aria2')
        other.fetch(f'magnet:?xt=urn:btih:{infohash(info)}&tr={tracker.url}').wait()
        clean = write_torrent(net.path('clean.torrent'), info, announce=tracker.url)
        seed.stop()
        other.seed(clean)
        tracker.wait_announce(lambda asked: asked.get('left') == '0', 60 * net.slow)
        peer.ok('get', torrent, '--from', other.endpoint)
    assert sha1_file(os.path.join(peer.downloads, 'B%e4nd', 'caf%e9.bin')) == sha1_file(path)
