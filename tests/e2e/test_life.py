"""The daemon's own life: how it starts, ends, is started on demand, and what it finds again."""

import os
import re
import signal
import socket
import stat
import subprocess
import time

from btpeer import EXTENDED, INTERESTED, UNCHOKE, Connection, Seed, dial
from harness import test
from kadnet import Control, processes_of, sha1_file
from torrentfile import encode, make_info

MIB = 1 << 20


def wait_gone(pid, timeout=10.0):
    deadline = time.monotonic() + timeout
    while os.path.exists(f'/proc/{pid}'):
        with open(f'/proc/{pid}/stat', encoding='utf-8') as file:
            if file.read().rsplit(')', 1)[1].split()[0] == 'Z':
                return
        assert time.monotonic() < deadline, f'pid {pid} still runs'
        time.sleep(0.02)


@test
def daemon_ends_in_time_on_every_signal_and_on_stop(net):
    _, peer = net.star('peer')
    for number in (signal.SIGINT, signal.SIGTERM):
        peer.stop(number)
        peer.restart()
    for flags, seconds in ([], 5), (['--now'], 1.5):
        begin = time.monotonic()
        child = peer.cli_start('stop', *flags)
        assert peer.wait_end(10 * net.slow) == 0
        assert time.monotonic() - begin < seconds * net.slow
        out, err = child.communicate(timeout=10)
        assert child.returncode == 0 and b'stopped' in out, (out, err)
        assert not os.path.exists(peer.socket)
        peer.restart()


@test
def daemon_ends_in_time_while_transfers_run_and_goes_on_after(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 16 * MIB)
    shared = seed.share(path)
    seed.stop()
    content = open(path, 'rb').read()
    stuck = []

    def hold(*_):  # half is given, then it neither serves nor closes
        if len(slow.served) >= 512:
            stuck.append(True)
            time.sleep(100)

    with Seed(make_info(path), content, before_block=hold) as slow:
        ident = peer.add(shared['link'], **{'from': [slow.endpoint]})
        peer.wait_until(lambda: stuck and peer.transfer(ident)['pieces']['have'] > 5, 30)
        deaf = dial(peer.endpoint, shared['transfer']['hash'])  # never reads
        had = peer.pieces(ident)
        peer.stop()
        deaf.close()
    seed.restart()
    peer.restart()
    assert had <= peer.pieces(ident)
    done = peer.wait_state(ident, 'sharing')
    assert sha1_file(done['path']) == sha1_file(path)
    assert seed.transfers()[0]['uploaded'] < 14 * MIB


@test
def restart_goes_on_sharing(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    shared = seed.share(path)
    before = seed.transfers()[0]
    seed.restart()
    after = seed.wait_state(before['id'], 'sharing')
    for key in ('id', 'hash', 'name', 'size', 'origin', 'added', 'path'):
        assert after[key] == before[key], key
    assert sha1_file(peer.fetch(shared['transfer']['hash'])['path']) == sha1_file(path)
    seed.kill9()
    seed.start(port=seed.port)
    late = net.daemon('late', bootstrap=net.daemons[:1])
    peer.stop()
    assert sha1_file(late.fetch(shared['transfer']['hash'])['path']) == sha1_file(path)


@test
def paused_stays_paused_over_a_restart(net):
    _, seed, peer = net.star('seed', 'peer')
    link = seed.share(net.make_file('notes.bin', 2 * MIB))['link']
    ident = peer.add(link, paused=True)
    assert peer.transfer(ident)['state'] == 'paused'
    peer.restart()
    assert peer.transfer(ident)['state'] == 'paused'
    peer.ok('resume', '--all')
    peer.wait_state(ident, 'sharing')


@test
def seed_that_stopped_calls_back_whom_it_served(net):
    seed = net.daemon('seed')
    shared = seed.share(net.make_file('notes.bin', 2 * MIB), wait_announce=0)['transfer']
    ident, digest = shared['id'], shared['hash']
    with socket.create_server(('127.0.0.1', 0)) as listener:
        listener.settimeout(30 * net.slow)
        peer = dial(seed.endpoint, digest)
        hello = encode({'m': {}, 'p': listener.getsockname()[1], 'v': 'stranger 1'})
        peer.send(EXTENDED, b'\0' + hello)
        peer.send(INTERESTED)
        for stop, go in (lambda: seed.ok('pause', ident), lambda: seed.ok('resume', ident)), \
                        (lambda: None, lambda: seed.ok('move', ident, net.path('elsewhere'))):
            while peer.receive()[0] != UNCHOKE:
                pass
            stop()
            go()
            plain, _ = listener.accept()  # it dials us
            peer.close()
            peer = Connection(plain, digest, b'-PY0001-abcdefghijkl', dial=False)
            peer.send(EXTENDED, b'\0' + hello)
            peer.send(INTERESTED)
        peer.close()


@test
def vanished_share_is_noticed_and_found_again(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 2 * MIB)
    shared = seed.share(path)
    ident = shared['transfer']['id']
    os.rename(path, path + '.away')
    wanted = peer.add(shared['link'])  # whoever asks makes it look; else it does every minute
    missing = seed.wait_state(ident, 'missing_files')
    assert missing['reason'] and 'notes.bin' in missing['reason'], missing
    os.rename(path + '.away', path)
    seed.ok('resume', ident)
    seed.wait_state(ident, 'sharing')
    assert sha1_file(peer.follow(wanted)['path']) == sha1_file(path)


@test
def changed_share_is_never_served_wrong(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', 4 * MIB)
    shared = seed.share(path)
    ident = shared['transfer']['id']
    with open(path, 'r+b') as out:
        out.seek(MIB)
        out.write(b'changed')
    fetching = peer.add(shared['link'])  # whoever asks makes it look
    changed = seed.wait_state(ident, 'error', 'missing_files')
    assert 'changed' in changed['reason'] and '1 of 16 pieces' in changed['reason'], changed
    info = peer.call('transfer.info', id=fetching)
    assert info['info']['bad_pieces'] == 0 and info['transfer']['state'] != 'sharing', info
    with open(path, 'r+b') as out:
        out.seek(MIB)
        out.write(open(net.make_file('copy', 4 * MIB, seed='notes.bin'), 'rb').read()[MIB:MIB + 7])
    seed.wait_state(ident, 'sharing')  # as it was again: by itself
    assert sha1_file(peer.follow(fetching)['path']) == sha1_file(path)


@test
def share_that_changed_while_the_daemon_was_away_is_noticed(net):
    seed = net.daemon('seed')
    path = net.make_file('notes.bin', 2 * MIB)
    gone = net.make_file('gone.bin', MIB)
    first = seed.share(path, wait_announce=0)['transfer']['id']
    second = seed.share(gone, wait_announce=0)['transfer']['id']
    seed.stop()
    net.make_file('notes.bin', 2 * MIB, seed='other')
    os.unlink(gone)
    seed.restart()
    assert '8 of 8 pieces' in seed.wait_state(first, 'error', 'missing_files')['reason']
    seed.wait_state(second, 'missing_files')


@test
def second_daemon_of_a_profile_says_the_first_is_there(net):
    one = net.daemon('one')
    result = one.cli('start')
    assert result.exit == 0, result
    assert re.search(rf'already running \(pid {one.pid}, up \d+', result.out + result.err), result
    result = one.cli('daemon', '--port', '0', '--bind', one.address)
    assert f'pid {one.pid}' in result.out + result.err, result
    assert one.status()['pid'] == one.pid


@test
def lock_and_socket_of_a_killed_daemon_are_in_nobodys_way(net):
    one = net.daemon('one')
    ident = one.status()
    one.kill9()
    assert os.path.exists(one.socket)
    one.start()
    assert one.status()['pid'] != ident['pid']


@test
def files_of_a_profile_are_for_their_owner_alone(net):
    one = net.daemon('one')
    one.share(net.make_file('notes.bin', MIB), wait_announce=0)
    for path in (one.socket, one.database, one.database + '-wal'):
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
    for folder in (one.runtime_dir, os.path.dirname(one.database)):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder


@test
def command_starts_the_daemon_on_demand_and_says_so(net):
    one = net.profile('one', config={'network.port': 0})
    result = one.cli('share', net.make_file('notes.bin', MIB), autostart=True)
    assert result.exit == 0, result
    said = re.search(r'started the kadpeer daemon \(pid (\d+), UDP and TCP port (\d+)\)', result.err)
    assert said and "'kadpeer stop' ends it" in result.err, result
    pid = int(said.group(1))
    assert pid in processes_of(net.root)
    with Control(one.socket) as control:
        status = control.call('status')
        assert status['pid'] == pid and status['port'] == int(said.group(2))
    again = one.cli('ls', autostart=True)
    assert again.exit == 0 and 'started' not in again.err and 'notes.bin' in again.out
    one.ok('stop')
    wait_gone(pid)
    assert not os.path.exists(one.socket)


@test
def many_commands_at_once_start_one_daemon(net):
    one = net.profile('one', config={'network.port': 0})
    several = [one.cli_start('--json', 'start', autostart=True) for _ in range(5)]
    outs = [child.communicate(timeout=30 * net.slow) for child in several]
    assert all(child.returncode == 0 for child in several), outs
    pids = {re.search(rb'"pid": ?(\d+)', out).group(1) for out, _ in outs}
    assert len(pids) == 1, pids
    one.ok('stop')
    wait_gone(int(pids.pop()))


@test
def stop_without_a_daemon_starts_none(net):
    one = net.profile('one')
    result = one.cli('stop', autostart=True)
    assert not list(processes_of(net.root)), result
    assert result.exit == 0 and 'not running' in result.out, result


@test
def profiles_on_one_machine_keep_apart(net):
    one = net.profile('one', config={'network.port': 0})
    other_config = os.path.join(one.home, 'c', 'kadpeer-b')
    os.makedirs(other_config)
    with open(os.path.join(one.config_dir, 'config.ini'), encoding='utf-8') as source:
        with open(os.path.join(other_config, 'config.ini'), 'w', encoding='utf-8') as out:
            out.write(source.read())
    path = net.make_file('notes.bin', MIB)
    shared = one.json('share', path, autostart=True)[1][-1]
    assert one.json('--profile', 'b', 'ls', autostart=True)[1][-1]['transfers'] == []
    copy = net.path('copy.bin')
    result = one.cli('--profile', 'b', 'get', shared['link'], '-o', copy)
    assert result.exit == 0, result
    assert sha1_file(copy) == sha1_file(path)
    one.ok('stop')
    one.ok('--profile', 'b', 'stop')


@test
def interrupted_get_pauses_and_tells_how_to_resume(net):
    _, peer = net.star('peer')
    path = net.make_file('notes.bin', 4 * MIB)

    def hold(*_):
        if len(seed.served) >= 64:
            time.sleep(100)

    with Seed(make_info(path), open(path, 'rb').read(), before_block=hold) as seed:
        child = peer.cli_start('get', seed.hash, '--from', seed.endpoint)
        seed.wait_until(lambda: len(seed.served) >= 64, 30 * net.slow)
        child.send_signal(signal.SIGINT)
        _, err = child.communicate(timeout=10 * net.slow)
        assert child.returncode == 130, (child.returncode, err)
        assert b'kadpeer resume' in err, err
        peer.wait_until(lambda: peer.transfers()[0]['state'] == 'paused', 10)


@test
def daemon_lives_through_garbage_from_everywhere(net):
    _, one, other = net.star('one', 'other')
    path = net.make_file('notes.bin', 2 * MIB)
    shared = one.share(path)
    noise = [net.rng.randbytes(net.rng.randrange(1, 1200)) for _ in range(400)]
    heads = [b'', b'\x94\x00', b'\x94\x01', b'd1:', b'\x94\x00\xce\0\0\0\x01\xa4ping\x91\x81\xa2id\xc4\x14',
             b'\xdd\xff\xff\xff\xff', b'\xdf\xff\xff\xff\xff', b'\xc6\xff\xff\xff\xff', b'\x91' * 600]
    address = (one.address, one.port)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        for i, data in enumerate(noise):
            udp.sendto((heads[i % len(heads)] + data)[:1400], address)
    for data in noise[:40]:
        with socket.create_connection(address, timeout=10) as tcp:
            tcp.sendall(data)
    half_open = [socket.create_connection(address, timeout=10) for _ in range(20)]
    for data in noise[:40]:
        with socket.socket(socket.AF_UNIX) as control:
            control.connect(one.socket)
            try:
                control.sendall(net.rng.choice([b'', b'\x94\x00\x01\xa6status']) + data)
            except ConnectionError:
                pass
    assert sha1_file(other.fetch(shared['link'])['path']) == sha1_file(path)
    refused = one.call('node.status')['overlays'][0]['refused']
    assert refused['malformed'] > 100, refused
    for connection in half_open:
        connection.close()


@test
def descriptors_do_not_leak_over_many_transfers(net):
    _, seed, peer = net.star('seed', 'peer')
    links = [seed.share(net.make_file(f'{i}.bin', 300_000), wait_announce=0)['link']
             for i in range(10)]
    count = lambda: len(os.listdir(f'/proc/{peer.pid}/fd'))  # noqa: E731
    peer.fetch(links[0])
    before = count()
    for link in links[1:]:
        ident = peer.add(link)
        peer.follow(ident)
        peer.call('transfer.remove', id=ident, data=True)
    peer.wait_until(lambda: count() <= before + 3, 20, f'back at {before} descriptors')


@test
def command_line_ends_quietly_when_its_reader_goes(net):
    one = net.daemon('one')
    child = one.cli_start('help')
    child.stdout.close()
    child.stdout = subprocess.DEVNULL
    assert child.wait(20) in (0, 1, 141, -signal.SIGPIPE)
