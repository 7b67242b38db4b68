"""The shell: with a person at a pseudo terminal, and as a script; and users and groups typed there
and as single commands."""

import json
import os
import re
import stat
import time

from harness import test
from kadnet import make_file, sha1_file
from people import make_circle, make_group, make_user, members, wait_file
from terminal import Terminal

SECRET = 'correct horse battery'
ANY_PORT = {'KADPEER_PORT': '0'}
NOBODY = 'f' * 40


def history_of(profile):
    return os.path.join(profile.home, 's', 'kadpeer', 'shell_history')


def secret_file(profile, text=SECRET):
    path = os.path.join(profile.home, 'secret')
    with open(path, 'w', encoding='utf-8', opener=lambda p, f: os.open(p, f, 0o600)) as out:
        out.write(text + '\n')
    return path


def script(profile, *lines, args=(), **options):
    return profile.cli('shell', *args, '-c', '\n'.join(lines), **options)


# ---- users and groups as single commands ----

@test(deadline=120.0)
def the_first_minutes_of_a_private_group(net):
    _, ada, bob = net.star('ada', 'bob')
    source = net.make_file('lecture notes.pdf', 700000)
    began = time.monotonic()
    for peer, name in ((ada, 'ada'), (bob, 'bob')):
        made = peer.cli('user', 'create', name, '--password-file', secret_file(peer))
        assert made.exit == 0 and f'logged in as {name}' in made.out, made
        assert re.search(r'fingerprint  ([a-z2-7]{4} ){7}[a-z2-7]{4}\n', made.out), made
    ada.ok('group', 'create', 'study')
    invite = ada.cli('group', 'invite', 'study')
    assert re.fullmatch(r'[a-z2-7]{84,206}\n', invite.out), invite
    uploaded = ada.ok('upload', source, 'study')
    assert "fetch    kadpeer download study 'lecture notes.pdf'\n" in uploaded, uploaded
    joined = bob.ok('group', 'join', invite.out.strip())
    assert joined.startswith('member of study: 2 members'), joined
    wait_file(bob, 'study', 'lecture notes.pdf')
    assert 'lecture notes.pdf' in bob.ok('group', 'files', 'study')
    bob.ok('download', 'study', 'lecture notes.pdf', '-o', 'got/')
    took = time.monotonic() - began
    assert sha1_file(os.path.join(bob.home, 'got', 'lecture notes.pdf')) == sha1_file(source)
    listed = bob.ok('ls', '--group', 'study')
    assert re.search(r'sharing +100% .* study +lecture notes\.pdf', listed), listed
    net.note(f'user, group, invite, upload, join, download in {took:.1f} s')


@test(deadline=120.0)
def every_answer_of_users_and_groups_is_json(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    source = net.make_file('notes.pdf', 50000)
    secret = secret_file(ada)
    for args in (('user', 'ls'), ('user', 'show'), ('whoami',), ('group', 'show', 'study'),
                 ('group', 'requests'), ('group', 'requests', 'study'),
                 ('group', 'invite', 'study'), ('group', 'accept', 'study', '--all'),
                 ('group', 'rotate', 'study', '--wait', '20s'), ('group', 'ls', '--own'),
                 ('group', 'ls', '--wait', '1s'), ('upload', source, 'study'),
                 ('group', 'files', 'study'), ('ls', '--downloads'), ('ls', '--group', 'study'),
                 ('unshare', '--group', 'study', 'notes.pdf'), ('user', 'export', 'keys'),
                 ('user', 'create', 'other', '--password-file', secret), ('logout',)):
        status, said = ada.json(*args)
        assert status == 0 and said[-1]['ok'] is True and said[-1]['v'] == 1, (args, said)
    for status, args in ((11, ('group', 'show', 'study')), (11, ('logout',)),
                         (11, ('login', 'ada', '--password-file', secret)),
                         (3, ('login', 'nobody', '--password-file', secret)),
                         (8, ('user', 'create', 'other', '--password-file', secret)),
                         (2, ('login', 'ada')), (9, ('user', 'import', '/')),
                         (3, ('user', 'import', 'missing'))):
        got, said = ada.json(*args)
        assert got == status and said[-1]['ok'] is False, (args, got, said)
        assert said[-1]['error']['exit'] == status and said[-1]['error']['message'], said


@test
def without_a_login_groups_are_refused_with_a_hint(net):
    peer = net.daemon('peer')
    result = peer.cli('group', 'files', 'study')
    assert result.exit == 11, result
    assert result.err.startswith('kadpeer: ') and 'nobody is logged in' in result.err, result
    assert 'hint: kadpeer login NAME\n' in result.err, result


@test(deadline=120.0)
def keys_travel_to_another_profile(net):
    _, one, other = net.star('one', 'other')
    secret = secret_file(one)
    one.ok('user', 'create', 'ada', '--password-file', secret)
    path = os.path.join(net.root, 'ada.keys')
    one.ok('user', 'export', path)
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    assert one.cli('user', 'export', path).exit == 8
    other.ok('user', 'import', path, '--password-file', secret)
    other.ok('login', 'ada', '--password-file', secret)
    assert one.ok('whoami') == other.ok('whoami')
    new = os.path.join(net.root, 'new')
    with open(new, 'w', encoding='utf-8') as out:
        out.write('another password\n')
    other.ok('user', 'passwd', '--password-file', secret, '--new-password-file', new)
    refused = other.cli('login', 'ada', '--password-file', secret)
    assert refused.exit == 11 and 'wrong password' in refused.err, refused
    other.ok('login', 'ada', '--password-file', new)


# ---- passwords on a terminal ----

@test
def a_password_is_asked_for_twice_and_never_shown(net):
    peer = net.daemon('peer')
    with Terminal(peer, 'user', 'create', 'ada') as terminal:
        terminal.expect('new password of ada: ')
        terminal.type(SECRET + '\r')
        terminal.expect('the same again: ')
        terminal.type(SECRET + '\r')
        assert terminal.end() == 0, terminal.all
        assert SECRET.encode() not in terminal.all and b'logged in as ada' in terminal.all
    with Terminal(peer, 'user', 'create', 'bob') as terminal:
        terminal.expect('new password of bob: ')
        terminal.type('one password\r')
        terminal.expect('the same again: ')
        terminal.type('two password\r')
        assert terminal.end() == 2 and b'are not the same' in terminal.all, terminal.all
    with Terminal(peer, 'user', 'create', 'bob') as terminal:
        terminal.expect('new password of bob: ')
        terminal.type('\r')
        assert terminal.end() == 2 and b'the password is empty' in terminal.all, terminal.all


@test
def who_mistypes_is_asked_again_and_ctrl_c_leaves(net):
    peer = net.daemon('peer')
    peer.ok('user', 'create', 'ada', '--password-file', secret_file(peer))
    peer.ok('logout')
    with Terminal(peer, 'login', 'ada') as terminal:
        terminal.expect('password of ada: ')
        terminal.type('wrong\r')
        terminal.expect('wrong password')
        terminal.expect('password of ada: ')
        terminal.type(SECRET + '\r')
        assert terminal.end() == 0 and b'logged in as ada' in terminal.all, terminal.all
    with Terminal(peer, 'login', 'ada') as terminal:
        terminal.expect('password of ada: ')
        terminal.type('\x03')
        assert terminal.end() == 130, terminal.all


# ---- the prompt ----

@test
def kadpeer_alone_on_a_terminal_is_the_shell(net):
    home = net.profile('home')
    with Terminal(home, autostart=True, env=ANY_PORT) as terminal:
        terminal.expect('started the kadpeer daemon')
        terminal.expect('\nkadpeer> ')
        terminal.run('create_user ada ' + SECRET.replace(' ', '-'), 'ada@kadpeer> ')
        assert b'the history leaves that line out' in terminal.all
        assert 'ada' in terminal.run('whoami', 'ada@kadpeer> ')
        terminal.run('logout', 'kadpeer> ')
        terminal.type('login ada\r')
        terminal.expect('password of ada: ')
        terminal.type(SECRET.replace(' ', '-') + '\r')
        terminal.expect('\nada@kadpeer> ')
        terminal.type('quit\r')
        assert terminal.end() == 0, terminal.all
        assert b"the daemon goes on running; 'kadpeer stop' ends it" in terminal.all
    with open(history_of(home), encoding='utf-8') as source:
        assert source.read().split('\n') == ['whoami', 'logout', 'login ada', 'quit', '']
    assert stat.S_IMODE(os.stat(history_of(home)).st_mode) == 0o600
    assert home.cli('status').exit == 0
    home.ok('stop')


@test
def kadpeer_alone_elsewhere_is_wrong_usage(net):
    home = net.profile('home')
    result = home.cli()
    assert result.exit == 2 and result.out == '' and 'kadpeer share' in result.err, result


@test
def the_history_outlives_the_shell(net):
    peer = net.daemon('peer')
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('kadpeer> ')
        terminal.run('config path', 'kadpeer> ')
        terminal.type('\x04')  # Ctrl-D
        assert terminal.end() == 0, terminal.all
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('kadpeer> ')
        terminal.type('\x1b[A')  # up
        terminal.expect('config path')
        assert 'config.ini' in terminal.run('', 'kadpeer> ')


@test
def ctrl_c_at_the_prompt_drops_the_line(net):
    peer = net.daemon('peer')
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('kadpeer> ')
        terminal.type('stop --no')
        terminal.expect('stop --no')
        terminal.type('\x03')
        terminal.expect('\nkadpeer> ')
        assert 'config.ini' in terminal.run('config path', 'kadpeer> ')
        terminal.run("get 'half", 'kadpeer> ')
        assert b"a quote (') is not closed" in terminal.all
    assert peer.status()['pid'] == peer.pid


@test
def tab_completes_commands_groups_and_files(net):
    peer = net.daemon('peer')
    make_user(peer, 'ada')
    peer.call('group.create', name='my study group', wait=1)
    make_file(os.path.join(peer.home, 'some notes.pdf'), 1000, 1)
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('ada@kadpeer> ')
        terminal.type('upl\t')
        terminal.type('_f\tsome\tmy\t')
        terminal.expect('\\ study\\ group ')
        terminal.type('\r')
        shared = terminal.expect('\nada@kadpeer> ')
        assert 'sharing  some notes.pdf' in shared, shared
        terminal.type('group re\t\t')
        terminal.expect('requests')
        terminal.expect('ada@kadpeer> group re')


# ---- what goes on meanwhile ----

@test(deadline=120.0)
def a_join_request_is_told_above_what_is_being_typed(net):
    _, ada, bob = net.star('ada', 'bob')
    make_user(ada, 'ada')
    make_user(bob, 'bob')
    key = make_group(ada, 'study')['key']
    with Terminal(ada, 'shell', columns=40) as terminal:
        terminal.expect('ada@kadpeer> ')
        terminal.type('whoa')
        terminal.expect('whoa')
        bob.cli('group', 'join', key, '--note', 'it is me', '--wait', '1s')
        terminal.expect('bob wants to join study ("it is me"); accept_request study bob', 90)
        terminal.expect('ada@kadpeer> whoa')
        terminal.type('mi\r')
        assert re.search(r'ada  [a-z2-7]{4} ', terminal.expect('\nada@kadpeer> ')), terminal.all
        assert 'bob' in terminal.run('list_requests study', 'ada@kadpeer> ')
        assert 'accepted bob' in terminal.run('accept_request study bob', 'ada@kadpeer> ')
        ada.wait_until(lambda: members(ada, 'study') == ['ada', 'bob'], what='bob a member')
        shown = terminal.run('group show study', 'ada@kadpeer> ')
        assert re.search(r'bob +[0-9a-f]{10} +member', shown), shown


@test(deadline=120.0)
def get_returns_at_once_and_its_end_is_told(net):
    _, seed, peer = net.star('seed', 'peer')
    link = seed.share(net.make_file('notes.bin', 300000))['link']
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('kadpeer> ')
        terminal.type(f'get {link}\r')
        terminal.expect('is fetched in the background')
        terminal.expect('finished: ')
        terminal.expect('kadpeer> ')
        terminal.type('show_downloads\r')
        terminal.expect('[C] [-] notes.bin')
        terminal.expect('kadpeer> ')
        done = terminal.run(f'get -w {link}', 'kadpeer> ')
        assert re.search(r'done +\S*notes\.bin', done), done


@test
def ctrl_c_in_get_w_returns_to_the_prompt_alone(net):
    peer = net.daemon('peer')
    with Terminal(peer, 'shell') as terminal:
        terminal.expect('kadpeer> ')
        terminal.type(f'get -w --wait 10m {NOBODY}\r')
        peer.wait_event('added')
        terminal.expect('searching', 30)
        terminal.type('\x03')
        terminal.expect('goes on in the background')
        terminal.expect('\nkadpeer> ')
        assert '[D] [-] ' in terminal.run('show_downloads', 'kadpeer> ')
    assert peer.transfers()[0]['state'] != 'paused', peer.transfers()


@test
def a_daemon_that_ends_is_told_and_started_by_the_next_command(net):
    home = net.profile('home')
    with Terminal(home, 'shell', autostart=True, env=ANY_PORT) as terminal:
        terminal.expect('\nkadpeer> ')
        assert 'stopped (pid' in terminal.run('stop', 'kadpeer> ')
        assert b'the daemon has ended' in terminal.all, terminal.all
        assert 'started the kadpeer daemon' in terminal.run('ls', 'kadpeer> ')
        terminal.type('quit\r')
        assert terminal.end() == 0
    home.ok('stop')


# ---- scripts ----

@test(deadline=120.0)
def a_script_of_underscored_words_shares_in_a_group(net):
    _, ada, bob = net.star('ada', 'bob')
    source = net.make_file('lecture notes.pdf', 300000)
    made = script(ada, '# the owner', f"create_user ada '{SECRET}'", 'create_group study',
                  f"upload_file '{source}' study", 'list_groups --own', 'list_files study',
                  'group invite study')
    assert made.exit == 0, made
    invite = made.out.split('\n')[-2]
    got = script(bob, f"create_user bob '{SECRET}'; join_group {invite}")
    assert got.exit == 0 and 'member of study' in got.out, got
    wait_file(bob, 'study', 'lecture notes.pdf')
    got = script(bob, "download_file -w study 'lecture notes.pdf' got", 'show_downloads',
                 'leave_group study')
    assert got.exit == 0 and '[C] [study] lecture notes.pdf\n' in got.out, got
    assert sha1_file(os.path.join(bob.home, 'got', 'lecture notes.pdf')) == sha1_file(source)
    gone = script(ada, "stop_share study 'lecture notes.pdf'", 'list_files study', 'logout')
    assert gone.exit == 0 and 'no longer shared' in gone.out, gone
    assert not os.path.exists(history_of(ada)) and not os.path.exists(history_of(bob))


@test
def a_script_ends_at_its_first_failure_unless_told_otherwise(net):
    peer = net.daemon('peer')
    lines = 'version\n  # a comment\ninfo 99 # there is none\nversion\n'
    path = os.path.join(peer.home, 'script')
    with open(path, 'w', encoding='utf-8') as out:
        out.write(lines)
    with open(path, 'rb') as stdin:
        piped = peer.cli('shell', stdin=stdin)
    assert piped.exit == 3 and piped.out.count('kadpeer') == 1, piped
    assert '\x1b' not in piped.out + piped.err and '> ' not in piped.out, piped
    assert 'stopped at line 3 of stdin, status 3' in piped.err, piped
    filed = peer.cli('shell', '-f', path)
    assert filed.exit == 3 and f'line 3 of {path}' in filed.err, filed
    on = peer.cli('shell', '-k', '-f', path)
    assert on.exit == 7 and on.out.count('kadpeer') == 2, on
    assert script(peer, 'quit', 'info 99').exit == 0
    assert script(peer, 'shell').exit == 2
    assert peer.cli('shell', '-f', os.path.join(peer.home, 'missing')).exit == 3
    status, said = peer.json('shell', '-c', 'version; ls')
    assert status == 0 and [line['ok'] for line in said] == [True, True], said


@test
def a_shell_of_another_profile_speaks_to_its_daemon(net):
    home = net.profile('home')
    home.cli('--profile', 'b', 'start', autostart=True, env=ANY_PORT)
    result = home.cli('--profile', 'b', 'shell', '-c', 'status')
    assert result.exit == 0 and 'profile b\n' in result.out, result
    with Terminal(home, '--profile', 'b') as terminal:
        terminal.expect('kadpeer:b> ')
        assert 'profile b' in terminal.run('status', 'kadpeer:b> ')
    home.ok('--profile', 'b', 'stop')
