"""Private groups among people who mean no good, and at bad moments."""

import os
import socket
import sqlite3
import stat
import threading
import time

from btpeer import handshake_bytes
from harness import test
from kadnet import sha1_file
from people import (PASSWORD, download, files, group, join_by_invite, log_in, make_circle,
                    make_group, make_user, members, refused, start_download, upload, wait_file)

MIB = 1 << 20


def same(result, path):
    assert sha1_file(result['path']) == sha1_file(path), result


def remembered(daemon, name):
    daemon.call('logout')
    log_in(daemon, name, remember=True)


# ---- lists that do not fit into a record ----

def fill(net, daemon, name, numbers):
    for number in numbers:
        path = net.make_file(f'{number:03}.bin', 10 + number)
        upload(daemon, path, name, wait_announce=0)


@test(deadline=150.0)
def a_long_list_reaches_those_who_come_when_its_owner_is_away(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    fill(net, bob, 'study', range(20))
    ada.wait_until(lambda: len(files(ada, 'study')) == 20, what='20 files', timeout=60)
    fill(net, bob, 'study', range(20, 620))
    ada.wait_until(lambda: len(files(ada, 'study')) == 620, what='620 files', timeout=60)
    assert ada.call('group.rotate', group='study', wait=20, timeout=40)['epoch'] == 2
    bob.wait_until(lambda: group(bob, 'study')['epoch'] == 2, what='on epoch 2', timeout=60)
    same(download(ada, 'study', '077.bin'), net.path('files', '077.bin'))
    bob.call('share.remove', group='study', file='078.bin')
    # … which makes a list of the new epoch that Ada has to have fetched.
    ada.wait_until(lambda: len(files(ada, 'study')) == 619, what='the new list', timeout=60)
    bob.stop()
    eve = net.daemon('eve', bootstrap=[ada])
    make_user(eve, 'eve')
    join_by_invite(ada, 'study', eve)
    eve.wait_until(lambda: len(files(eve, 'study')) == 619, what='the list, from Ada', timeout=90)
    same(download(eve, 'study', '077.bin'), net.path('files', '077.bin'))


# ---- the owner's daemon dies ----

def agree(one, other, name='study'):
    a, b = group(one, name), group(other, name)
    return a['epoch'] == b['epoch'] and members(one, name) == members(other, name)


@test(deadline=240.0)
def a_group_is_never_unreadable_whenever_its_owner_dies(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    remembered(ada, 'ada')
    ada.wait_until(lambda: group(ada, 'study')['standing'] == 'owner', what='back')
    for round in range(12):
        call = ada.stream(*[('group.rotate', ), ('group.invite', )][round % 2], group='study',
                          **({'wait': 10} if round % 2 == 0 else {}))
        time.sleep(net.rng.uniform(0, 0.4))  # the moment is drawn from the seed
        ada.kill9()
        call.control.close()
        ada.start(port=ada.port)
        ada.wait_until(lambda: ada.call('whoami')['user'], what='logged in again')
        assert group(ada, 'study')['standing'] == 'owner'
        assert members(bob, 'study') == ['ada', 'bob', 'eve']
    ada.wait_until(lambda: agree(ada, bob) and agree(ada, eve), what='of one epoch', timeout=120)
    path = net.make_file('after.bin', MIB)
    upload(ada, path, 'study')
    same(download(eve, 'study', 'after.bin'), path)


@test(deadline=150.0)
def who_is_being_removed_is_out_though_the_owner_dies_meanwhile(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    remembered(ada, 'ada')
    ada.wait_until(lambda: group(ada, 'study')['standing'] == 'owner', what='back')
    call = ada.stream('group.remove', group='study', user='eve', wait=20)
    ada.wait_until(lambda: members(ada, 'study') == ['ada', 'bob'], what='without eve')
    time.sleep(net.rng.uniform(0, 0.2))  # the moment is drawn from the seed
    ada.kill9()
    call.control.close()
    ada.start(port=ada.port)
    for who in (ada, bob):
        who.wait_until(lambda: who.call('whoami')['user'] and group(who, 'study')['epoch'] == 2 and
                       members(who, 'study') == ['ada', 'bob'], what='without eve', timeout=60)
    eve.wait_until(lambda: group(eve, 'study')['standing'] == 'removed', what='told', timeout=60)
    eve.restart()
    log_in(eve, 'eve')
    refused('not_a_member', 11, lambda: eve.call('group.files', group='study'))


@test(deadline=150.0)
def what_was_answered_is_on_disk(net):
    _, ada, bob, eve = net.star('ada', 'bob', 'eve')
    for daemon, name in ((ada, 'ada'), (bob, 'bob'), (eve, 'eve')):
        make_user(daemon, name, remember=True)
    key = make_group(ada, 'study')['key']
    for daemon in (bob, eve):
        daemon.call('group.join', group=key, wait=0, timeout=30)
    ada.wait_until(lambda: len(ada.call('group.requests')['requests']) == 2, what='two requests',
                   timeout=60)
    ada.call('group.reject', group='study', user='eve')
    ada.kill9()
    ada.start(port=ada.port)
    ada.wait_until(lambda: ada.call('whoami')['user'], what='logged in again')
    assert [r['name'] for r in ada.call('group.requests')['requests']] == ['bob']
    invite = ada.call('group.invite', group='study')['invite']
    ada.call('group.accept', group='study', all=True)
    ada.kill9()
    ada.start(port=ada.port)
    ada.wait_until(lambda: ada.call('whoami')['user'], what='logged in again')
    bob.wait_until(lambda: group(bob, key)['standing'] == 'member', what='a member', timeout=60)
    # Rejected by name, she is let in by the invite that was made before the crash.
    joined = eve.call('group.join', invite=invite, wait=40, timeout=60)['group']
    assert joined['standing'] == 'member', joined
    tom = net.daemon('tom', bootstrap=[ada])
    make_user(tom, 'tom')
    late = tom.call('group.join', invite=invite, wait=3, timeout=30)['group']
    assert late['standing'] == 'applying', 'an invite for one let two in'


# ---- in the middle of things ----

@test(deadline=200.0)
def leaving_in_the_middle_of_anything_harms_nothing(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('film.bin', 48 * MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'film.bin')
    ident = start_download(bob, 'study', 'film.bin')
    bob.wait_event(lambda e: e['what'] == 'piece', timeout=60)
    bob.call('logout')
    log_in(bob, 'bob')
    bob.wait_state(ident, 'downloading', 'searching', 'complete', 'sharing', timeout=30)
    ada.call('logout')
    log_in(ada, 'ada')
    invite = ada.call('group.invite', group='study', uses=3)['invite']
    eve = net.daemon('eve', bootstrap=[ada])
    make_user(eve, 'eve')
    for pause in (0, 0.05, 0.3):
        for method, params in (('group.create', {'name': f'g{pause}'}),
                               ('group.join', {'invite': invite}),
                               ('share.add', {'path': path, 'group': 'study'}),
                               ('group.leave', {'group': 'study'})):
            call = eve.stream(method, **params)
            time.sleep(pause)
            eve.call('logout')
            call.control.close()
            log_in(eve, 'eve')
    call = eve.stream('group.create', name='last')
    eve.restart()
    call.control.close()
    log_in(eve, 'eve')
    same(bob.follow(ident, timeout=120), path)


# ---- strangers, copies, noise ----

class Proxy:
    """Between a member and the address that others find it at; `twist` changes what passes."""

    def __init__(self, to, twist=lambda data: data):
        self.to, self.twist = to, twist
        self.first = []  # what each caller said first
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                caller, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(caller, ), daemon=True).start()

    def serve(self, caller):
        try:
            member = socket.create_connection(self.to, timeout=10)
        except OSError:
            caller.close()
            return
        back = threading.Thread(target=self.pump, args=(member, caller, lambda d: d), daemon=True)
        back.start()
        self.pump(caller, member, self.twist, self.first)

    @staticmethod
    def pump(source, sink, twist, seen=None):
        try:
            while data := source.recv(65536):
                if seen is not None:
                    seen.append(data)
                    seen = None
                sink.sendall(twist(data))
        except OSError:
            pass
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


def answered(address, data, timeout):
    """What is said to these bytes, until the door closes."""
    with socket.create_connection(address, timeout=timeout) as door:
        said = b''
        try:
            door.sendall(data)
            while more := door.recv(4096):
                said += more
        except ConnectionResetError:
            pass
        return said


@test(deadline=90.0)
def a_copied_first_message_opens_no_door_again(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    path = net.make_file('film.bin', MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'film.bin')
    proxy = Proxy((ada.address, ada.port))
    result = bob.follow(start_download(bob, 'study', 'film.bin',
                                       **{'from': [f'127.0.0.1:{proxy.port}']}), timeout=60)
    same(result, path)
    bob.wait_until(lambda: proxy.first, what='dialled through the proxy')
    hello = proxy.first[0]
    assert hello[0] == 0x16, hello[:5]
    timeout = 30 * net.slow
    assert answered((ada.address, ada.port), hello, timeout) == b'', 'the same member answered'
    for turned in (20, 60, len(hello) - 1):
        changed = bytearray(hello)
        changed[turned] ^= 1
        assert answered((eve.address, eve.port), bytes(changed), timeout) == b''
    assert members(ada, 'study') == ['ada', 'bob', 'eve']


@test(deadline=90.0)
def who_turns_bits_on_the_way_turns_nothing_else(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('film.bin', 4 * MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'film.bin')
    count = iter(range(1 << 30))

    def twist(data):
        if next(count) % 3 != 2:
            return data
        changed = bytearray(data)
        changed[len(data) // 2] ^= 4
        return bytes(changed)

    proxy = Proxy((ada.address, ada.port), twist)
    result = bob.follow(start_download(bob, 'study', 'film.bin',
                                       **{'from': [f'127.0.0.1:{proxy.port}']}), timeout=60)
    same(result, path)


@test
def bittorrent_without_the_channel_is_refused_whatever_key_it_names(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    shared = upload(ada, net.make_file('film.bin', MIB), 'study')
    wait_file(bob, 'study', 'film.bin')
    ada.drain()
    keys = {event['key'] for event in ada.events if event['what'] == 'published'}
    assert len(keys) > 3 and shared['hash'] not in keys, keys
    for key in {shared['hash'], *keys}:
        hello = handshake_bytes(key, b'-XX0000-abcdefghijkl')
        assert answered((ada.address, ada.port), hello, 30 * net.slow) == b'', key
    assert ada.call('transfer.peers', id=shared['id'])['peers'] == []


def memory_kib(daemon):
    with open(f'/proc/{daemon.pid}/status', encoding='ascii') as status:
        return int([line for line in status if line.startswith('VmRSS')][0].split()[1])


@test(deadline=120.0)
def a_flood_of_unfinished_connections_keeps_no_member_out(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('film.bin', MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'film.bin')
    before = memory_kib(ada)
    flood = []
    for number in range(200):
        door = socket.create_connection((ada.address, ada.port))
        # The beginning of a record, of a length that never comes.
        door.sendall(b'\x16\x03\x01\x3f\xff\x01' + os.urandom(number * 8))
        flood.append(door)
    same(bob.follow(start_download(bob, 'study', 'film.bin'), timeout=90), path)
    assert memory_kib(ada) - before < 64 * 1024 * net.slow, memory_kib(ada) - before
    for door in flood:
        door.close()
    for _ in range(50):  # identities that are nobody's
        assert answered((ada.address, ada.port), b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03' +
                        os.urandom(507), 30 * net.slow) == b''
    assert members(ada, 'study') == ['ada', 'bob']


# ---- people ----

@test(deadline=150.0)
def who_is_removed_loses_what_runs_and_the_others_follow_in_seconds(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    path = net.make_file('film.bin', 160 * MIB)
    shared = upload(ada, path, 'study')
    wait_file(eve, 'study', 'film.bin')
    ident = start_download(eve, 'study', 'film.bin')
    eve.wait_event(lambda e: e['what'] == 'piece', timeout=60)
    ada.call('group.remove', group='study', user='eve', wait=20, timeout=40)
    assert ada.call('transfer.peers', id=shared['id'])['peers'] == []
    begin = time.monotonic()
    bob.wait_until(lambda: group(bob, 'study')['epoch'] == 2, what='on epoch 2', timeout=60)
    net.note(f'bob followed after {time.monotonic() - begin:.1f} s')
    eve.wait_until(lambda: group(eve, 'study')['standing'] == 'removed', what='told', timeout=60)
    state = eve.transfer(ident)
    assert state['state'] in ('paused', 'complete', 'sharing'), state
    # She comes back by a new invite, with the same daemon and the same transfer.
    join_by_invite(ada, 'study', eve)
    eve.wait_until(lambda: 'film.bin' in files(eve, 'study'), what='listed again', timeout=60)
    same(eve.follow(ident, timeout=120), path)


def second_device(net, first, name, boot):
    other = net.daemon(f'{name}-2', bootstrap=[boot])
    sealed = first.call('user.export', name=name)['file']
    other.call('user.import', file=sealed, password=PASSWORD)
    log_in(other, name)
    return other


@test(deadline=200.0)
def a_user_with_two_devices_is_one_member_and_one_owner(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('notes.bin', MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'notes.bin')
    other = second_device(net, bob, 'bob', ada)
    same(download(other, 'study', 'notes.bin'), path)
    assert members(other, 'study') == ['ada', 'bob']
    again = second_device(net, ada, 'ada', ada)
    assert group(again, 'study')['standing'] == 'owner'
    for owner in (ada, again):  # both write, and end at one
        owner.call('group.rotate', group='study', wait=0, timeout=30)
    bob.wait_until(lambda: group(bob, 'study')['epoch'] >= 2, what='on a new epoch', timeout=60)
    ada.wait_until(lambda: ada.call('group.files', group='study') and
                   again.call('group.files', group='study') and
                   agree(ada, again) and agree(ada, bob), what='of one mind', timeout=120)
    more = net.make_file('more.bin', MIB)
    upload(again, more, 'study')
    same(download(bob, 'study', 'more.bin'), more)
    bob.wait_until(lambda: ada.call('group.files', group='study') and
                   set(files(bob, 'study')) == {'notes.bin', 'more.bin'},
                   what='the lists of both devices', timeout=60)


@test(deadline=120.0)
def two_users_of_one_daemon_keep_their_groups_apart(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('notes.bin', MIB)
    mine = upload(ada, path, 'study')
    refused('conflict', 8, lambda: ada.share(path))
    ada.call('logout')
    make_user(ada, 'tom')
    make_group(ada, 'chess')
    refused('no_group', 3, lambda: ada.call('group.files', group='study'))
    refused('conflict', 8, lambda: upload(ada, path, 'chess'))
    state = ada.transfer(mine['id'])
    assert state['state'] == 'paused' and state['group'] is None, state
    other = net.make_file('moves.bin', MIB)
    upload(ada, other, 'chess')
    assert set(files(ada, 'chess')) == {'moves.bin'}
    ada.call('logout')
    log_in(ada, 'ada')
    assert set(files(ada, 'study')) == {'notes.bin'}
    refused('no_group', 3, lambda: ada.call('group.files', group='chess'))
    same(download(bob, 'study', 'notes.bin'), path)
    link = bob.share(net.make_file('public.bin', MIB))['link']
    ada.fetch(link)
    refused('conflict', 8, lambda: upload(ada, net.path('ada', 'got', 'public.bin'), 'study'))


@test(deadline=120.0)
def a_digest_that_lies_ends_in_a_mismatch_and_the_right_one_is_still_found(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    path = net.make_file('notes.bin', MIB)
    upload(bob, path, 'study')
    bob.stop()
    with sqlite3.connect(bob.database) as database:
        database.execute('UPDATE transfers SET sha256 = zeroblob(32)')
    database.close()
    bob.start(port=bob.port)
    log_in(bob, 'bob')
    eve.wait_until(lambda: files(eve, 'study').get('notes.bin', {}).get('sha256') == '00' * 32,
                   what='the lie', timeout=60)
    ident = start_download(eve, 'study', 'notes.bin')
    state = eve.wait_state(ident, 'error', timeout=60)
    assert 'digest' in state['reason'], state
    assert not os.path.exists(os.path.join(eve.downloads, 'notes.bin'))
    assert files(eve, 'study')['notes.bin']['mine'] is False
    upload(ada, path, 'study')
    eve.wait_until(lambda: len(eve.call('group.files', group='study')['files']) == 2,
                   what='both entries', timeout=60)
    again = start_download(eve, 'study', 'notes.bin')
    assert again == ident
    same(eve.follow(ident, timeout=60), path)


@test(deadline=120.0)
def taking_a_file_away_while_others_fetch_it_ends_nothing_that_can_go_on(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    path = net.make_file('film.bin', 48 * MIB)
    upload(ada, path, 'study')
    same(download(bob, 'study', 'film.bin'), path)
    wait_file(eve, 'study', 'film.bin')
    ident = start_download(eve, 'study', 'film.bin')
    eve.wait_event(lambda e: e['what'] == 'piece', timeout=60)
    ada.call('share.remove', group='study', file='film.bin')
    result = eve.follow(ident, timeout=90)
    same(result, path)
    eve.call('transfer.remove', id=ident, data=True)
    eve.wait_until(lambda: not eve.transfers(), what='removed')
    assert not os.path.exists(result['path'])
    ada.wait_until(lambda: files(ada, 'study').get('film.bin', {}).get('holders') == 1,
                   what='Bob alone', timeout=60)


@test(deadline=150.0)
def invites_are_good_for_what_they_say(net):
    ada, bob = make_circle(net, 'Übung 東京 🎲', 'ada', 'bob', invite_only=True)
    name = 'Übung 東京 🎲'
    remembered(ada, 'ada')
    assert members(bob, name) == ['ada', 'bob']
    eve = net.daemon('eve', bootstrap=[ada])
    make_user(eve, 'eve')
    short = ada.call('group.invite', group=name, expires=1)['invite']
    good = ada.call('group.invite', group=name, uses=1)['invite']
    time.sleep(2.1)
    late = eve.call('group.join', invite=short, wait=4, timeout=30)['group']
    assert late['standing'] == 'applying', late
    ada.restart()
    assert bob.call('group.join', invite=good, wait=5)['group']['standing'] == 'member'
    joined = eve.call('group.join', invite=good, wait=60, timeout=90)['group']
    assert joined['standing'] == 'member', joined
    assert joined['name'] == name
    tom = net.daemon('tom', bootstrap=[ada])
    make_user(tom, 'tom')
    assert tom.call('group.join', invite=good, wait=4)['group']['standing'] == 'applying'
    letters = good[:30] + ('a' if good[30] != 'a' else 'b') + good[31:]
    refused('bad_invite', 12, lambda: tom.call('group.join', invite=letters))
    assert members(ada, name) == ['ada', 'bob', 'eve']


@test(deadline=90.0)
def members_with_ipv6_alone_share(net):
    ada = net.daemon('ada', address='::1')
    make_user(ada, 'ada')
    bob = net.daemon('bob', address='::1', bootstrap=[ada])
    make_user(bob, 'bob')
    bob.wait_nodes(1)
    make_group(ada, 'study')
    join_by_invite(ada, 'study', bob)
    path = net.make_file('notes.bin', MIB)
    upload(ada, path, 'study')
    same(download(bob, 'study', 'notes.bin'), path)


# ---- what is secret ----

@test(deadline=90.0)
def nothing_secret_is_logged_or_told_and_files_are_ours_alone(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    remembered(ada, 'ada')
    invite = ada.call('group.invite', group='study')['invite']
    upload(ada, net.make_file('notes.bin', MIB), 'study')
    download(bob, 'study', 'notes.bin')
    ada.call('group.rotate', group='study', wait=10, timeout=30)
    users = os.path.join(os.path.dirname(ada.database), 'users')
    with open(os.path.join(users, 'remembered'), 'rb') as source:
        secret = source.read()[-32:]
    assert stat.S_IMODE(os.stat(users).st_mode) == 0o700
    for file in os.listdir(users):
        assert stat.S_IMODE(os.stat(os.path.join(users, file)).st_mode) == 0o600, file
    told = [ada.ok('--json', *words) for words in
            (('ls', ), ('status', ), ('group', 'show', 'study'), ('group', 'files', 'study'),
             ('user', 'show'), ('group', 'ls', '--own'))]
    ada.drain()
    told += [str(event) for event in ada.events] + ada.log_tail(100000) + bob.log_tail(100000)
    with open(ada.database, 'rb') as source:
        told.append(source.read().decode('latin-1'))
    for text in told:
        for never in (PASSWORD.decode(), invite, secret.hex(), invite[:40]):
            assert never not in text, text[:200]
