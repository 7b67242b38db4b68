"""Sharing and fetching: every kind of link, many peers, files and folders."""

import os
import re
import subprocess
import time

from btpeer import Seed
from harness import test
from kadnet import ControlError, sha1_file, tree_of
from torrentfile import decode, encode, infohash, make_info, piece_length

MIB = 1 << 20


def pair(net, size=3 * MIB + 12345, name='notes.bin', **share):
    """A network of three in which `seed` shares a file: (boot, seed, peer, path, result)."""
    boot, seed, peer = net.star('seed', 'peer')
    path = net.make_file(name, size)
    return boot, seed, peer, path, seed.share(path, **share)


def get(peer, *args, **options):
    """`kadpeer --json get …`, which must work: its last object."""
    exit_status, lines = peer.json('get', *args, **options)
    assert exit_status == 0, (exit_status, lines)
    last = lines[-1]
    assert last['v'] == 1 and last['event'] == 'done' and last['ok'] is True, last
    return last


def same_file(found, wanted):
    assert sha1_file(found) == sha1_file(wanted), f'{found} is not {wanted}'


@test
def magnet_link_fetches_a_file(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 3 * MIB + 1)
    exit_status, lines = seed.json('share', path)
    assert exit_status == 0 and lines[-1]['ok'], lines
    link = lines[-1]['link']
    assert link.startswith('magnet:?xt=urn:btih:') and 'dn=notes.bin' in link
    assert f'xl={3 * MIB + 1}' in link and f'x.pe={seed.endpoint}' in link
    done = get(peer, link)
    same_file(done['path'], path)
    assert done['hash'] == infohash(make_info(path))
    assert not [n for n in os.listdir(peer.downloads) if n.endswith('.part')]
    shared = peer.wait_state(done['id'], 'sharing')
    assert shared['pieces']['have'] == shared['pieces']['total'] == 13
    assert os.stat(path).st_size == shared['size']


@test
def infohash_alone_is_enough(net):
    _, _, peer, path, shared = pair(net)
    done = get(peer, shared['transfer']['hash'])
    same_file(done['path'], path)
    assert os.path.basename(done['path']) == 'notes.bin'  # the name came with the metadata


@test
def torrent_file_is_enough(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    torrent = net.path('notes.torrent')
    seed.ok('share', path, '--out', torrent)
    info = decode(open(torrent, 'rb').read())[b'info']
    assert infohash(info) == infohash(make_info(path))
    same_file(get(peer, torrent)['path'], path)


@test
def name_is_enough_and_its_hash_is_printed(net):
    _, _, peer, path, shared = pair(net, name='Größe der Welt.txt')
    result = peer.cli('get', 'grösse  der WELT.txt')
    assert result.exit == 0, result
    assert shared['transfer']['hash'] in result.out + result.err
    same_file(os.path.join(peer.downloads, 'Größe der Welt.txt'), path)


@test
def those_who_look_for_a_sha1_do_not_hold_each_other_up(net):
    _, seed, one, other = net.star('seed', 'one', 'other')
    path = net.make_file('notes.bin', MIB)
    digits = sha1_file(path)
    waiting = [(peer, peer.add(digits, sha1_too=True)) for peer in (one, other)]
    for peer, ident in waiting:  # connected to each other, and neither knows what it is
        peer.wait_until(lambda: peer.transfer(ident)['peers']['connected'] > 0, 60, 'connected')
    seed.share(path)
    for peer, ident in waiting:
        peer.call('transfer.resume', id=ident)  # looks again now, not in its own time
        same_file(peer.follow(ident)['path'], path)


@test
def what_sha1sum_prints_is_enough(net):
    _, _, peer, path, _ = pair(net)
    digits = subprocess.run(['sha1sum', path], capture_output=True, text=True).stdout.split()[0]
    same_file(get(peer, digits)['path'], path)


@test
def sha1_of_what_is_there_already_leads_to_it(net):
    _, _, peer, path, shared = pair(net)
    first = get(peer, shared['link'])
    again = get(peer, sha1_file(path))
    assert (again['id'], again['path']) == (first['id'], first['path']), again
    assert 'was there already' in peer.ok('get', sha1_file(path))
    peer.wait_until(lambda: len(peer.transfers()) == 1, what='one transfer alone')


@test
def number_of_a_transfer_that_joined_another_leads_to_it(net):
    _, _, peer, path, shared = pair(net)
    first = get(peer, shared['link'])
    for by_text in False, True:
        joined = peer.add(sha1_file(path), sha1_too=True)
        assert joined != first['id']
        peer.wait_event(lambda event: event['what'] == 'removed' and event['id'] == joined)
        assert [t['id'] for t in peer.transfers()] == [first['id']]
        followed = peer.follow(str(joined) if by_text else joined)
        assert (followed['transfer']['id'], followed['path']) == (first['id'], first['path'])
    try:
        peer.call('transfer.remove', id=joined)
        raise AssertionError('what it joined was removed in its place')
    except ControlError as error:
        assert error.code == 'not_found', error
    peer.call('transfer.remove', id=first['id'])
    try:
        peer.follow(joined)
        raise AssertionError('it led to what is not there any more')
    except ControlError as error:
        assert error.code == 'not_found', error


@test
def name_with_two_meanings_is_a_choice_not_a_guess(net):
    _, one, other, peer = net.star('one', 'other', 'peer')
    hashes = {one.share(net.make_file('one/same.bin', MIB))['transfer']['hash'],
              other.share(net.make_file('other/same.bin', MIB + 1))['transfer']['hash']}
    exit_status, lines = peer.json('get', 'same.bin')
    assert exit_status == 8, lines
    error = lines[-1]['error']
    assert error['code'] == 'ambiguous' and {c['hash'] for c in error['candidates']} == hashes
    assert not peer.transfers()


@test
def words_of_a_name_find_it_and_an_unlisted_share_stays_unfound(net):
    _, seed, peer = net.star('seed', 'peer')
    listed = seed.share(net.make_file('Blue Whale song.ogg', MIB))['transfer']['hash']
    hidden = seed.share(net.make_file('blue whale secret.ogg', MIB), unlisted=True)
    exit_status, lines = peer.json('search', 'whale', 'blue', '--wait', '5s')
    assert exit_status == 0, lines
    assert [line['hash'] for line in lines if line.get('event') == 'result'] == [listed], lines
    nothing = peer.cli('search', 'narwhal', '--wait', '5s')
    assert re.search(r'\d+ nodes answered, none knows', nothing.out + nothing.err), nothing
    assert get(peer, hidden['link'])['hash'] == hidden['transfer']['hash']


@test
def same_content_and_name_make_one_infohash_everywhere(net):
    daemon = net.daemon('alone')
    for size in (0, 1, 256 * 1024, 256 * 1024 + 1, 5 * MIB):
        path = net.make_file(f'f{size}', size)
        wanted = make_info(path)
        assert daemon.share(path)['transfer']['hash'] == infohash(wanted), size
    assert piece_length(513 * MIB) == 512 * 1024
    path = net.make_file('bigger-pieces', 5 * MIB)
    shared = daemon.share(path, piece_size=MIB)
    assert shared['transfer']['hash'] == infohash(make_info(path, MIB))


@test
def folder_keeps_nested_unicode_and_empty_files(net):
    _, seed, peer = net.star('seed', 'peer')
    names = ['a.txt', 'leer', 'ünï/日本語/файл.bin', 'ünï/z', 'deep/er/and/deeper/x', ' space ',
             'emoji 🐋.dat', "quote'\"$(x).sh"]
    for i, name in enumerate(names):
        net.make_file(f'Bücher/{name}', 0 if name in ('leer', 'ünï/z') else 100_000 * i + 7)
    os.makedirs(net.path('files', 'Bücher', 'empty folder'))
    shared = seed.share(net.path('files', 'Bücher'))
    assert shared['transfer']['hash'] == infohash(make_info(net.path('files', 'Bücher')))
    done = get(peer, shared['link'])
    assert os.path.basename(done['path']) == 'Bücher'
    assert tree_of(done['path']) == tree_of(net.path('files', 'Bücher'))
    listed = peer.call('transfer.files', id=done['id'])['files']
    assert {f['path'] for f in listed} == set(names), listed
    assert all(f['done'] == f['size'] for f in listed)


@test
def selected_files_alone_are_fetched(net):
    _, seed, peer = net.star('seed', 'peer')
    for name in ('1', '2', '3'):
        net.make_file(f'three/{name}', 2 * MIB)
    link = seed.share(net.path('files', 'three'))['link']
    path = peer.fetch(link, select=[1])['path']
    same_file(os.path.join(path, '2'), net.path('files', 'three', '2'))
    assert set(os.listdir(path)) == {'2'}, os.listdir(path)


@test
def link_is_enough_for_two_that_know_nobody(net):
    seed, peer = net.daemon('seed'), net.daemon('peer')
    path = net.make_file('notes.bin', 2 * MIB)
    link = seed.share(path, wait_announce=1)['link']
    same_file(get(peer, link)['path'], path)


@test
def ipv6_alone_works(net):
    seed = net.daemon('seed', address='::1')
    peer = net.daemon('peer', address='::1', bootstrap=[seed])
    path = net.make_file('notes.bin', 2 * MIB)
    shared = seed.share(path)
    peer.wait_nodes(1)
    assert peer.status()['nodes']['ipv6'] >= 1
    same_file(get(peer, shared['transfer']['hash'])['path'], path)


@test
def another_name_can_be_given(net):
    _, _, peer, path, shared = pair(net)
    wanted = net.path('elsewhere.bin')
    done = get(peer, shared['link'], '-o', wanted)
    assert os.path.realpath(done['path']) == os.path.realpath(wanted)
    same_file(wanted, path)
    os.makedirs(net.path('some folder'))
    other = net.daemon('other', bootstrap=net.daemons[:1])
    get(other, shared['link'], '-o', net.path('some folder'))
    same_file(net.path('some folder', 'notes.bin'), path)


@test
def detached_get_returns_at_once_and_the_same_link_attaches(net):
    _, _, peer, path, shared = pair(net)
    exit_status, lines = peer.json('get', '-d', shared['link'])
    assert exit_status == 0, lines
    ident = lines[-1]['id']
    done = get(peer, shared['link'])
    assert done['id'] == ident and len(peer.transfers()) == 1
    same_file(done['path'], path)


@test
def no_seed_stops_when_done(net):
    _, _, peer, path, shared = pair(net)
    done = get(peer, shared['link'], '--no-seed')
    same_file(done['path'], path)
    assert peer.wait_state(done['id'], 'complete')


@test
def three_seeds_feed_one(net):
    paced = {'transfer.limit_lan': 'yes', 'transfer.up': '1M'}  # until all are there
    _, a, b, c, peer = net.star('a', 'b', 'c', 'peer', config=paced)
    path = net.make_file('big.bin', 24 * MIB)
    for seed in (a, b, c):
        link = seed.share(path)['link']
    ident = peer.add(link.split('&')[0])
    peer.wait_until(lambda: peer.transfer(ident)['peers']['connected'] == 3, what='with all three')
    for seed in (a, b, c):
        seed.ok('limit', '--up', '12M')
    same_file(peer.follow(ident)['path'], path)
    gave = [s.transfers()[0]['uploaded'] for s in (a, b, c)]
    assert all(g >= MIB for g in gave), gave
    assert sum(gave) < 1.2 * 24 * MIB, gave


@test
def partial_peers_serve_each_other(net):
    """A slow seed and three fetchers: it need not give everything three times."""
    daemons = net.star('a', 'b', 'c')
    path = net.make_file('slow.bin', 16 * MIB)
    content = open(path, 'rb').read()
    begin = time.monotonic()

    def pace(*_):  # 6 MiB/s over all connections
        due = begin + len(seed.served) * 16384 / (6 * MIB)
        time.sleep(max(0.0, due - time.monotonic()))

    with Seed(make_info(path), content, before_block=pace) as seed:
        idents = [d.add(seed.hash, **{'from': [seed.endpoint]}) for d in daemons[1:]]
        for daemon, ident in zip(daemons[1:], idents):
            same_file(daemon.follow(ident)['path'], path)
        served = len(seed.served) / (16 * MIB / 16384)
    gave = [d.transfer(i)['uploaded'] for d, i in zip(daemons[1:], idents)]
    assert served < 2.5, f'the seed had to give {served:.2f} copies'
    assert sum(gave) > 8 * MIB, gave


@test
def two_downloads_run_at_once(net):
    _, a, b, peer = net.star('a', 'b', 'peer')
    paths = [net.make_file('one.bin', 24 * MIB), net.make_file('two.bin', 24 * MIB)]
    links = [a.share(paths[0])['link'], b.share(paths[1])['link']]
    both = peer.cli_start('--json', 'get', *links)
    out, err = both.communicate(timeout=60 * net.slow)
    assert both.returncode == 0, (out, err)
    for path in paths:
        same_file(os.path.join(peer.downloads, os.path.basename(path)), path)
    pieces = [e['id'] for e in peer.events if e['what'] == 'piece']
    peer.drain(0.2)
    pieces = [e['id'] for e in peer.events if e['what'] == 'piece']
    first_last = pieces.index(pieces[-1])  # the later one began before the other had ended
    assert any(i != pieces[-1] for i in pieces[first_last:]), 'one after the other'


@test(deadline=150)
def downloads_that_nobody_has_hold_up_none_that_somebody_has(net):
    _, seed, peer = net.star('seed', 'peer', config={'transfer.active': 1})
    gone = []
    for number in range(12):
        info = make_info(net.make_file(f'gone{number}.bin', 40_000))
        gone.append(peer.call('transfer.add', torrent=encode({'info': info}))['id'])
    peer.wait_until(lambda: any(peer.transfer(ident)['state'] == 'downloading' for ident in gone),
                    what='one of them has the slot')
    paths = [net.make_file(f'notes{number}.bin', MIB) for number in range(2)]
    for ident, path in [(peer.add(seed.share(path)['link']), path) for path in paths]:
        same_file(peer.follow(ident)['path'], path)
    for ident in gone:
        reason = peer.transfer(ident)['reason']
        assert 'no peer' in reason, reason
    late = net.daemon('late', bootstrap=[seed])  # somebody comes who has one of them after all
    late.share(net.path('files', 'gone7.bin'))
    peer.call('transfer.resume', id=gone[7])
    peer.wait_state(gone[7], 'sharing')


@test
def fetched_file_is_served_on(net):
    _, seed, peer, path, shared = pair(net)
    get(peer, shared['link'])
    seed.stop()
    late = net.daemon('late', bootstrap=[peer])
    same_file(get(late, shared['transfer']['hash'])['path'], path)


@test
def pause_stops_and_resume_goes_on(net):
    _, peer = net.star('peer')
    path = net.make_file('notes.bin', 8 * MIB)
    gate = {'open': 60}

    def hold(*_):
        seed.wait_until(lambda: len(seed.served) < gate['open'], 60)

    with Seed(make_info(path), open(path, 'rb').read(), before_block=hold) as seed:
        ident = peer.add(seed.hash, **{'from': [seed.endpoint]})
        seed.wait_until(lambda: len(seed.served) >= 60, 20 * net.slow)
        peer.wait_until(lambda: peer.transfer(ident)['rate_down'] > 0, 20)
        assert peer.ok('pause', ident) == f'paused {ident}\n'
        again = peer.cli('pause', ident)
        assert (again.exit, again.out, again.err) == (0, '', f'{ident} is paused already\n'), again
        paused = peer.wait_state(ident, 'paused')
        assert paused['rate_down'] == 0 and paused['eta'] is None, paused
        gate['open'] = 1 << 30
        with seed.changed:
            seed.changed.notify_all()
        peer.wait_until(lambda: peer.transfer(ident)['peers']['sending'] == 0, 10)
        assert peer.transfer(ident)['pieces']['have'] < paused['pieces']['total']
        assert peer.ok('resume', ident) == f'resumed {ident}\n'
        same_file(peer.follow(ident)['path'], path)
        again = peer.cli('resume', ident)
        assert (again.exit, again.out) == (0, '') and 'going on already: sharing' in again.err, again
        assert peer.json('resume', ident)[1][-1]['state'] == 'sharing'


@test
def verify_finds_what_rotted_and_force_mends_it(net):
    """Rotten without a trace: the file looks as it did."""
    _, _, peer, path, shared = pair(net, size=4 * MIB)
    done = get(peer, shared['link'])
    stamp = os.stat(done['path'])
    with open(done['path'], 'r+b') as out:
        out.seek(2 * MIB + 5)
        out.write(b'rot')
    os.utime(done['path'], ns=(stamp.st_atime_ns, stamp.st_mtime_ns))
    exit_status, lines = peer.json('verify', done['id'])
    assert exit_status == 10, lines
    rotten = peer.wait_state(done['id'], 'error', 'missing_files')
    assert '1 of 16 pieces' in rotten['reason'], rotten
    peer.restart()  # it does not forget, though the file looks as it did
    peer.wait_state(done['id'], 'error', 'missing_files')
    get(peer, shared['link'], '--force')
    peer.wait_state(done['id'], 'sharing')
    same_file(done['path'], path)
    assert peer.transfer(done['id'])['downloaded'] < 6 * MIB, 'what was good was fetched again'


@test
def what_was_deleted_a_moment_ago_is_fetched_anew(net):
    _, _, peer, path, shared = pair(net)
    for flags in (), ('--no-seed',):
        done = get(peer, shared['link'], *flags)
        again = peer.cli('get', shared['link'])
        assert again.exit == 0 and 'was there already' in again.out, again
        os.unlink(done['path'])
        again = peer.cli('get', shared['link'])
        assert again.exit == 0 and 'was there already' not in again.out, again
        same_file(done['path'], path)
    os.unlink(done['path'])
    assert peer.cli('get', shared['link'], '-o', '-', text=False).out == open(path, 'rb').read()
    same_file(done['path'], path)


@test
def what_was_altered_a_moment_ago_is_noticed_and_force_mends_it(net):
    _, seed, peer, path, shared = pair(net)
    done = get(peer, shared['link'])
    os.utime(done['path'])  # right all the same
    again = peer.cli('get', shared['link'])
    assert again.exit == 0 and 'was there already, verified' in again.out, again
    for flags in (), ('--no-seed',):
        with open(done['path'], 'r+b') as out:
            out.seek(MIB + 5)
            out.write(b'rot')
        again = peer.cli('get', shared['link'], *flags)
        assert again.exit == 10 and 'done' not in again.out, again
        get(peer, shared['link'], '--force', *flags)
        same_file(done['path'], path)
        peer.ok('pause', done['id'])
    with open(path, 'r+b') as out:  # what is shared from here is fetched from nobody
        out.write(b'rot')
    again = seed.cli('get', shared['link'])
    assert again.exit == 10, again
    os.unlink(path)
    again = seed.cli('get', shared['link'])
    assert again.exit == 9 and 'not there any more' in again.err, again


@test
def unshared_file_stays_and_is_not_served(net):
    _, seed, peer, path, shared = pair(net)
    seed.ok('unshare', shared['transfer']['id'])
    assert os.path.exists(path) and not seed.transfers()
    exit_status, lines = peer.json('get', shared['link'], '--wait', '2s')
    assert exit_status in (3, 4), lines


@test
def rm_keeps_or_deletes_the_data_as_told(net):
    _, _, peer, path, shared = pair(net)
    done = get(peer, shared['link'])
    peer.ok('rm', done['id'])
    assert os.path.exists(done['path']) and not peer.transfers()
    again = get(peer, shared['link'])  # there already: verified, not fetched
    assert again['id'] != done['id'], 'a number means one transfer for ever'
    assert peer.transfer(again['id'])['downloaded'] == 0
    peer.ok('rm', again['id'], '--data', '-y')
    assert not os.path.exists(done['path'])
    assert os.listdir(peer.downloads) == []


@test
def transfer_has_many_names(net):
    _, _, peer, _, shared = pair(net)
    done = get(peer, shared['link'])
    for name in (str(done['id']), done['id'], done['hash'], done['hash'][:6], 'notes.bin'):
        assert peer.transfer(name)['id'] == done['id'], name
    for name in ('77', done['hash'][:5], 'notes', ''):
        try:
            peer.transfer(name)
            raise AssertionError(f'{name!r} named something')
        except ControlError as error:
            assert error.exit == 3, error
