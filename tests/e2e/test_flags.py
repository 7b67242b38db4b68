"""Flags of share and get, with real daemons."""

import contextlib
import json
import os
import signal
import sqlite3

from harness import test
from kadnet import sha1_file


@test
def a_link_is_drawn_for_a_camera_on_stderr(net):
    peer = net.daemon('peer')
    path = net.make_file('notes.pdf', 5000)
    shared = peer.cli('share', '--no-announce', path, '--qr')
    rows = [line for line in shared.err.splitlines() if '█' in line]
    assert shared.exit == 0 and len(rows) > 15, shared
    assert len({len(row) for row in rows}) == 1 and 25 <= len(rows[0]) <= 80, shared.err
    assert all(row[:2] == row[-2:] == '██' for row in rows[:-1]), shared.err
    assert not set('█▀▄') & set(shared.out) and shared.out.startswith('sharing  notes.pdf'), shared
    quiet = peer.cli('-q', 'share', '--no-announce', path, '--qr')
    assert quiet.out.count('\n') == 1 and '█' in quiet.err, quiet
    as_json = peer.cli('--json', 'share', '--no-announce', path, '--qr')
    assert '█' not in as_json.err and json.loads(as_json.out)['ok'], as_json


@test
def a_link_too_long_to_draw_is_drawn_without_its_name(net):
    peer = net.daemon('peer')
    long = peer.cli('share', net.make_file('ü' * 120, 5000), '--qr', '--no-announce')
    assert long.exit == 0 and '█' in long.err, long
    assert 'with its name the link is too long for a QR code of 80 columns' in long.err, long
    narrow = peer.cli('share', net.make_file('notes.pdf', 5000), '--qr', '--no-announce',
                      env={'COLUMNS': '30'})
    assert narrow.exit == 0 and '█' not in narrow.err, narrow
    assert 'no QR code: it would be ' in narrow.err and 'there are 30' in narrow.err, narrow


# ---- share --wait-first-peer ----

def next_event(child, name):
    for line in child.stdout:
        event = json.loads(line)
        if event['event'] == name:
            return event
    raise AssertionError(f'no {name}, exit {child.wait(10)}')


@test
def share_returns_when_a_peer_has_all_of_it(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 << 20)
    child = seed.cli_start('--json', 'share', path, '--wait-first-peer')
    shared = next_event(child, 'shared')
    waiting = next_event(child, 'waiting')
    assert waiting['peers'] == 0 and waiting['text'] == 'nobody is connected', waiting
    peer.ok('get', shared['link'], '--no-seed')
    out, err = child.communicate(timeout=30 * net.slow)
    last = json.loads(out.splitlines()[-1])
    assert child.returncode == 0 and last['event'] == 'done' and last['ok'], (out, err)
    assert last['peer'].startswith(peer.address + ':'), last


@test
def a_peer_without_all_of_it_is_not_enough(net):
    _, seed, part, whole = net.star('seed', 'part', 'whole')
    for name in '1', '2':
        net.make_file(f'two/{name}', 1 << 20)
    child = seed.cli_start('--json', 'share', net.path('files', 'two'), '--wait-first-peer')
    shared = next_event(child, 'shared')
    part.fetch(shared['link'], select=[0])
    while (event := next_event(child, 'waiting'))['furthest']['have'] == 0:
        pass
    assert event['furthest']['have'] < event['furthest']['total'] and child.poll() is None, event
    whole.fetch(shared['link'])
    out, _ = child.communicate(timeout=30 * net.slow)
    assert child.returncode == 0 and whole.address in out.decode().splitlines()[-1], out


@test
def what_ends_the_waiting_does_not_end_the_share(net):
    _, seed = net.star('seed')
    path = net.make_file('notes.bin', 50_000)
    child = seed.cli_start('--json', 'share', path, '--wait-first-peer')
    next_event(child, 'waiting')
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert child.returncode == 130 and last['error']['code'] == 'interrupted', last
    assert last['error']['message'] == 'interrupted; notes.bin stays shared', last
    late = seed.cli('--timeout', '4', 'share', path, '--wait-first-peer')
    assert late.exit == 4 and 'link     magnet:' in late.out, late
    assert 'waiting until a first peer has all of it' in late.err, late
    assert 'nobody has all of notes.bin within --timeout 4; it stays shared' in late.err, late
    assert seed.transfers()[0]['state'] == 'sharing'
    child = seed.cli_start('--json', 'share', path, '--wait-first-peer')
    next_event(child, 'waiting')
    seed.ok('unshare', 'notes.bin')
    out, _ = child.communicate(timeout=20)
    assert child.returncode == 3 and json.loads(out.splitlines()[-1])['error']['code'] == 'removed'
    assert seed.cli('share', path, path, '--wait-first-peer').exit == 2


# ---- get --ratio ----

def fetch_from(net, peer, name, link, path):
    """A further daemon that fetches, and does not stay: `peer` is the only source of the next."""
    late = net.daemon(name, bootstrap=[peer])
    found = late.fetch(link.split('&')[0], **{'from': [peer.endpoint]})['path']
    assert sha1_file(found) == sha1_file(path)
    late.stop()


@test
def sharing_ends_at_the_ratio_asked_for_restarts_included(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 3 << 20)
    link = seed.share(path)['link']
    _, lines = peer.json('get', link, '--ratio', '2')
    ident = lines[-1]['id']
    seed.stop()
    fetch_from(net, peer, 'first', link, path)
    assert peer.wait_state(ident, 'sharing')['ratio'] >= 0.9
    peer.restart()
    assert peer.call('transfer.info', id=ident)['info']['ratio_limit'] == 2
    assert ', shared until 2.00' in peer.ok('info', ident)
    fetch_from(net, peer, 'second', link, path)
    assert peer.wait_state(ident, 'complete')['ratio'] >= 2
    peer.restart()
    assert peer.transfer(ident)['state'] == 'complete'
    again = peer.cli('resume', ident)
    assert again.exit == 0 and again.out == '' and 'shared as often' in again.err, again
    assert peer.json('resume', '--all')[1][-1]['changed'] == []
    assert peer.cli('pause', ident).err == f'{ident} is at rest already: complete\n'
    peer.ok('get', ident, '--ratio', '0')
    peer.wait_state(ident, 'sharing')


@test
def what_ended_on_purpose_goes_on_when_it_is_named_and_not_with_all(net):
    _, seed, peer = net.star('seed', 'peer')
    done = seed.share(net.make_file('done.bin', 1 << 20))['link']
    held = seed.share(net.make_file('held.bin', 1 << 20))['link']
    ident = peer.json('get', done, '--no-seed')[1][-1]['id']
    other = peer.add(held, paused=True)
    for _ in range(2):
        assert peer.transfer(ident)['state'] == 'complete'
        assert peer.ok('resume', '--all') == f'resumed {other}\n'
        peer.wait_state(other, 'sharing')
        assert peer.transfer(ident)['state'] == 'complete'
        peer.ok('pause', '--all')
        peer.restart()
    assert peer.ok('resume', ident) == f'resumed {ident}\n'
    peer.wait_state(ident, 'sharing')


@test
def the_last_block_is_sent_before_sharing_ends(net):
    seed = net.daemon('seed')
    path = net.make_file('notes.bin', 5 << 20)
    link = seed.share(path, wait_announce=0)['link']
    peer = net.daemon('peer', config={'transfer.ratio': '1'})
    _, lines = peer.json('get', link)
    peer.wait_state(lines[-1]['id'], 'sharing')
    seed.stop()
    fetch_from(net, peer, 'late', link, path)
    peer.wait_state(lines[-1]['id'], 'complete')


@test
def what_was_shared_never_ends_by_itself(net):
    seed = net.daemon('seed', config={'transfer.ratio': '0.5', 'transfer.seed_time': '1s'})
    path = net.make_file('notes.bin', 1 << 20)
    shared = seed.share(path, wait_announce=0)
    for name in 'one', 'two':
        fetch_from(net, seed, name, shared['link'], path)
    now = seed.transfer(shared['transfer']['id'])
    assert now['state'] == 'sharing' and now['ratio'] > 0.5, now
    assert seed.cli('get', shared['link'], '--ratio', 'much').exit == 2


# ---- get --verify-only ----

def spoil(path, offset):
    with open(path, 'r+b') as out:
        out.seek(offset)
        byte = out.read(1)
        out.seek(offset)
        out.write(bytes([byte[0] ^ 1]))


def copy_of(path, to):
    with open(path, 'rb') as source, open(to, 'wb') as out:
        out.write(source.read())
    return to


@test
def a_file_is_compared_with_a_link_and_nothing_is_fetched(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 3 << 20)
    shared = seed.share(path)
    copy = copy_of(path, net.path('copy.bin'))
    for word in shared['link'], shared['transfer']['hash'], sha1_file(path), 'notes.bin':
        good = peer.cli('get', '--verify-only', word, '-o', copy)
        assert good.exit == 0 and good.out.startswith(f'{copy}: '), good
    spoil(copy, 1 << 20)
    bad = peer.cli('get', '--verify-only', shared['link'], '-o', copy)
    assert bad.exit == 10 and 'of 12 pieces 11 match, 1 are wrong' in bad.err, bad
    assert peer.cli('get', '--verify-only', sha1_file(path), '-o', copy).exit == 10
    status, lines = peer.json('get', '--verify-only', shared['link'], 'magnet:?xt=urn:btih:1',
                              '-o', copy)
    assert status == 7 and lines[-1]['error']['exit'] == 12, lines
    assert lines[-2]['error']['pieces'] == {'good': 11, 'bad': 1, 'missing': 0}, lines
    peer.wait_until(lambda: not peer.transfers(), what='without a transfer')
    assert os.listdir(peer.downloads) == [] and seed.transfers()[0]['uploaded'] == 0
    assert peer.cli('get', '--verify-only', shared['link']).exit == 3
    assert peer.cli('get', '--verify-only', '-d', shared['link']).exit == 2


@test
def trackers_and_comment_of_a_torrent_are_edited(net):
    home, path, torrent = net.profile('home'), net.make_file('notes.bin', 1000), net.path('f.torrent')
    one, two = 'http://a.example/announce?x=1', 'udp://b.example:6969'
    made = home.ok('torrent', 'create', path, '--out', torrent, '--tracker', one)
    assert '&tr=http%3A%2F%2Fa.example' in made, made
    before = home.json('torrent', 'show', torrent)[1][0]
    assert before['trackers'] == [one]
    assert home.ok('torrent', 'edit', torrent, '--tracker', two, '--comment', 'für alle') == \
        f'edited  {torrent}\n'
    told = home.json('torrent', 'show', torrent)[1][0]
    assert told == {**before, 'trackers': [one, two], 'comment': 'für alle'}, told
    with open(torrent, 'rb') as source:
        edited = home.cli('torrent', 'edit', '-', '--rm-tracker', one, '--comment', '', stdin=source,
                          text=False).out
    other = net.path('other.torrent')
    with open(other, 'wb') as out:
        out.write(edited)
    told = home.json('torrent', 'show', other)[1][0]
    assert told == {**before, 'trackers': [two]}, told
    home.ok('torrent', 'edit', torrent, '--rm-tracker', 'all', '--out', other, '--force')
    assert home.json('torrent', 'show', other)[1][0]['trackers'] == []
    for flags, status, said in (([], 2, 'nothing to change'),
                                (['--tracker', 'a.example'], 12, 'http://, https:// or udp://'),
                                (['--tracker', 'udp:// x'], 12, 'http://, https:// or udp://'),
                                (['--rm-tracker', 'udp://c'], 3, 'names no tracker udp://c'),
                                (['--comment', 'x', '--out', other], 8, 'exists')):
        result = home.cli('torrent', 'edit', torrent, *flags)
        assert result.exit == status and said in result.err, result
    assert home.cli('torrent', 'edit', path, '--comment', 'x').exit == 12
    assert open(path, 'rb').read() == open(net.make_file('copy', 1000, seed='notes.bin'), 'rb').read()


@test
def a_torrent_file_is_compared_without_a_daemon(net):
    seed, home = net.daemon('seed'), net.profile('home')
    path, torrent = net.make_file('notes.bin', 1 << 20), net.path('f.torrent')
    seed.ok('share', path, '--out', torrent, '--no-announce')
    assert home.ok('get', '--verify-only', torrent, '-o', path) == f'{path}: all 4 pieces match\n'
    missing = home.cli('get', '--verify-only', torrent)
    assert missing.exit == 3 and os.path.join(home.downloads, 'notes.bin') in missing.err, missing


@test
def a_transfer_that_is_there_stays_as_it_is(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 1 << 20)
    link = seed.share(path)['link']
    done = peer.fetch(link)
    before = peer.transfers()
    assert peer.ok('get', '--verify-only', link) == f"{done['path']}: all 4 pieces match\n"
    spoil(done['path'], 5)
    assert peer.cli('get', '--verify-only', link).exit == 10
    assert [t['id'] for t in peer.transfers()] == [t['id'] for t in before]


@test
def what_only_looks_for_pieces_leaves_no_transfer(net):
    _, peer = net.star('peer')
    ghost = 'f' * 40
    missing = peer.cli('get', '--verify-only', ghost, '--wait', '1')
    assert missing.exit == 3 and 'no source for ffff' in missing.err, missing
    peer.wait_until(lambda: not peer.transfers(), what='without a transfer')
    child = peer.cli_start('--json', 'get', '--verify-only', ghost)
    next_event(child, 'searching')
    child.kill()
    child.wait(10)
    peer.wait_until(lambda: not peer.transfers(), what='without a transfer')
    child = peer.cli_start('--json', 'get', '--verify-only', ghost)
    next_event(child, 'searching')
    peer.kill9()
    assert child.wait(20) == 5
    peer.start(port=peer.port)
    peer.wait_until(lambda: not peer.transfers(), what='without a transfer')


@test
def what_is_looked_at_can_be_fetched_meanwhile(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 1 << 20)
    link = peer.share(path)['link'].split('&')[0]
    peer.ok('unshare', 'notes.bin')
    child = peer.cli_start('--json', 'get', '--verify-only', link, '-o', path)
    next_event(child, 'searching')
    ident = peer.add(link, no_seed=True)
    seed.share(path)
    peer.call('transfer.resume', id=ident)
    assert child.wait(60 * net.slow) == 0
    found = peer.follow(ident)['path']
    assert found == os.path.join(peer.downloads, 'notes.bin') and sha1_file(found) == sha1_file(path)
    assert [t['state'] for t in peer.transfers()] == ['complete']


# ---- a SHA-1 under which something else was published ----

def publish_a_lie(daemon, path, sha1):
    """It claims that the file has that SHA-1."""
    shared = daemon.share(path)
    daemon.stop()
    with contextlib.closing(sqlite3.connect(daemon.database)) as database, database:
        database.execute('UPDATE transfers SET file_sha1 = ?', (bytes.fromhex(sha1),))
    daemon.start(port=daemon.port)
    daemon.wait_event(lambda event: event['what'] == 'published' and event['kind'] == 3
                      and event['stored'] > 1)
    return shared['transfer']['hash']


@test
def what_is_here_already_is_found_by_its_sha1(net):
    peer = net.daemon('peer')
    path = net.make_file('notes.bin', 5000)
    ident = peer.share(path, wait_announce=0)['transfer']['id']
    status, lines = peer.json('get', sha1_file(path), '--wait', '5')
    assert status == 0 and lines[-1]['id'] == ident, lines[-1]
    assert len(peer.transfers()) == 1 and os.listdir(peer.downloads) == []


@test
def what_lies_about_its_sha1_is_passed_over(net):
    _, first, second, honest, peer = net.star('first', 'second', 'honest', 'peer')
    lie, path = net.make_file('lie.bin', 300_000), net.make_file('true.bin', 400_000)
    for liar in first, second:  # two say so, which ranks higher
        wrong = publish_a_lie(liar, lie, sha1_file(path))
    status, lines = peer.json('get', sha1_file(path), '--wait', '3')
    assert status == 10, lines[-1]
    assert 'is something else: 1 fetched and thrown away' in lines[-1]['error']['message'], lines
    assert os.listdir(peer.downloads) == []
    peer.restart()
    honest.share(path)
    status, lines = peer.json('get', sha1_file(path))
    assert status == 0 and lines[-1]['path'].endswith('/true.bin'), lines[-1]
    assert sha1_file(lines[-1]['path']) == sha1_file(path)
    assert wrong not in [line.get('hash') for line in lines], 'it was fetched again'
    assert os.listdir(peer.downloads) == ['true.bin']
    fresh = net.daemon('fresh', bootstrap=[honest])
    status, lines = fresh.json('get', sha1_file(path))
    assert status == 0 and sha1_file(lines[-1]['path']) == sha1_file(path), lines[-1]
    assert len(fresh.transfers()) == 1 and os.listdir(fresh.downloads) == ['true.bin']
    # who had the lie is not asked for the SHA-1: for that, what they have would be wrong data
    fresh.wait_event('done')
    reasons = [event['reason'] for event in fresh.events if event['what'] == 'peer']
    assert reasons and 'gave wrong data' not in reasons, reasons


@test
def of_what_is_asked_for_by_the_sha1_of_one_file_nothing_is_selected(net):
    _, seed, peer = net.star('seed', 'peer')
    for name in ('a.bin', 'b.bin'):
        path = net.make_file(f'album/{name}', 300_000)
    digest = publish_a_lie(seed, net.path('files', 'album'), sha1_file(path))
    refused = peer.cli('get', sha1_file(path), '--select', 'a.bin')
    assert refused.exit == 3 and 'the SHA-1 asked for is of one of its files' in refused.err, refused
    assert 'get ID --select' in refused.err, refused
    failed = peer.transfers()[0]
    assert failed['state'] == 'error' and failed['downloaded'] == 0, failed
    again = peer.cli('get', sha1_file(path), '--select', '0')
    assert again.exit == 3 and 'the SHA-1 asked for' in again.err, again
    peer.ok('get', failed['id'], '--select', 'a.bin')  # by its infohash
    folder = os.path.join(peer.downloads, 'album')
    assert [name for name in os.listdir(folder) if name[0] != '.'] == ['a.bin']
    assert [(t['id'], t['hash']) for t in peer.transfers()] == [(failed['id'], digest)]
    other = peer.cli('get', sha1_file(path), '--select', 'b.bin')  # finds the one that is here
    assert other.exit == 3 and f"of transfer {failed['id']}, album" in other.err, other
    fresh = net.daemon('fresh', bootstrap=[seed])
    fresh.ok('get', sha1_file(path))  # all of them
    assert sorted(os.listdir(os.path.join(fresh.downloads, 'album'))) == ['a.bin', 'b.bin']
