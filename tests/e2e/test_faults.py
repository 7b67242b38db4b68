"""Calls to disk, database, network and allocator that fail while a file travels: every one of them
ends in a state that says what is wrong, nothing wrong is ever called right, and all goes on when
the cause is gone.

KADPEER_FAULTS_RUNS=N makes each sweep N runs long (0: one for every call there is), KADPEER_KILLS=N
kills so often, KADPEER_FILES=N is how many files a large share has."""

import contextlib
import errno
import itertools
import os
import random
import resource
import socket
import sqlite3

from faults import FOREVER, SHORT, Faults
from harness import test
from kadnet import Control, ControlClosed, ControlError, Dead, sha1_file, tree_of
from people import (join_by_invite, log_in, make_circle, make_group, make_user, start_download,
                    upload, wait_file)

KIB, MIB = 1 << 10, 1 << 20
PIECE = 64 * KIB
ENDED = ('sharing', 'error', 'no_space', 'missing_files', 'complete')
DISK_ERRORS = (errno.EIO, errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EMFILE)
RUNS = int(os.environ.get('KADPEER_FAULTS_RUNS', '8'))
DEADLINE = 120 if RUNS else 3600
KILLS = int(os.environ.get('KADPEER_KILLS', '20'))
SAMPLE = random.Random(os.environ.get('KADPEER_TEST_SEED', '1'))  # the same calls in each run
FILES = int(os.environ.get('KADPEER_FILES', '1000'))


class Sweep:
    """A seed, and a peer whose calls fail."""

    def __init__(self, net, size=MIB, **options):
        self.net = net
        self.faults = Faults(net)
        self.seed = net.daemon('seed')
        self.peer = net.daemon('peer', bootstrap=[self.seed], faults=self.faults, **options)
        self.peer.wait_nodes(1)
        self.path = net.make_file('notes.bin', size)
        self.content = open(self.path, 'rb').read()
        self.share()

    def share(self):
        self.link = self.seed.share(self.path, piece_size=PIECE)['link']

    def begin(self):
        return self.peer.add(self.link, **{'from': [self.seed.endpoint]})

    def begin_or_none(self):
        """None: it was refused, with an error that says why."""
        try:
            return self.begin()
        except ControlError as error:
            assert error.message and error.exit in (1, 9), error
            return None

    def check_pieces(self, ident):
        """What it says to have is on disk, and right."""
        have = _pieces_or_none(self.peer, ident)
        folder = self.peer.downloads
        for name in ('notes.bin', 'notes.bin.part', 'notes.bin'):  # renamed between two looks
            with contextlib.suppress(FileNotFoundError):
                with open(os.path.join(folder, name), 'rb') as file:
                    there = file.read()
                break
        else:
            there = b''
        for piece in have:
            run = slice(piece * PIECE, (piece + 1) * PIECE)
            assert there[run] == self.content[run], f'piece {piece} is wrong on disk'
        return have

    def check_or_none(self, ident):
        with contextlib.suppress(AssertionError):
            return self.check_pieces(ident)

    def wait_calls(self, caller, kind, number):
        """Until so many were made, or no more are for now."""
        before = -1
        while before < (calls := self.faults.calls(caller, kind)) < number:
            before = calls
            if not self.peer.drain(0.5) and self.peer.process.poll() is not None:
                raise Dead('the peer has ended')

    def finish(self, ident, timeout=60.0):
        """Nothing fails any more: it comes to its end, with a word where it needs one."""
        state = self.peer.transfer(ident)
        if state['state'] == 'error':
            assert state['reason'] and ' : ' not in state['reason'], state
            self.peer.call('transfer.resume', id=ident)
        done = self.peer.wait_state(ident, 'sharing', timeout=timeout)
        assert sha1_file(done['path']) == sha1_file(self.path)
        self.peer.call('transfer.remove', id=ident, data=True)

    def counts(self, caller, kinds):
        """How many calls of each kind a fetch makes that goes well."""
        self.faults.cure()
        self.finish(self.begin())
        return {kind: self.faults.calls(caller, kind) for kind in kinds}

    def choose(self, caller, kinds, errors, runs=RUNS):
        """(kind, error, first, last): a sample of all there are (runs 0: all)."""
        counts = self.counts(caller, kinds)
        self.net.note(f'calls by {caller}: {counts}')
        every = [(kind, error, n, last) for kind in kinds for n in range(1, counts[kind] + 1)
                 for error in errors for last in (n, FOREVER)]
        if runs == 0 or runs >= len(every):
            return every
        # each kind in turn, so that rare ones are not left out
        by_kind = [[one for one in every if one[0] == kind] for kind in kinds]
        chosen = []
        for ones in itertools.cycle([ones for ones in by_kind if ones]):
            chosen.append(SAMPLE.choice(ones))
            if len(chosen) == runs:
                return chosen


class GroupSweep(Sweep):
    """The same two as members of a group."""

    def share(self):
        for daemon, name in (self.seed, 'ada'), (self.peer, 'bob'):
            make_user(daemon, name)
        make_group(self.seed, 'study')
        join_by_invite(self.seed, 'study', self.peer)
        upload(self.seed, self.path, 'study', piece_size=PIECE)
        wait_file(self.peer, 'study', 'notes.bin')

    def begin(self):
        return start_download(self.peer, 'study', 'notes.bin')


def _disk(sweep, caller, kinds, errors=DISK_ERRORS):
    """Fetches while one call of that kind fails, or all from one on."""
    for kind, error, first, last in sweep.choose(caller, kinds, errors):
        text = f'{caller} {kind} {first}{"" if last == first else " and on"}: error {error}'
        sweep.net.note(text)
        sweep.faults.arm(caller, kind, error, first, last)
        try:
            ident = sweep.begin_or_none()
            if ident is not None:
                sweep.peer.wait_until(lambda: sweep.peer.transfer(ident)['state'] in ENDED, 30,
                                      'at an end')
                sweep.check_pieces(ident)
            sweep.faults.cure()
            sweep.finish(ident or sweep.begin())
        except (Dead, AssertionError, TimeoutError) as problem:
            raise AssertionError(f'{text}, at {sweep.faults.failed_at()}: {problem}') from problem


@test(deadline=DEADLINE)
def disk_call_that_fails_is_a_state_that_can_be_left(net):
    _disk(Sweep(net), 'us', ('open', 'write', 'sync', 'rename', 'stat', 'lock', 'read'))


@test
def half_a_write_is_made_whole(net):
    sweep = Sweep(net)
    for kind in ('write', 'append'):
        sweep.faults.arm('us', kind, SHORT)
        ident = sweep.begin()
        sweep.peer.wait_state(ident, 'sharing')
        assert sweep.faults.failed() > 3
        sweep.faults.cure()
        sweep.finish(ident)


@test(deadline=DEADLINE)
def database_call_that_fails_is_a_state_that_can_be_left(net):
    _disk(Sweep(net), 'sqlite', ('write', 'sync', 'read', 'open', 'truncate', 'stat'),
          (errno.EIO, errno.ENOSPC, errno.ENOMEM))


@test(deadline=DEADLINE)
def memory_that_sqlite_does_not_get_is_a_state_that_can_be_left(net):
    _disk(Sweep(net), 'sqlite', ('allocate',), (errno.ENOMEM,))


def _memory(sweep, caller, runs):
    """Some of the calls it makes meanwhile may fail as well; it lives."""
    for kind, error, first, last in sweep.choose(caller, ('allocate',), (errno.ENOMEM,), runs):
        last = min(last, first + 40)
        text = f'allocations {first} to {last} by {caller}'
        sweep.net.note(text)
        sweep.faults.arm(caller, kind, error, first, last)
        try:
            with contextlib.suppress(ControlError, ControlClosed, ConnectionError):
                sweep.begin()
            sweep.wait_calls(caller, 'allocate', last)
            sweep.faults.cure()
            sweep.peer.reconnect()
            ident = sweep.begin()  # or the one there is
            sweep.check_pieces(ident)
            sweep.finish(ident)
        except (Dead, AssertionError, TimeoutError) as problem:
            raise AssertionError(f'{text}, at {sweep.faults.failed_at()}: {problem}') from problem


@test(deadline=DEADLINE)
def memory_that_we_do_not_get_is_a_state_that_can_be_left(net):
    _memory(Sweep(net), 'us', 4 * RUNS)


@test(deadline=DEADLINE)
def memory_that_we_do_not_get_in_a_group_is_a_state_that_can_be_left(net):
    _memory(GroupSweep(net), 'us', 4 * RUNS)


@test(deadline=DEADLINE)
def want_of_memory_passes_by_itself(net):
    """Nobody says resume, nor asks again for what was taken on."""
    sweep = GroupSweep(net)
    every = range(1, sweep.counts('us', ['allocate'])['allocate'] + 1)
    for number in SAMPLE.sample(every, 2 * RUNS) if RUNS else every:
        net.note(f'allocation {number}')
        sweep.faults.arm('us', 'allocate', errno.ENOMEM, number, number)
        with contextlib.suppress(ControlError, ControlClosed, ConnectionError):
            sweep.begin()
        sweep.wait_calls('us', 'allocate', number)
        sweep.faults.cure()
        sweep.peer.reconnect()
        there = sweep.peer.transfers()
        ident = there[0]['id'] if there else sweep.begin()
        sweep.peer.wait_state(ident, 'sharing')
        sweep.finish(ident)


@test(deadline=DEADLINE)
def memory_that_libcrypto_does_not_get_is_a_state_that_can_be_left(net):
    _memory(GroupSweep(net), 'crypto', RUNS)


@test(deadline=DEADLINE)
def socket_call_that_fails_costs_a_connection_at_most(net):
    sweep = Sweep(net)
    kinds = {'socket': (errno.EMFILE, errno.ENOBUFS), 'connect': (errno.ENETUNREACH, errno.EMFILE),
             'send': (errno.ECONNRESET, errno.ENOBUFS, SHORT),
             'receive': (errno.ECONNRESET, errno.ENOMEM)}
    for caller in ('libuv', 'us'):
        counts = sweep.counts(caller, kinds)
        net.note(f'calls by {caller}: {counts}')
        for kind in (kind for kind in kinds if counts[kind] > 0):
            for _ in range(max(1, (RUNS or 200) // 4)):
                error, first = SAMPLE.choice(kinds[kind]), SAMPLE.randint(1, counts[kind])
                net.note(f'{caller} {kind} {first}: error {error}')
                sweep.faults.arm(caller, kind, error, first, first + SAMPLE.randrange(3))
                with contextlib.suppress(ControlClosed, ConnectionError):
                    sweep.begin()
                    sweep.wait_calls(caller, kind, first)
                sweep.faults.cure()
                sweep.peer.reconnect()
                ident = sweep.begin()
                sweep.peer.call('transfer.resume', id=ident)
                sweep.finish(ident)


@test
def connections_that_cannot_be_accepted_are_accepted_later(net):
    faults = Faults(net)
    seed = net.daemon('seed', faults=faults)
    peer = net.daemon('peer', bootstrap=[seed])
    path = net.make_file('notes.bin', MIB)
    link = seed.share(path)['link']
    faults.arm('libuv', 'accept', errno.EMFILE)
    ident = peer.add(link, **{'from': [seed.endpoint]})
    peer.wait_until(lambda: faults.failed() > 0)
    faults.cure()
    peer.call('transfer.resume', id=ident)
    assert sha1_file(peer.follow(ident)['path']) == sha1_file(path)


@test
def who_comes_when_descriptors_have_run_out_is_let_go_and_the_next_one_served(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('notes.bin', MIB)
    link = seed.share(path)['link']
    used = len(os.listdir(f'/proc/{seed.pid}/fd'))
    resource.prlimit(seed.pid, resource.RLIMIT_NOFILE, (used + 12, used + 12))
    with contextlib.ExitStack() as crowd:
        for i in range(60):
            crowd.enter_context(socket.create_connection((seed.address, seed.port), 20))
            if i % 3 == 0:
                with contextlib.suppress(ConnectionError):
                    crowd.enter_context(Control(seed.socket))
            assert seed.status()['pid'] == seed.pid  # who is connected already
    seed.wait_until(lambda: len(os.listdir(f'/proc/{seed.pid}/fd')) <= used + 1, 60,
                    'rid of them')
    seed.reconnect()
    ident = peer.add(link, **{'from': [seed.endpoint]})
    assert sha1_file(peer.follow(ident)['path']) == sha1_file(path)


@test(deadline=DEADLINE)
def start_that_fails_says_why_and_the_next_one_works(net):
    faults = Faults(net)
    one = net.daemon('one', faults=faults)
    path = net.make_file('notes.bin', 4 * PIECE)
    ident = one.share(path, wait_announce=0)['transfer']['id']
    one.stop()
    faults.cure()
    one.start()
    kinds = [(caller, kind, error) for caller, kind, error in (
        ('us', 'open', errno.EMFILE), ('us', 'folder', errno.EROFS), ('us', 'stat', errno.EIO),
        ('us', 'lock', errno.EIO), ('us', 'allocate', errno.ENOMEM),
        ('sqlite', 'open', errno.EMFILE), ('sqlite', 'read', errno.EIO),
        ('sqlite', 'write', errno.ENOSPC), ('sqlite', 'allocate', errno.ENOMEM),
        ('crypto', 'allocate', errno.ENOMEM),  # libuv ends the program itself
        ('libuv', 'bind', errno.EADDRNOTAVAIL), ('libuv', 'socket', errno.EMFILE))
        if faults.calls(caller, kind) > 0]
    counts = {caller + kind: faults.calls(caller, kind) for caller, kind, _ in kinds}
    one.stop()
    refused = 0
    for _ in range(RUNS or 400):
        caller, kind, error = SAMPLE.choice(kinds)
        first = SAMPLE.randint(1, counts[caller + kind])
        last = SAMPLE.choice((first, FOREVER))
        text = f'{caller} {kind} {first}{"" if last == first else " and on"}: error {error}'
        net.note(text)
        faults.cure()
        faults.arm(caller, kind, error, first, last)
        try:
            one.start(port=one.port)
            faults.cure()
            one.stop()
        except (ControlClosed, ConnectionError):  # it runs, and had no memory for us
            faults.cure()
            one.stop()
        except (Dead, AssertionError):
            status = one.wait_end(20)
            assert 0 < status < 32, f'{text}, at {faults.failed_at()}: exit {status}'
            refused += 1
    faults.cure()
    one.start(port=one.port)
    assert one.transfer(ident)['state'] == 'sharing'
    net.note(f'{refused} starts refused')


# ---- one call in one place ----

@test
def what_cannot_be_kept_is_said_and_not_done(net):
    faults = Faults(net)
    one = net.daemon('one', faults=faults)
    path = net.make_file('notes.bin', 4 * PIECE)
    ident = one.share(path, wait_announce=0)['transfer']['id']
    faults.arm('sqlite', 'write', errno.ENOSPC)
    for words in (('pause', '1'), ('unshare', 'notes.bin'), ('rm', '1', '-y'), ('pause', '--all')):
        refused = one.cli(*words)
        assert refused.exit == 9 and 'database: no space left' in refused.err, (words, refused)
        assert one.transfer(ident)['state'] == 'sharing', words
    faults.cure()
    one.ok('pause', '1')
    faults.arm('sqlite', 'write', errno.ENOSPC)
    refused = one.cli('resume', '1')
    assert refused.exit == 9 and one.transfer(ident)['state'] == 'paused', refused
    faults.cure()
    one.ok('resume', '1')
    one.ok('unshare', 'notes.bin')
    one.stop()
    one.start()
    assert not one.transfers() and os.path.exists(path)


@test
def data_that_is_removed_makes_room_even_if_it_is_not_forgotten(net):
    sweep = Sweep(net)
    path = sweep.peer.follow(sweep.begin())['path']
    sweep.faults.arm('sqlite', 'write', errno.ENOSPC)
    refused = sweep.peer.cli('rm', '1', '--data', '-y')
    assert refused.exit == 9 and 'is listed again' in refused.err, refused
    assert not os.path.exists(path)
    sweep.faults.cure()
    sweep.peer.stop()
    sweep.peer.start()
    sweep.peer.wait_state(1, 'missing_files')


@test
def failed_sync_makes_what_was_not_synced_doubtful(net):
    """The system may have thrown away what it could not write, and says so only once."""
    sweep = Sweep(net)
    sweep.faults.arm('us', 'sync', errno.EIO, 1, 1)
    ident = sweep.begin()
    failed = sweep.peer.wait_state(ident, 'error')
    assert 'Input/output error' in failed['reason'], failed
    part = os.path.join(sweep.peer.downloads, 'notes.bin.part')
    with open(part, 'r+b') as file:  # thrown away
        stat = os.stat(part)
        file.seek(5 * PIECE)
        file.write(bytes(PIECE))
    os.utime(part, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    sweep.faults.cure()
    sweep.finish(ident)


@test
def complete_file_outlives_a_sync_of_its_folder_that_fails(net):
    sweep = Sweep(net)
    for n in range(1, sweep.counts('us', ['sync'])['sync'] + 1):
        sweep.faults.arm('us', 'sync', errno.EIO, n)
        ident = sweep.begin()
        sweep.peer.wait_state(ident, 'error')
        sweep.faults.cure()
        sweep.finish(ident)


@test
def verification_that_cannot_read_says_so_and_loses_nothing(net):
    sweep = Sweep(net)
    ident = sweep.begin()
    sweep.peer.wait_state(ident, 'sharing')
    for kind, error in (('read', errno.EIO), ('open', errno.EMFILE)):
        os.utime(os.path.join(sweep.peer.downloads, 'notes.bin'))
        sweep.faults.arm('us', kind, error)
        result = sweep.peer.cli('verify', str(ident))
        assert result.exit == 9 and os.strerror(error) in result.err, result
        failed = sweep.peer.transfer(ident)
        assert failed['state'] == 'error' and os.strerror(error) in failed['reason'], failed
        assert len(sweep.peer.pieces(ident)) == len(sweep.content) // PIECE
        sweep.faults.cure()
        sweep.peer.call('transfer.resume', id=ident)
        sweep.peer.wait_state(ident, 'sharing')
    sweep.finish(ident)


@test
def want_of_descriptors_passes_by_itself(net):
    sweep = Sweep(net)
    sweep.faults.arm('us', 'open', errno.EMFILE, 6)
    ident = sweep.begin()
    failed = sweep.peer.wait_state(ident, 'error')
    assert 'Too many open files' in failed['reason'], failed
    assert os.path.exists(failed['path']), 'it should fail with the partial file just made'
    sweep.faults.cure()
    sweep.peer.wait_state(ident, 'sharing')  # nobody said resume
    sweep.finish(ident)


@test
def loop_never_writes_to_downloads(net):
    sweep = Sweep(net, 4 * MIB)
    sweep.faults.watch(sweep.peer.downloads)
    folder = net.path('album')
    for i in range(40):
        os.renames(net.make_file(f'{i}', 3000 * i), os.path.join(folder, f'{i % 5}', f'{i}'))
    album = sweep.seed.share(folder)['link']
    for link in (sweep.link, album):
        ident = sweep.peer.add(link, **{'from': [sweep.seed.endpoint]})
        sweep.peer.wait_state(ident, 'sharing')
        sweep.peer.cli('verify', str(ident))
        sweep.peer.call('transfer.remove', id=ident, data=True)
    count, first = sweep.faults.loop_writes()
    assert count == 0, f'{count} writes from the loop, the first to {first}'
    assert sweep.faults.calls('us', 'write') > 0


# ---- many files, long pieces ----

def _open_files(daemon, folder):
    """How many of its open files lie below the folder."""
    count = 0
    for fd in os.listdir(f'/proc/{daemon.pid}/fd'):
        with contextlib.suppress(OSError):
            count += os.readlink(f'/proc/{daemon.pid}/fd/{fd}').startswith(folder)
    return count


@test(deadline=400)
def share_of_many_files_keeps_few_of_them_open(net):
    faults = Faults(net)
    seed = net.daemon('seed', faults=Faults(net, 'seed-faults'))
    peer = net.daemon('peer', bootstrap=[seed], faults=faults)
    album, content = net.path('album'), net.rng.randbytes(FILES + 1500)
    for i in range(FILES):
        if i % 100 == 0:
            os.makedirs(os.path.join(album, str(i // 100)))
        with open(os.path.join(album, str(i // 100), str(i)), 'wb') as file:
            file.write(content[i:i + i % 1500])
    link = seed.share(album, piece_size=PIECE)['link']
    ident = peer.add(link, **{'from': [seed.endpoint]})
    most = {seed: 0, peer: 0}

    def is_done():
        for daemon, folder in ((seed, album), (peer, peer.downloads)):
            most[daemon] = max(most[daemon], _open_files(daemon, folder))
        return peer.transfer(ident)['state'] == 'sharing'

    peer.wait_until(is_done, 300)
    net.note(f'open files at most: {most[seed]} of the seed, {most[peer]} of the peer')
    assert 0 < max(most.values()) <= 64 + 4 * 4, most  # the cache's, and those of the threads
    assert tree_of(os.path.join(peer.downloads, 'album')) == tree_of(album)


@test
def pieces_of_64_mib_travel(net):
    seed = net.daemon('seed')
    peer = net.daemon('peer', bootstrap=[seed])
    path = net.make_file('big.bin', 100 * MIB)
    link = seed.share(path, piece_size=64 * MIB)['link']
    ident = peer.add(link, **{'from': [seed.endpoint]})
    done = peer.wait_state(ident, 'sharing')
    assert peer.call('transfer.pieces', id=ident)['total'] == 2
    assert sha1_file(done['path']) == sha1_file(path)


# ---- the machine stops ----

@test
def restart_of_the_machine_verifies_what_was_not_synced(net):
    sweep = Sweep(net, 2 * MIB)
    ident = sweep.peer.add(sweep.link, **{'from': [sweep.seed.endpoint]})
    sweep.peer.wait_state(ident, 'sharing')
    sweep.peer.call('transfer.remove', id=ident, data=True)
    sweep.faults.arm('us', 'write', errno.ENOSPC, 20)
    ident = sweep.begin()
    sweep.peer.wait_state(ident, 'no_space')
    had = sorted(sweep.peer.pieces(ident))
    sweep.peer.kill9()
    sweep.faults.cure()
    synced, lost = had[:len(had) // 2], had[len(had) // 2:]
    bits = bytearray((len(sweep.content) // PIECE + 7) // 8)
    for piece in synced:
        bits[piece // 8] |= 0x80 >> piece % 8
    with contextlib.closing(sqlite3.connect(sweep.peer.database)) as database, database:
        database.execute('UPDATE progress SET boot_id = ?, synced = ? WHERE id = ?',
                         ('another boot', bytes(bits), ident))
    with open(os.path.join(sweep.peer.downloads, 'notes.bin.part'), 'r+b') as file:
        for piece in lost[::2]:
            file.seek(piece * PIECE)
            file.write(bytes(PIECE))
    sweep.seed.stop()
    sweep.peer.start(port=sweep.peer.port)
    left = sweep.peer.wait_until(
        lambda: (have := sweep.check_or_none(ident)) is not None and
        sweep.peer.transfer(ident)['state'] != 'verifying' and have)
    assert left == set(had) - set(lost[::2]), (had, lost, left)
    sweep.seed.start(port=sweep.seed.port)
    sweep.peer.call('transfer.resume', id=ident)
    sweep.finish(ident)


# ---- somebody kills it ----

def _pieces_or_none(peer, ident):
    try:
        return peer.pieces(ident)
    except ControlError as error:  # it knows nothing of the content yet
        assert error.code == 'not_known', error
        return set()


class Kills:
    """A seed and a peer, killed at random moments of transfers until `count` kills are done."""

    def __init__(self, net, count):
        self.net = net
        self.count = count
        self.done = 0
        self.reported = set()  # pieces the peer has told of

    def take_in(self, peer, ident):
        self.reported |= {e['piece'] for e in peer.events
                          if e['what'] == 'piece' and e.get('id') == ident}

    def kill(self, victim, peer, ident):
        """Waits for a few pieces, kills, and looks at what the peer still has."""
        before = len(self.reported)
        wanted = self.net.rng.randrange(6)
        with contextlib.suppress(TimeoutError):
            peer.wait_until(lambda: self.take_in(peer, ident) or
                            len(self.reported) - before >= wanted or
                            any(e['what'] == 'done' for e in peer.events), 10)
        victim.process.kill()
        peer.drain(0.05)  # what it had said before it died
        self.take_in(peer, ident)
        if victim is peer:
            victim.kill9()
        else:
            victim.wait_end(20)
        victim.start(port=victim.port)
        self.done += 1


def _killed_transfers(net, count, peer, seed, begin, content):
    """begin() adds the transfer to the peer and gives its id."""
    kills = Kills(net, count)
    while kills.done < count:
        ident = begin()
        kills.reported = set()
        while kills.done < count:
            victim = net.rng.choice((peer, peer, seed))
            kills.kill(victim, peer, ident)
            have = _pieces_or_none(peer, ident)
            lost = kills.reported - have
            assert not lost, f'after kill {kills.done}: {sorted(lost)} were reported and are gone'
            if len(have) == (len(content) + PIECE - 1) // PIECE:
                break
        peer.call('transfer.resume', id=ident)
        done = peer.wait_state(ident, 'sharing', timeout=120)
        with open(done['path'], 'rb') as file:
            assert file.read() == content, 'what was fetched is wrong'
        peer.call('transfer.remove', id=ident, data=True)
    net.note(f'{kills.done} kills')


@test(deadline=max(120, KILLS * 3))
def kills_of_both_sides_lose_no_verified_piece(net):
    _, seed, peer = net.star('seed', 'peer')
    path = net.make_file('big.bin', 16 * MIB)
    link = seed.share(path, piece_size=PIECE)['link']
    with open(path, 'rb') as file:
        content = file.read()
    _killed_transfers(net, KILLS, peer, seed,
                      lambda: peer.add(link, **{'from': [seed.endpoint]}), content)


@test(deadline=max(120, KILLS * 6))
def kills_during_a_transfer_of_a_group_lose_no_verified_piece(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    path = net.make_file('big.bin', 16 * MIB)
    upload(ada, path, 'study', piece_size=PIECE)
    with open(path, 'rb') as file:
        content = file.read()

    def log_in_both(daemon):
        log_in(daemon, 'ada' if daemon is ada else 'bob')

    start = type(ada).start
    for daemon in (ada, bob):  # whoever was killed is nobody before he logs in again
        daemon.start = lambda daemon=daemon, **options: (start(daemon, **options),
                                                         log_in_both(daemon))[0]
    wait_file(bob, 'study', 'big.bin')
    _killed_transfers(net, max(4, KILLS // 5), bob, ada,
                      lambda: start_download(bob, 'study', 'big.bin'), content)
