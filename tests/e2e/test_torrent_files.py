"""What others make of our .torrent files, and we of theirs."""

import os
import shutil
import subprocess
from urllib.parse import parse_qsl

from clients import need
from harness import test
from torrentfile import decode, encode, infohash, make_info, write_torrent

KIB = 1 << 10
NAME = 'Ordner ☃'
TRACKERS = ['http://tracker.example/announce?a=1&b=%20', 'udp://tracker.example:6969']


def make_folder(net):
    for path, size in {'a.bin': 300 * KIB, 'leer': 0, 'été/文件 1': 70 * KIB + 1, 'été/空': 0}.items():
        net.make_file(f'{NAME}/{path}', size)
    return net.path('files', NAME)


def said_by(*args):
    need(args[0])
    done = subprocess.run(args, stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                          env={'PATH': os.environ['PATH'], 'LANG': 'C.UTF-8', 'HOME': '/nonexistent'})
    assert done.returncode == 0, done
    return done.stdout.decode()


def raw_info(data):
    """The info dictionary as it stands in the file."""
    info = encode(decode(data)[b'info'])
    assert data.count(b'4:info' + info) == 1  # so the file was in order, and these are its bytes
    return info


def read(path):
    with open(path, 'rb') as source:
        return source.read()


def magnet_parts(link):
    return set(parse_qsl(link.strip().partition('?')[2]))


@test
def others_load_what_we_make_of_a_folder(net):
    ours = net.profile('ours')
    folder, torrent = make_folder(net), net.path('it.torrent')
    ours.ok('torrent', 'create', folder, '--out', torrent, '--comment', 'für alle', '--private',
            *(f'--tracker={url}' for url in TRACKERS))
    hash_hex = infohash(raw_info(read(torrent)))
    shown = said_by('transmission-show', torrent)
    listed = said_by('aria2c', '--no-conf', '--show-files', torrent)
    for text in (NAME, hash_hex, 'a.bin', 'été/文件 1', 'leer', 'für alle'):
        assert text in shown and text in listed, (text, shown, listed)
    assert 'Private torrent' in shown, shown
    for url in TRACKERS:
        assert url in shown and url in listed, (url, shown, listed)


@test
def we_read_what_transmission_makes_of_a_folder(net):
    """It leaves empty files out."""
    ours = net.profile('ours')
    need('transmission-create')
    folder, torrent = make_folder(net), net.path('it.torrent')
    said_by('transmission-create', '-o', torrent, '-c', 'für alle', '-s', '64', '-p',
            *(f'--tracker={url}' for url in TRACKERS), folder)
    hash_hex = infohash(raw_info(read(torrent)))
    exit_status, (told,) = ours.json('torrent', 'show', torrent)
    assert exit_status == 0 and told['hash'] == hash_hex and told['private'], told
    assert told['trackers'] == TRACKERS and told['comment'] == 'für alle', told
    assert told['piece_length'] == 64 * KIB
    assert sorted(f['path'] for f in told['files']) == ['a.bin', 'été/文件 1']
    ours.ok('torrent', 'verify', torrent, folder)
    theirs = magnet_parts(said_by('transmission-show', '--magnet', torrent))
    assert len(theirs) == 4 and theirs <= magnet_parts(ours.ok('torrent', 'link', torrent)), theirs


@test
def keys_we_do_not_know_and_padding_survive_our_daemon(net):
    """Fetched by magnet link from a daemon of ours that has it from a .torrent file."""
    boot, peer = net.star('peer')
    first, second = (net.make_file(name, size) for name, size in (('a', 30000), ('b', 50000)))
    content = read(first) + bytes(2768) + read(second)
    flat = net.path('flat')
    with open(flat, 'wb') as out:
        out.write(content)
    info = {'files': [{'length': 30000, 'path': ['a'], 'md5sum': '0' * 32},
                      {'attr': 'p', 'length': 2768, 'path': ['.pad', '2768']},
                      {'length': 50000, 'path': ['ü', 'b'], 'path.utf-8': ['ü', 'b']}],
            'name': 'padded', 'name.utf-8': 'padded', 'piece length': 32 * KIB,
            'pieces': make_info(flat, 32 * KIB)['pieces'], 'source': 'somewhere',
            'x-unknown': {'deep': [1, -2, b'\xff\x00', {}]}, 'zz': []}
    torrent = write_torrent(net.path('it.torrent'), info, announce=TRACKERS[0],
                            **{'announce-list': [TRACKERS], 'x-outer': 1, 'created by': 'somebody',
                               'url-list': ['http://web.example/'], 'creation date': 1234567890})
    around = decode(read(torrent))
    del around[b'info']
    for source, target in ((first, 'padded/a'), (second, 'padded/ü/b')):
        target = os.path.join(boot.downloads, target)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(source, target)
    boot.ok('get', torrent)
    boot.restart()
    ident = boot.transfers()[0]['id']
    assert boot.transfers()[0]['hash'] == infohash(info)
    peer.ok('get', f'magnet:?xt=urn:btih:{infohash(info)}', '--from', boot.endpoint)
    for daemon in (boot, peer):
        made = daemon.call('transfer.torrent', id=ident if daemon is boot else 1)['torrent']
        assert raw_info(made) == encode(info), daemon.name
        outer = {key: value for key, value in decode(made).items()
                 if key not in (b'info', b'kadpeer-peers')}
        assert (outer == around) == (daemon is boot), (daemon.name, outer)
        got = os.path.join(daemon.downloads, 'padded')
        assert read(os.path.join(got, 'a')) == read(first)
        assert read(os.path.join(got, 'ü', 'b')) == read(second)
        assert not os.path.exists(os.path.join(got, '.pad'))
    _, (told,) = peer.json('torrent', 'show', torrent)
    assert told['trackers'] == TRACKERS and told['hash'] == infohash(info)
    assert [f['path'] for f in told['files']] == ['a', 'ü/b']


@test
def what_a_link_or_torrent_named_stands_in_the_torrent_of_what_was_fetched(net):
    """Of a link its trackers, until a .torrent of it says more."""
    boot, peer = net.star('peer')
    path = net.make_file('notes.bin', 40_000)
    boot.ok('share', path)
    info = make_info(path, boot.call('transfer.info', id=1)['info']['piece_length'])
    link = (f'magnet:?xt=urn:btih:{infohash(info)}&tr=http%3A%2F%2Ft.example%2Fa%3Fb%3D1'
            f'&tr=udp%3A%2F%2Ft.example%3A1&x.pe={boot.endpoint}')
    peer.ok('get', link)
    peer.restart()
    got = os.path.join(peer.downloads, 'notes.bin')

    def written(name, *flags):
        peer.ok('share', got, '--out', net.path(name), *flags)
        made = decode(read(net.path(name)))
        assert infohash(encode(made[b'info'])) == infohash(info), made
        assert os.fsencode(peer.endpoint) in made[b'kadpeer-peers'], made
        return made

    first = written('first.torrent', '--comment', 'für alle')
    trackers = [b'http://t.example/a?b=1', b'udp://t.example:1']
    assert first[b'announce'] == trackers[0], first
    assert first[b'announce-list'] == [[tracker] for tracker in trackers], first
    assert first[b'comment'].decode() == 'für alle', first
    again = peer.cli('share', got, '--out', net.path('first.torrent'))
    assert again.exit == 8 and 'exists' in again.err, again
    fuller = write_torrent(net.path('fuller.torrent'), info, announce=TRACKERS[0], **{'x-outer': 1})
    peer.ok('get', fuller)
    peer.ok('get', link)  # says less
    second = written('second.torrent')
    assert second[b'announce'].decode() == TRACKERS[0] and second[b'x-outer'] == 1, second
    assert b'announce-list' not in second, second


@test
def torrent_edit_refuses_more_keys_than_it_takes(net):
    ours = net.profile('ours')
    info = make_info(net.make_file('notes.bin', 1000))
    torrent = write_torrent(net.path('it.torrent'), info, **{f'x-{n}': n for n in range(300)})
    before = read(torrent)
    result = ours.cli('torrent', 'edit', torrent, '--comment', 'new')
    assert result.exit == 12 and 'more than 256 keys' in result.err, result
    assert read(torrent) == before


@test
def what_is_known_to_trackers_alone_is_not_found_and_says_so(net):
    """By magnet link and by a private .torrent file."""
    _, peer = net.star('peer')
    info = make_info(net.make_file('notes.bin', 1000))
    link = f'magnet:?xt=urn:btih:{infohash(info)}&tr=http%3A%2F%2Ftracker.example%2Fannounce'
    private = write_torrent(net.path('private.torrent'), {**info, 'private': 1, 'name': 'other.bin'},
                            announce=TRACKERS[0])
    peer.wait_event('joined')
    for word, said in ((link, 'no source for'), (private, 'a private transfer is not searched for')):
        result = peer.cli('get', word, '--wait', '1')
        assert result.exit == 3 and said in result.err, result
        assert 'trackers are not asked' in result.err and '--from' in result.err, result


@test
def a_pipe_that_nobody_writes_to_is_no_torrent_file(net):
    peer = net.daemon('peer')
    pipe = net.path('pipe.torrent')
    os.mkfifo(pipe)
    refused = peer.cli('get', pipe)
    assert refused.exit == 12 and refused.err.startswith('kadpeer: '), refused
