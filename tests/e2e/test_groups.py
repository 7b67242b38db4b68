"""Private groups with real daemons: an owner, members, an outsider and one who was removed."""

import contextlib
import os
import socket
import sqlite3

from harness import test
from kadnet import ControlError, sha1_file
from people import (PASSWORD, download, files, group, join_by_invite, log_in, make_circle,
                    make_group, make_user, members, refused, start_download, upload, wait_file)

MIB = 1 << 20


def same(net, result, path):
    assert sha1_file(result['path']) == sha1_file(path), result


@test(deadline=120.0)
def members_share_among_themselves_and_an_outsider_gets_nothing(net):
    ada, bob, eve, mallory = make_circle(net, 'study', 'ada', 'bob', 'eve') + [None]
    mallory = net.daemon('mallory', bootstrap=[ada])
    make_user(mallory, 'mallory')
    assert members(bob, 'study') == ['ada', 'bob', 'eve']
    path = net.make_file('notes.bin', 3 * MIB)
    shared = upload(ada, path, 'study')
    assert shared['group'] == 'study' and shared['link'] is None and not shared['listed'], shared
    for who in (bob, eve):
        same(net, download(who, 'study', 'notes.bin'), path)
    listed = wait_file(eve, 'study', 'notes.bin')
    assert listed['sha1'] == sha1_file(path) and listed['size'] == 3 * MIB, listed
    eve.wait_until(lambda: files(eve, 'study')['notes.bin']['holders'] == 3, what='three holders')

    # Mallory knows every public byte: the group's key, the infohash, the addresses.
    refused('no_group', 3, lambda: mallory.call('group.files', group='study'))
    ident = mallory.call('transfer.add', link=shared['hash'], dir=mallory.downloads,
                         **{'from': [ada.endpoint, bob.endpoint]})['id']
    try:
        mallory.follow(ident, timeout=8, wait=4)
        raise AssertionError('an outsider has it')
    except ControlError as error:
        assert error.code in ('no_source', 'timed_out'), error
    assert mallory.call('transfer.peers', id=ident)['peers'] == []
    for who in (ada, bob, eve, mallory):
        who.stop()


def heard(door):
    """What came before the end of the connection, however that ended."""
    try:
        return door.recv(1)
    except ConnectionResetError:
        return b''


@test
def strangers_at_the_door_hear_nothing_but_the_door_closing(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    for data in (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc' + bytes(508), b'\x16' + bytes(4000),
                 b'\x16\x03\x03\xff\xff' + bytes(100)):
        with socket.create_connection((ada.address, ada.port), timeout=20 * net.slow) as door:
            door.sendall(data)
            assert heard(door) == b'', 'it said something'
    assert members(ada, 'study') == ['ada', 'bob']


@test(deadline=150.0)
def who_is_removed_reads_and_fetches_nothing_new(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    first, second = net.make_file('first.bin', MIB), net.make_file('second.bin', MIB, seed=2)
    upload(ada, first, 'study')
    same(net, download(eve, 'study', 'first.bin'), first)
    answer = ada.call('group.remove', group='study', user='eve', wait=20, timeout=40)
    assert answer['stored'] and answer['epoch'] == 2, answer
    bob.wait_until(lambda: group(bob, 'study')['epoch'] == 2, what='on the new epoch', timeout=60)
    eve.wait_until(lambda: group(eve, 'study')['standing'] == 'removed', what='told', timeout=60)
    assert members(bob, 'study') == ['ada', 'bob']
    upload(ada, second, 'study')
    same(net, download(bob, 'study', 'second.bin'), second)
    refused('not_a_member', 11, lambda: eve.call('group.files', group='study'))
    refused('not_a_member', 11, lambda: start_download(eve, 'study', 'second.bin'))
    waiting = [t for t in eve.transfers() if t['name'] == 'first.bin'][0]
    assert waiting['state'] == 'paused' and 'not a member' in waiting['reason'], waiting
    assert os.path.exists(waiting['path'])


@test(deadline=150.0)
def a_request_by_name_is_accepted_though_the_two_never_meet(net):
    first, ada, bob = net.star('ada', 'bob')
    for daemon, name in ((ada, 'ada'), (bob, 'bob')):
        make_user(daemon, name, remember=True)
    made = make_group(ada, 'study', about='what we read')
    bob.wait_until(lambda: found(bob, 'study'), what='the group listed')
    ada.stop()
    joined = bob.call('group.join', group='study', note='it is me', wait=8, timeout=30)['group']
    assert joined['standing'] == 'applying' and joined['key'] == made['key'], joined
    refused('not_a_member', 11, lambda: bob.call('group.files', group='study'))
    bob.stop()
    ada.start(port=ada.port)
    request = ada.wait_event('group_request', timeout=60)
    assert (request['name'], request['note']) == ('bob', 'it is me'), request
    asked = ada.call('group.requests', group='study')['requests']
    assert [r['name'] for r in asked] == ['bob']
    ada.call('group.accept', group='study', user='bob')
    ada.wait_event('group_member', timeout=60)
    ada.stop()
    bob.start(port=bob.port)
    bob.wait_until(lambda: group(bob, 'study')['standing'] == 'member', what='a member',
                   timeout=60)
    assert members(bob, 'study') == ['ada', 'bob']


def found(daemon, name):
    """The listed groups of that name, as an outsider finds them."""
    call = daemon.stream('group.list', wait=5)
    with call.control:
        told = [facts['group'] for _, facts in call.notifications(20 * daemon.net.slow)]
    return [one for one in told if one['name'] == name]


@test(deadline=120.0)
def two_groups_of_one_name_are_never_chosen_from_silently(net):
    _, ada, bob, eve = net.star('ada', 'bob', 'eve')
    keys = []
    for daemon, name in ((ada, 'ada'), (bob, 'bob'), (eve, 'eve')):
        make_user(daemon, name)
    for daemon in (ada, bob):
        keys.append(make_group(daemon, 'study')['key'])
    eve.wait_until(lambda: len(found(eve, 'study')) == 2, what='both listed')
    error = refused('ambiguous', 8, lambda: eve.call('group.join', group='study', timeout=30))
    assert sorted(c['key'] for c in error.error['candidates']) == sorted(keys)
    joined = eve.call('group.join', group=f'study#{keys[1][:10]}', wait=1, timeout=30)['group']
    assert joined['key'] == keys[1]
    unlisted = make_group(ada, 'secret', unlisted=True)
    assert unlisted['listed'] is False
    assert found(eve, 'secret') == []
    refused('group_exists', 8, lambda: ada.call('group.create', name='study'))
    for name in ('', 'a/b', 'a#b', 'x' * 65, 'a\x1bb', ' study', 'study '):
        refused('bad_name', 12, lambda: ada.call('group.create', name=name))


@test(deadline=150.0)
def a_download_survives_the_death_of_the_one_who_serves_it(net):
    ada, bob, eve, tom = make_circle(net, 'study', 'ada', 'bob', 'eve', 'tom')
    path = net.make_file('film.bin', 24 * MIB)
    upload(ada, path, 'study')
    same(net, download(bob, 'study', 'film.bin'), path)
    same(net, download(eve, 'study', 'film.bin'), path)
    wait_file(tom, 'study', 'film.bin')
    ident = start_download(tom, 'study', 'film.bin')
    tom.wait_event(lambda e: e['what'] == 'piece' and e['have'] >= 3, timeout=60)
    ada.kill9()
    bob.kill9()
    result = tom.follow(ident, timeout=90)
    same(net, result, path)


@test(deadline=150.0)
def a_download_goes_on_after_a_crash_of_its_daemon(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    bob.call('logout')
    log_in(bob, 'bob', remember=True)
    path = net.make_file('film.bin', 24 * MIB)
    upload(ada, path, 'study')
    wait_file(bob, 'study', 'film.bin')
    ident = start_download(bob, 'study', 'film.bin')
    bob.wait_event(lambda e: e['what'] == 'piece' and e['have'] >= 3, timeout=60)
    had = bob.pieces(ident)
    bob.kill9()
    bob.start(port=bob.port)
    assert had <= bob.pieces(ident), 'verified pieces were lost'
    same(net, bob.follow(ident, timeout=90), path)


@test(deadline=120.0)
def logout_stops_what_is_the_groups_and_login_brings_it_back(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path, public = net.make_file('notes.bin', MIB), net.make_file('public.bin', MIB, seed=3)
    mine = upload(ada, path, 'study')
    link = ada.share(public)['link']
    wait_file(bob, 'study', 'notes.bin')
    assert ada.call('logout')['paused'] == 1
    state = ada.transfer(mine['id'])
    assert state['state'] == 'paused' and 'logged in' in state['reason'], state
    assert ada.status()['waiting'] == 1 and ada.status()['user'] is None
    same(net, bob.fetch(link), public)
    refused('not_logged_in', 11, lambda: ada.call('group.files', group='study'))
    ident = start_download(bob, 'study', 'notes.bin')
    back = log_in(ada, 'ada', PASSWORD)
    assert back['resumed'] == 1 and back['groups'] == 1, back
    same(net, bob.follow(ident, timeout=90), path)


@test(deadline=120.0)
def the_owner_hands_over_and_leaves_and_the_group_goes_on(net):
    ada, bob, eve = make_circle(net, 'study', 'ada', 'bob', 'eve')
    refused('owner_leaves', 8, lambda: ada.call('group.leave', group='study'))
    itself = refused('conflict', 8, lambda: ada.call('group.remove', group='study', user='ada'))
    assert 'handing over' in itself.message, itself
    ada.call('group.leave', group='study', transfer='bob', timeout=40)
    bob.wait_until(lambda: group(bob, 'study')['standing'] == 'owner', what='the owner', timeout=60)
    bob.wait_until(lambda: members(bob, 'study') == ['bob', 'eve'], what='ada gone', timeout=60)
    tom = net.daemon('tom', bootstrap=[bob])
    make_user(tom, 'tom')
    join_by_invite(bob, 'study', tom)
    eve.wait_until(lambda: members(eve, 'study') == ['bob', 'eve', 'tom'], what='tom seen',
                   timeout=60)


@test(deadline=120.0)
def a_member_leaves_and_what_is_unshared_leaves_the_list(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('notes.bin', MIB)
    upload(bob, path, 'study')
    wait_file(ada, 'study', 'notes.bin')
    bob.call('share.remove', group='study', file='notes.bin')
    ada.wait_until(lambda: files(ada, 'study') == {}, what='off the list', timeout=60)
    assert os.path.exists(path)
    upload(bob, path, 'study')
    wait_file(ada, 'study', 'notes.bin')
    bob.call('group.leave', group='study')
    ada.wait_until(lambda: members(ada, 'study') == ['ada'], what='bob gone', timeout=60)
    refused('no_file', 3, lambda: start_download(ada, 'study', 'notes.bin'))
    refused('bad_invite', 12, lambda: bob.call('group.join', invite='not an invite'))


def lie_about(daemon, sha1, sha256):
    """From now on it names these digests of the one thing that it shares."""
    daemon.kill9()
    with contextlib.closing(sqlite3.connect(daemon.database)) as database, database:
        changed = database.execute('UPDATE transfers SET file_sha1 = ?, sha256 = ?',
                                   (bytes.fromhex(sha1), bytes.fromhex(sha256)))
        assert changed.rowcount == 1
    daemon.start(port=daemon.port)


@test(deadline=150.0)
def a_file_with_other_digests_than_the_list_names_is_not_taken(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    ada.call('logout')
    log_in(ada, 'ada', remember=True)
    upload(ada, net.make_file('notes.bin', MIB), 'study')
    true = wait_file(bob, 'study', 'notes.bin')
    for wrong in ('sha1', 'sha256'):
        told = {named: true[named] for named in ('sha1', 'sha256')}
        told[wrong] = f'{int(true[wrong], 16) ^ 1:0{len(true[wrong])}x}'
        lie_about(ada, **told)
        bob.wait_until(lambda: told.items() <= files(bob, 'study')['notes.bin'].items(),
                       what=f'another {wrong} in the list', timeout=60)
        ident = start_download(bob, 'study', 'notes.bin')
        refused('mismatch', 10, lambda: bob.follow(ident, timeout=60))
        assert not os.path.exists(os.path.join(bob.downloads, 'notes.bin'))
        bob.call('transfer.remove', id=ident, data=True)
