"""How fast content moves, and with how many peers: kadpeer limit, get --limit, transfer.limit_lan.

All addresses of these tests are local: limits hold with transfer.limit_lan = yes. A limit is seen to
hold by the time that bytes took at least, which a slow machine only makes longer."""

import contextlib
import socket
import time

from harness import test
from people import join_by_invite, make_group, make_user, start_download, upload, wait_file

LAN = {'transfer.limit_lan': 'yes'}
MIB = 1 << 20
BURST_S = 0.25  # worth of a limit that may move at once


def assert_took(since, moved, rate):
    took = time.monotonic() - since
    assert took >= 0.9 * moved / rate - BURST_S, f'{moved} bytes in {took:.2f} s at {rate} a second'


@test
def a_download_keeps_to_its_limit(net):
    seed = net.daemon('seed')
    path = net.make_file('notes.bin', 2 * MIB)
    link = seed.share(path, wait_announce=0)['link']
    peer = net.daemon('peer', config=LAN)
    since = time.monotonic()
    status, lines = peer.json('get', link, '--limit', '1M')
    assert status == 0, lines
    assert_took(since, peer.transfers()[0]['downloaded'], MIB)
    assert peer.transfers()[0]['downloaded'] == 2 * MIB


@test
def all_uploads_keep_to_the_limit_of_all(net):
    seed = net.daemon('seed', config=LAN)
    links = [seed.share(net.make_file(name, 2 * MIB), wait_announce=0)['link']
             for name in ('one.bin', 'two.bin')]
    seed.ok('limit', '--up', '2M')
    peer = net.daemon('peer')
    since = time.monotonic()
    status, lines = peer.json('get', *links)
    assert status == 0, lines
    sent = sum(transfer['uploaded'] for transfer in seed.transfers())
    assert sent == 4 * MIB, sent
    assert_took(since, sent, 2 * MIB)


@test(deadline=120.0)
def limits_hold_among_members_of_a_group(net):
    _, alice, bob = net.star('alice', 'bob', config=LAN)
    make_user(alice, 'alice')
    make_user(bob, 'bob')
    make_group(alice, 'study')
    join_by_invite(alice, 'study', bob)
    upload(alice, net.make_file('notes.bin', 2 * MIB), 'study')
    wait_file(bob, 'study', 'notes.bin')
    since = time.monotonic()
    bob.follow(start_download(bob, 'study', 'notes.bin', down=MIB))
    assert_took(since, 2 * MIB, MIB)


@test
def a_change_holds_while_it_runs(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', 16 * MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={**LAN, 'transfer.down': '20K'})
    ident = peer.add(link)
    peer.wait_until(lambda: peer.transfer(ident)['downloaded'] > 0, what='with some of it')
    peer.ok('limit', '--down', '10K', ident)
    peer.ok('limit', '--down', '1G')
    assert peer.transfer(ident)['done'] < 16 * MIB
    peer.ok('limit', '--down', '0', ident)
    peer.wait_state(ident, 'sharing')


@test
def peers_on_the_local_network_are_limited_when_it_is_said(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', 2 * MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={'transfer.down': '1K'})
    said = peer.cli('limit')
    assert said.exit == 0 and 'peers on the local network are not limited' in said.err, said
    status, lines = peer.json('get', link, '--limit', '1K')
    assert status == 0, lines


@test
def peers_on_the_local_network_are_limited_from_now_on(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', 16 * MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={'transfer.down': '10K'})
    said = peer.cli('limit', '--lan', 'yes')
    assert said.exit == 0 and 'not limited' not in said.err, said
    ident = peer.add(link)
    peer.wait_until(lambda: peer.transfer(ident)['downloaded'] > 0, what='with some of it')
    assert peer.transfer(ident)['done'] < 16 * MIB
    assert peer.call('config.get')['values']['transfer.limit_lan'] == \
        {'value': 'yes', 'source': 'limit'}
    peer.restart()
    assert peer.json('limit')[1][0]['limit_lan'] is True
    assert peer.cli('limit', ident, '--lan', 'no').exit == 2
    assert peer.cli('limit', '--lan', 'maybe').exit == 2
    said = peer.cli('limit', '--lan', 'no')
    assert "limit --lan yes'" in said.err, said
    peer.wait_state(ident, 'sharing')
    peer.stop()
    peer.config['transfer.limit_lan'] = 'yes'
    peer.write_config()
    peer.start()
    assert peer.json('limit')[1][0]['limit_lan'] is True  # the config was changed since


@test
def a_schedule_holds_at_its_time(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', 16 * MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={**LAN, 'transfer.up': '30K'})
    in_two_days = time.strftime('%a', time.localtime(time.time() + 2 * 86400)).lower()
    peer.ok('schedule', 'add', '--down', '2K', '--peers', '3', in_two_days, '08:00-18:00')
    assert peer.json('limit')[1][0]['in_force'] == {'down': 0, 'up': 30 << 10, 'peers': 200}
    told = peer.ok('schedule', 'add', '--down', '10K', '--up', '0', '00:00-24:00')
    assert 'in force' in told and '10 KiB/s' in told and 'no limit' in told, told
    ident = peer.add(link)
    peer.wait_until(lambda: peer.transfer(ident)['downloaded'] > 0, what='with some of it')
    peer.restart()
    said = peer.json('limit')[1][0]
    assert said['in_force'] == {'down': 10 << 10, 'up': 0, 'peers': 200}, said
    assert (said['down'], said['up']) == (0, 30 << 10), said
    assert 'all together now, by the schedule' in peer.ok('limit')
    assert peer.transfer(ident)['done'] < 16 * MIB
    listed = peer.json('schedule', 'ls')[1][0]['entries']
    assert [(e['number'], e['days'], e['time'], e['in_force']) for e in listed] == \
        [(1, in_two_days, '08:00-18:00', False), (2, 'daily', '00:00-24:00', True)], listed
    peer.ok('schedule', 'rm', '2')
    peer.wait_state(ident, 'sharing')
    assert peer.cli('schedule', 'rm', '2').exit == 3
    for words in (['08:00-18:00'], ['--down', '5K', 'someday', '08:00-18:00'], ['--down', '5K', '8-18'],
                  ['--down', '5', '08:00-18:00'], ['--down', '5K', 'mon', '08:00-08:00']):
        assert peer.cli('schedule', 'add', *words).exit == 2, words
    assert peer.cli('schedule', 'rm', 'x').exit == 2


@test
def limits_survive_a_restart_and_a_changed_config_counts(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', 2 * MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={**LAN, 'transfer.up': '30K'})
    _, lines = peer.json('get', link, '--limit', '5M')
    ident = lines[-1]['id']
    status, [said] = peer.json('limit', '--down', '1.5M', '--peers', '7')
    assert status == 0 and (said['down'], said['up'], said['peers']) == (1536 << 10, 30 << 10, 7)
    status, [one] = peer.json('limit', ident, '--up', '64K')
    assert (one['down'], one['up'], one['peers']) == (5 * MIB, 64 << 10, 0), one
    assert one['all']['peers'] == 7 and one['limit_lan'] is True, one
    peer.restart()
    assert peer.json('limit', ident)[1] == [one]
    status, [said] = peer.json('limit')
    assert [item['id'] for item in said['transfers']] == [ident], said
    config = peer.call('config.get')['values']
    assert config['transfer.down'] == {'value': str(1536 << 10), 'source': 'limit'}, config
    assert config['transfer.up'] == {'value': '30K', 'source': 'file'}, config
    assert '5.0 MiB/s down, 64 KiB/s up' in peer.ok('info', ident)
    peer.stop()
    peer.config['transfer.down'] = '100K'
    peer.write_config()
    peer.start()
    status, [said] = peer.json('limit')
    assert (said['down'], said['peers']) == (100 << 10, 7), said


@test(deadline=150.0)
def a_limit_on_peers_closes_who_is_one_too_many(net):
    seed = net.daemon('seed', config={**LAN, 'transfer.up': '10K'})
    shared = seed.share(net.make_file('notes.bin', 2 * MIB), wait_announce=0)
    ident = shared['transfer']['id']
    for name in 'one', 'two', 'three':
        net.daemon(name).add(shared['link'])

    def connected():
        return seed.transfer(ident)['peers']['connected']

    seed.wait_until(lambda: connected() == 3, what='with three peers')
    seed.ok('limit', ident, '--peers', '1')
    seed.wait_until(lambda: connected() == 1, what='with one peer')
    seed.ok('limit', ident, '--peers', '0')
    seed.wait_until(lambda: connected() == 3, timeout=90, what='with all of them again')


@test
def a_dial_that_nobody_answers_makes_way_for_the_next(net):
    seed = net.daemon('seed')
    shared = seed.share(net.make_file('notes.bin', MIB), wait_announce=0)['transfer']
    with contextlib.ExitStack() as sockets:
        deaf = sockets.enter_context(socket.create_server(('127.0.0.1', 0), backlog=0))
        for _ in range(4):  # its queue of what nobody accepts is full
            filler = sockets.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(deaf.getsockname())
        peer = net.daemon('peer', config={'network.max_half_open': 1})
        ident = peer.add(shared['hash'], **{'from': ['127.0.0.1:%d' % deaf.getsockname()[1],
                                                     seed.endpoint]})
        assert peer.transfer(ident)['peers']['connected'] == 0
        peer.wait_state(ident, 'sharing')


@test
def what_cannot_be_a_limit_is_refused(net):
    peer = net.daemon('peer')
    for words in (['--down', '500'], ['--up', 'fast'], ['--peers', '1000000'], ['--down', '2T']):
        assert peer.cli('limit', *words).exit == 2, words
    assert peer.cli('limit', '77').exit == 3
    assert 'say 500K' in peer.cli('limit', '--down', '500').err
    assert peer.json('limit')[1][0]['down'] == 0


@test
def what_was_fetched_is_complete_after_its_time(net):
    seed = net.daemon('seed')
    link = seed.share(net.make_file('notes.bin', MIB), wait_announce=0)['link']
    peer = net.daemon('peer', config={'transfer.seed_time': '1s'})
    status, lines = peer.json('get', link)
    assert status == 0, lines
    peer.wait_state(lines[-1]['id'], 'complete')
    peer.restart()
    assert peer.transfers()[0]['state'] == 'complete'


@test(deadline=120.0)
def downloads_share_the_memory_for_their_pieces(net):
    seed = net.daemon('seed')
    links = [seed.share(net.make_file(f'file{number}.bin', 33 * MIB), wait_announce=0,
                        piece_size=8 * MIB)['link'] for number in range(3)]
    peer = net.daemon('peer', config={'transfer.memory': '40M'})
    status, lines = peer.json('get', *links, timeout=110)
    assert status == 0, lines
    status = peer.status()
    assert 16 * MIB < status['piece_memory_most'] <= 40 * MIB, status['piece_memory_most']
    assert status['piece_memory'] == 0, status['piece_memory']


@test
def what_was_sent_counts_for_the_ratio_after_a_kill(net):
    """But for the last 4 MiB, or the sixteenth part of the whole."""
    seed = net.daemon('seed')
    shared = seed.share(net.make_file('notes.bin', 12 * MIB), wait_announce=0)
    middle = net.daemon('middle')
    middle.fetch(shared['link'])
    seed.stop()
    peer = net.daemon('peer')
    ident = peer.add(shared['transfer']['hash'], **{'from': [middle.endpoint]})
    peer.wait_state(ident, 'sharing')
    middle.kill9()
    middle.start()
    counted = middle.transfers()[0]['uploaded']
    assert 8 * MIB <= counted <= 12 * MIB, counted
