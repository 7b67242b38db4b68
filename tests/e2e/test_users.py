"""Users: keystores, logins, and what others find of them."""

import os
import stat

from harness import test
from kadnet import ControlError
from people import PASSWORD, log_in, make_user, refused


def keystore_of(daemon, name):
    for parent, _, names in os.walk(daemon.home):
        if f'{name}.keystore' in names:
            return os.path.join(parent, f'{name}.keystore')
    raise AssertionError(f'no keystore of {name} below {daemon.home}')


@test
def a_created_user_is_logged_in_and_found_from_elsewhere(net):
    _, one, other = net.star('one', 'other')
    user = make_user(one, 'ada')
    assert user['logged_in'] and len(user['key']) == 64, user
    assert one.call('whoami')['user']['name'] == 'ada'

    def shown():
        try:
            return other.call('user.show', name='ada', wait=5)['users']
        except ControlError as error:
            assert error.code == 'no_user', error
            return None

    found = other.wait_until(shown, what='ada found')
    assert [u['key'] for u in found] == [user['key']], found
    assert found[0]['fingerprint'] == user['fingerprint']


@test
def two_keys_with_one_name_are_told_apart(net):
    _, one, other, third = net.star('one', 'other', 'third')
    keys = {make_user(one, 'ada')['key'], make_user(other, 'Ada')['key']}

    def both():
        try:
            found = third.call('user.show', name='ada', wait=5)['users']
        except ControlError:
            return None
        return found if len(found) == 2 else None

    found = third.wait_until(both, what='both keys')
    assert {u['key'] for u in found} == keys
    one_key = sorted(keys)[0]
    only = third.call('user.show', name=f'ada#{one_key[:8]}', wait=5)['users']
    assert [u['key'] for u in only] == [one_key]
    refused('no_user', 3, lambda: third.call('user.show', name='nobody', wait=5))


@test
def wrong_passwords_are_refused_and_after_three_one_waits(net):
    one = net.daemon('one')
    make_user(one, 'ada')
    assert one.call('logout')['user']['name'] == 'ada'
    assert one.call('whoami')['user'] is None
    refused('not_logged_in', 11, lambda: one.call('logout'))
    waits = [refused('wrong_password', 11, lambda: log_in(one, 'ada', b'no')).error['wait']
             for _ in range(3)]
    assert waits[:2] == [0, 0] and waits[2] >= 1, waits
    error = refused('too_many_tries', 11, lambda: log_in(one, 'ada'))
    assert error.error['wait'] >= 1

    def tried():
        try:
            return log_in(one, 'ada')
        except ControlError as again:
            assert again.code == 'too_many_tries', again
            return None

    assert one.wait_until(tried, what='let in')['user']['name'] == 'ada'
    refused('no_user', 3, lambda: log_in(one, 'bob'))
    refused('name_taken', 8, lambda: make_user(one, 'ada'))
    for name in ('', '.hidden', 'a/b', 'a#b', 'x' * 33, 'a\nb', ' ada', 'ada '):
        refused('bad_name', 12, lambda: make_user(one, name))


@test
def a_login_lasts_over_a_restart_only_when_asked_to(net):
    one = net.daemon('one')
    make_user(one, 'ada')
    one.restart()
    assert one.call('whoami')['user'] is None
    log_in(one, 'ada', remember=True)
    one.kill9()
    one.start(port=one.port)
    assert one.call('whoami')['user']['remembered']
    one.call('logout')
    one.restart()
    assert one.call('whoami')['user'] is None


@test
def a_changed_password_is_the_only_one_that_opens(net):
    one = net.daemon('one')
    make_user(one, 'ada')
    refused('wrong_password', 11,
            lambda: one.call('user.password', name='ada', password=b'no', new=b'other'))
    one.call('user.password', name='ada', password=PASSWORD, new=b'other')
    one.call('logout')
    refused('wrong_password', 11, lambda: log_in(one, 'ada'))
    log_in(one, 'ada', b'other')
    one.call('logout')
    path = keystore_of(one, 'ada')
    os.replace(path + '.backup', path)
    refused('wrong_password', 11, lambda: log_in(one, 'ada'))


@test
def an_exported_user_is_the_same_elsewhere(net):
    one, other = net.daemon('one'), net.daemon('other')
    user = make_user(one, 'ada')
    sealed = one.call('user.export', name='ada')['file']
    assert PASSWORD not in sealed and stat.S_IMODE(os.stat(keystore_of(one, 'ada')).st_mode) == 0o600
    refused('wrong_password', 11,
            lambda: other.call('user.import', file=sealed, password=b'no'))
    refused('bad_keystore', 12,
            lambda: other.call('user.import', file=sealed[:-1], password=PASSWORD))
    refused('bad_keystore', 12,
            lambda: other.call('user.import', file=b'no keystore', password=PASSWORD))
    assert other.call('user.import', file=sealed, password=PASSWORD)['user']['key'] == user['key']
    taken = refused('name_taken', 8,
                    lambda: other.call('user.import', file=sealed, password=PASSWORD))
    assert f'"{user["name"]}"' in str(taken), taken
    assert log_in(other, 'ada')['user']['key'] == user['key']
    assert [u['name'] for u in other.call('user.list')['users']] == ['ada']


@test
def a_damaged_keystore_is_said_and_its_backup_opens(net):
    one = net.daemon('one')
    user = make_user(one, 'ada')
    one.call('group.create', name='study', wait=1)  # a second write: now there is a backup
    one.call('logout')
    path = keystore_of(one, 'ada')
    for damage in (lambda data: data[:len(data) // 2], lambda data: b'',
                   lambda data: data[:-9] + bytes([data[-9] ^ 1]) + data[-8:]):
        with open(path, 'rb') as source:
            whole = source.read()
        with open(path, 'wb') as out:
            out.write(damage(whole))
        with open(path, 'rb') as source:
            damaged = source.read()
        error = refused('damaged_keystore', 12, lambda: log_in(one, 'ada'))
        assert [u['name'] for u in one.call('user.list')['users']] == ['ada']
        assert error.error['backup'] == path + '.backup', error.error
        with open(path, 'rb') as source:
            assert source.read() == damaged, 'it was overwritten'
        with open(path, 'wb') as out:
            out.write(whole)
    with open(path, 'wb') as out:
        out.write(b'gone')
    assert log_in(one, 'ada', use_backup=True)['user']['key'] == user['key']
    with open(path + '.damaged', 'rb') as source:
        assert source.read() == b'gone'
