"""The command line with real daemons: the first five minutes, daemons started on demand, Ctrl-C,
exit statuses, and every --json answer."""

import json
import os
import re
import signal
import subprocess
import time

from harness import test
from kadnet import sha1_file
from terminal import Terminal
from test_changed import Gate

ANY_PORT = {'KADPEER_PORT': '0'}  # of daemons that start by themselves
NOBODY = 'f' * 40


def started(profile, *args, status=0, **options):
    """A command that may start its daemon: what it printed."""
    result = profile.cli(*args, autostart=True, env=ANY_PORT, **options)
    assert result.exit == status, (args, result)
    return result


def lines_of(child):
    for line in child.stdout:
        yield json.loads(line)


def check_failure(result, status, *texts):
    assert result.exit == status, result
    assert result.err.startswith('kadpeer: '), result
    for text in texts:
        assert text in result.err, result


@test
def first_five_minutes_on_one_machine(net):
    home = net.profile('home')
    source = net.make_file('notes.pdf', 1992294)
    began = time.monotonic()
    shared = started(home, 'share', source)
    assert 'started the kadpeer daemon (pid ' in shared.err, shared
    words = dict(line.split(None, 1) for line in shared.out.splitlines())
    assert words['sharing'].startswith('notes.pdf   1.9 MiB, 8 pieces of 256 KiB'), shared
    assert words['fetch'] == f"kadpeer get '{words['link']}'", shared
    copy = os.path.join(home.home, 'copy')
    got = started(home, '--profile', 'b', 'get', words['link'], '-o', 'copy')
    took = time.monotonic() - began
    assert sha1_file(copy) == sha1_file(source)
    assert got.out.startswith('done  copy  1.9 MiB in '), got
    assert "now sharing it ('kadpeer --profile b unshare 1' stops)" in got.out, got
    net.note(f'two nodes, shared and fetched in {took:.1f} s')
    assert took < 3 * net.slow, took
    for name in ('default', 'b'):
        home.ok('--profile', name, 'stop')


@test
def the_link_of_a_quiet_share_is_all_that_is_printed(net):
    peer = net.daemon('peer')
    out = peer.ok('-q', 'share', net.make_file('a b&c.bin', 5000))
    assert out.startswith('magnet:?xt=urn:btih:') and out.count('\n') == 1, out
    assert 'a%20b%26c.bin' in out, out


@test
def commands_at_the_same_moment_start_one_daemon(net):
    home = net.profile('home')
    children = [home.cli_start('--json', 'status' if n == 0 else 'ls', autostart=True, env=ANY_PORT)
                for n in range(6)]
    results = [child.communicate(timeout=30) for child in children]
    assert all(child.returncode == 0 for child in children[1:]), results
    said = [err for _, err in results if b'started the kadpeer daemon' in err]
    assert len(said) == 1, results
    again = home.cli('start')
    assert again.out.startswith('already running (pid '), again
    home.ok('stop')


@test
def stop_returns_when_the_process_has_ended(net):
    home = net.profile('home')
    started(home, 'start')
    status = json.loads(home.ok('--json', 'status'))
    stopped = json.loads(home.ok('--json', 'stop'))
    assert stopped['pid'] == status['pid'], stopped
    try:
        with open(f"/proc/{status['pid']}/stat", encoding='utf-8') as stat:
            assert stat.read().rsplit(')', 1)[1].split()[0] in 'ZX'
    except FileNotFoundError:
        pass
    assert home.ok('stop') == 'not running\n'
    check_failure(home.cli('status'), 5, 'no daemon for profile default')


@test
def without_autostart_a_missing_daemon_is_named(net):
    home = net.profile('home')
    result = home.cli('ls')
    assert result == (5, '', 'kadpeer: no daemon for profile default, and autostart is off\n'
                             'hint: kadpeer start\n'), result
    assert home.json('ls') == (5, [{'v': 1, 'ok': False, 'error': {
        'code': 'no_daemon', 'exit': 5,
        'message': 'no daemon for profile default, and autostart is off',
        'hint': 'kadpeer start'}}])


@test
def a_daemon_that_cannot_start_gives_its_own_reason(net):
    home = net.profile('home', config={'transfer.active': '0'})
    check_failure(home.cli('ls', autostart=True), 12, 'transfer.active = 0: wanted is 1 to')
    home = net.profile('other')
    os.makedirs(os.path.dirname(home.database))
    with open(home.database, 'w', encoding='utf-8') as out:
        out.write('not a database, though it is long enough to be looked at as one' * 20)
    check_failure(home.cli('ls', autostart=True, env=ANY_PORT), 5, home.database)


@test
def a_port_that_is_taken_names_its_holder(net):
    peer = net.daemon('peer')
    other = net.profile('other')
    result = other.cli('daemon', '--bind', peer.address, '--port', peer.port)
    check_failure(result, 6, f'cannot listen on UDP {peer.port}: in use by process {peer.pid}',
                  'hint: leave out --port')


@test
def ctrl_c_pauses_and_says_how_to_go_on(net):
    _, peer = net.star('peer')
    child = peer.cli_start('--json', 'get', NOBODY)
    for event in lines_of(child):
        if event['event'] == 'searching':
            break
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert child.returncode == 130, out
    assert last['ok'] is False and last['error']['code'] == 'interrupted', last
    transfer = peer.transfer(NOBODY)
    assert last['error']['hint'] == f"kadpeer resume {transfer['id']}", last
    assert transfer['state'] == 'paused', transfer


@test
def who_waits_is_told_that_somebody_else_paused_it(net):
    path = net.make_file('notes.bin', 1 << 20)
    _, peer = net.star('peer')
    with Gate(net, path, 20) as gate:
        args = 'get', gate.seed.hash, '--from', gate.seed.endpoint
        child = peer.cli_start(*args, stderr=subprocess.STDOUT)
        told = iter(child.stdout.readline, b'')
        for _ in range(2):
            peer.wait_until(lambda: peer.transfers() and peer.transfers()[0]['done'] > 0)
            peer.ok('pause', 1)
            assert any(b"notes.bin: paused; 'kadpeer resume 1' goes on" in line for line in told)
            peer.ok('resume', 1)
            peer.wait_state(1, 'downloading')
        peer.ok('pause', 1)
        assert any(b"paused; 'kadpeer resume 1' goes on" in line for line in told)
        with Terminal(peer, *args, columns=120) as person:  # which resumes it
            person.expect('notes.bin')
            peer.wait_state(1, 'downloading')
            peer.ok('pause', 1)
            person.expect("paused; 'kadpeer resume 1' goes on")
            gate.let_go()
            peer.ok('resume', 1)
            person.expect('done  ')
        rest = child.stdout.read()
        assert child.wait(30 * net.slow) == 0 and b'done  ' in rest, rest
        assert rest.count(b'paused') == 1, rest


@test
def waiting_ends_when_the_last_source_is_gone_for_long(net):
    path = net.make_file('notes.bin', 1 << 20)
    _, peer = net.star('peer')
    with Gate(net, path, 20) as gate:
        child = peer.cli_start('get', gate.seed.hash, '--from', gate.seed.endpoint, '--wait', '6s')
        peer.wait_until(lambda: peer.transfers() and peer.transfers()[0]['done'] > 0)
        gate.seed.close()
        _, err = child.communicate(timeout=60 * net.slow)
        assert child.returncode == 4 and b'none of them answers, in 6s' in err, err
        assert peer.transfers()[0]['done'] > 0


@test
def the_rate_is_of_what_came_while_it_was_waited_for(net):
    path = net.make_file('notes.bin', 1 << 20)
    _, peer = net.star('peer')
    with Gate(net, path, 48) as gate:  # of 64 blocks
        args = 'get', gate.seed.hash, '--from', gate.seed.endpoint
        peer.ok(*args, '-d')
        peer.wait_until(lambda: peer.transfers()[0]['downloaded'] >= 512 << 10)
        child = peer.cli_start(*args)
        for line in iter(child.stderr.readline, b''):
            if b'%' in line:
                break  # it follows
        gate.let_go()
        out, _ = child.communicate(timeout=60 * net.slow)
        done = re.search(r'1\.0 MiB, (\d+(?:\.\d+)?) KiB of it in .*s \(', out.decode())
        assert child.returncode == 0 and done and 0 < float(done[1]) <= 512, out
    _, lines = peer.json(*args)
    assert lines[-1]['received'] == 0, lines


@test
def the_timeout_of_a_command_leaves_the_transfer_alone(net):
    _, peer = net.star('peer')
    check_failure(peer.cli('--timeout', '1', 'get', NOBODY), 4, 'the daemon goes on with it')
    assert peer.transfer(NOBODY)['state'] == 'searching'


@test
def failures_have_the_status_that_tells_them_apart(net):
    _, peer = net.star('peer')
    lone = net.daemon('lone')
    check_failure(peer.cli('get', NOBODY, '--wait', '1'), 3, 'no source for ffff...ffff: ',
                  'none knows it, in 1s', 'kadpeer resume ')
    check_failure(lone.cli('get', NOBODY, '--wait', '1'), 6, 'this node knows no other node',
                  'hint: kadpeer join HOST:PORT')
    check_failure(peer.cli('get', '5f0c12'), 12, 'cannot read "5f0c12": a hash has 40', 'this has 6')
    check_failure(peer.cli('get', 'magnet:?xt=urn:btih:12'), 12, 'cannot read "magnet:')
    check_failure(peer.cli('info', '99'), 3)
    check_failure(peer.cli('info'), 2)
    check_failure(peer.cli('frob'), 2)
    check_failure(peer.cli('share', '/nonexistent'), 3, 'cannot share /nonexistent')
    check_failure(peer.cli('config', 'set', 'network.prot', '1'), 12, 'network.port')
    check_failure(peer.cli('search', 'nothing', '--wait', '1'), 3, 'none knows "nothing"')
    check_failure(peer.cli('pause', '98', '99'), 3)


@test
def a_different_file_is_not_replaced(net):
    _, one, other = net.star('one', 'other')
    link = one.share(net.make_file('f.bin', 300_000))['link']
    mine = os.path.join(other.home, 'mine.bin')
    with open(mine, 'w', encoding='utf-8') as out:
        out.write('mine')
    check_failure(other.cli('get', link, '-o', mine), 8, 'mine.bin exists and is not this file',
                  '--force')
    assert os.path.getsize(mine) == 4
    other.ok('get', link, '-o', mine, '--force')
    assert sha1_file(mine) == sha1_file(net.path('files', 'f.bin'))


@test
def several_arguments_are_fetched_at_once(net):
    _, one, other = net.star('one', 'other')
    links = [one.share(net.make_file(f'f{n}.bin', 200_000))['link'] for n in range(20)]
    status, events = other.json('get', *links, 'magnet:?xt=urn:btih:12', timeout=120)
    done = [event for event in events if event['event'] == 'done']
    assert status == 7 and len(done) == 20, events[-3:]
    assert len({event['id'] for event in done}) == 20
    for n in range(20):
        assert sha1_file(os.path.join(other.downloads, f'f{n}.bin')) == \
            sha1_file(net.path('files', f'f{n}.bin'))


@test
def a_torrent_file_made_by_share_is_enough(net):
    one, other = net.daemon('one'), net.daemon('other')
    source = net.make_file('f.bin', 300_000)
    torrent = net.path('f.torrent')
    one.ok('share', source, '--out', torrent, '--comment', 'a note')
    shown = json.loads(one.ok('--json', 'torrent', 'show', torrent))
    assert shown['comment'] == 'a note' and shown['peers'], shown
    assert one.ok('torrent', 'verify', torrent, source) == f'{source}: all 2 pieces are right\n'
    other.ok('get', torrent)
    assert sha1_file(os.path.join(other.downloads, 'f.bin')) == sha1_file(source)


@test
def a_name_with_several_matches_is_not_guessed(net):
    _, one, two, other = net.star('one', 'two', 'other')
    for daemon in (one, two):
        daemon.share(net.make_file(f'{daemon.name}/notes.txt', 50_000))
    status, events = other.json('get', 'notes.txt')
    assert status == 8, events
    assert len({c['hash'] for c in events[-1]['error']['candidates']}) == 2, events
    result = other.cli('get', 'notes.txt')
    check_failure(result, 8)
    for candidate in events[-1]['error']['candidates']:
        assert candidate['hash'] in result.err, result


@test
def a_name_is_fetched_with_its_hash_shown(net):
    _, one, other = net.star('one', 'other')
    shared = one.share(net.make_file('field notes.txt', 50_000))
    result = other.cli('get', 'field notes.txt')
    assert result.exit == 0, result
    assert f"field notes.txt is {shared['transfer']['hash']}\n" in result.err, result


@test
def every_json_answer_is_one_object_of_version_1(net):
    boot, one, other = net.star('one', 'other')
    source = net.make_file('data.bin', 400_000)
    shared = json.loads(one.ok('--json', 'share', source))
    ident = shared['transfer']['id']
    commands = [
        ('ls',), ('shares',), ('info', ident), ('files', ident), ('peers', ident),
        ('pieces', ident), ('verify', ident), ('pause', ident), ('resume', '--all'),
        ('node', 'status'), ('node', 'table'), ('node', 'ping', boot.endpoint),
        ('node', 'find', NOBODY), ('node', 'find', '--key', 'x'), ('join', boot.endpoint),
        ('status',), ('start',), ('version',), ('bootstrap', 'ls'), ('config', 'ls'),
        ('config', 'get', 'network.port'), ('config', 'path'), ('config', 'check'),
        ('logs', '--level', 'debug'), ('unshare', ident),
    ]
    for command in commands:
        status, objects = one.json(*command)
        assert status == 0 and len(objects) == 1, (command, status, objects)
        assert list(objects[0])[:2] == ['v', 'ok'], (command, objects)
        assert objects[0]['v'] == 1 and objects[0]['ok'] is True, (command, objects)
    one.ok('share', source)
    for command in [('search', 'data'), ('get', shared['link'])]:
        status, objects = other.json(*command)
        assert status == 0, (command, objects)
        assert all(o['v'] == 1 and 'event' in o for o in objects), (command, objects)
        assert objects[-1]['ok'] is True and objects[-1]['event'] == 'done', (command, objects)


@test
def strangers_names_cannot_steer_the_terminal(net):
    _, one = net.star('one')
    result = one.cli('get', f'magnet:?xt=urn:btih:{NOBODY}&dn=%1b%5b2J%0aevil', '--wait', '1')
    assert result.exit == 3, result
    for text in (result.err, one.ok('ls'), one.ok('info', NOBODY)):
        assert '\x1b' not in text and '\nevil' not in text, text


@test
def a_reader_that_goes_away_ends_the_command(net):
    peer = net.daemon('peer')
    reading, writing = os.pipe()
    os.close(reading)
    child = peer.cli_start('config', 'ls', stdout=writing, stderr=subprocess.DEVNULL)
    os.close(writing)
    assert child.wait(10) in (-signal.SIGPIPE, 9), child.returncode


@test
def help_is_one_json_value_too(net):
    home = net.profile('home')
    for words, begin in ((['-h'], 'kadpeer: hand'), (['help'], 'kadpeer: hand'),
                         (['get', '-h'], 'usage: kadpeer get '), (['help', 'exit'], 'Exit status'),
                         (['torrent', '-h'], 'usage: kadpeer torrent COMMAND')):
        said = json.loads(home.ok('--json', *words))
        assert said['ok'] and said['help'].startswith(begin), said
    failed = home.cli('--json', 'help', 'nothing')
    assert failed.exit == 2 and json.loads(failed.out)['error']['code'] == 'usage', failed


@test
def transfers_of_one_name_are_told_by_their_numbers(net):
    one = net.daemon('one')
    ids = [one.share(net.make_file(f'{n}/same.bin', 1000 + n))['transfer']['id'] for n in range(2)]
    refused = one.cli('info', 'same.bin')
    check_failure(refused, 8, 'several transfers fit')
    shown = [line.split() for line in refused.err.splitlines() if line.endswith('same.bin')]
    assert sorted(int(row[0]) for row in shown) == ids and len(shown[0][1]) == 40, refused


@test
def an_address_that_is_none_is_bad_input(net):
    peer = net.daemon('peer')
    for args in (('join', 'foo'), ('join', f'127.0.0.1:{peer.port}', 'foo:0'),
                 ('bootstrap', 'add', 'foo'), ('node', 'ping', 'foo')):
        result = peer.cli(*args)
        assert result.exit == 12 and 'foo' in result.err, (args, result)


@test
def a_log_that_is_followed_has_an_outcome_too(net):
    home = net.profile('home')
    started(home, 'start')
    status, events = home.json('logs', '-n', '3')
    assert status == 0 and events[-1]['event'] == 'done', events
    assert events[-1]['lines'] == len(events) - 1, events
    child = home.cli_start('--json', 'logs', '-f')
    assert next(lines_of(child))['event'] == 'line'
    child.send_signal(signal.SIGINT)
    out, _ = child.communicate(timeout=20)
    last = json.loads(out.splitlines()[-1])
    assert child.returncode == 130 and last['error']['code'] == 'interrupted', last
    status, events = home.json('--timeout', '1', 'logs', '-f', '--level', 'info')
    assert status == 4 and events[0]['event'] == 'level', events
    assert events[-1]['error']['code'] == 'timed_out', events
    home.ok('stop')


@test
def start_and_daemon_tell_the_age_alike(net):
    home = net.profile('home')
    started(home, 'start')
    for command in (('start',), ('daemon',)):
        again = home.cli(*command, env=ANY_PORT)
        assert again.exit == 0, again
        assert re.fullmatch(r'already running \(pid \d+, up \d+s\)\n', again.out), again
    assert re.search(r', up \d+s, profile default', home.ok('status'))
    home.ok('stop')


@test
def a_transfer_that_never_began_can_be_verified(net):
    _, one, other = net.star('one', 'other')
    link = one.share(net.make_file('f.bin', 600_000))['link']
    with open(os.path.join(other.downloads, 'f.bin'), 'w', encoding='utf-8') as out:
        out.write('mine')
    other.ok('get', '-d', link)
    assert 'f.bin exists and is not this file' in other.wait_state(1, 'error')['reason']
    assert other.ok('verify', '1') == '1: 0 pieces good, 3 missing\n'
    assert other.transfers()[0]['state'] == 'error'


@test
def config_edit_starts_no_editor_that_was_not_named_where_nobody_can_type(net):
    one = net.profile('one')
    nobody = {'VISUAL': '', 'EDITOR': ''}
    result = one.cli('config', 'edit', env=nobody)
    assert result.exit == 2 and 'config edit wants a terminal' in result.err, result
    result = one.cli('--profile', 'b', 'config', 'edit', env=nobody)
    assert 'hint: kadpeer --profile b config set' in result.err, result
    assert one.json('config', 'edit', env=nobody)[1][-1]['error']['code'] == 'usage'
    status, lines = one.json('config', 'edit', env={'VISUAL': 'echo edits'})
    assert status == 0 and len(lines) == 1 and lines[0]['ok'], lines
