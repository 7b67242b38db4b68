"""Allocations that fail in a daemon that serves: while a peer fetches from it, while it shares,
moves, is read from, is told limits. It lives, what fails says so, and all goes on when the cause is
gone.

KADPEER_FAULTS_RUNS=N makes each sweep N runs long (0: one for every allocation there is)."""

import contextlib
import errno
import os
import random

from faults import Faults
from harness import test
from kadnet import ControlClosed, ControlError, Dead, sha1_file

KIB, MIB = 1 << 10, 1 << 20
PIECE = 64 * KIB
BURST = 40  # so many fail in a row
RUNS = int(os.environ.get('KADPEER_FAULTS_RUNS', '8'))
DEADLINE = 120 if RUNS else 3600
SAMPLE = random.Random(os.environ.get('KADPEER_TEST_SEED', '1'))  # the same calls in each run
BROKEN = (ControlClosed, ConnectionError)


class Server:
    """A seed whose allocations fail, and a peer."""

    def __init__(self, net):
        self.net = net
        self.faults = Faults(net)
        self.seed = net.daemon('seed', faults=self.faults)
        self.peer = net.daemon('peer', bootstrap=[self.seed])
        self.peer.wait_nodes(1)
        self.path = net.make_file('notes.bin', MIB)
        self.content = open(self.path, 'rb').read()
        shared = self.seed.share(self.path, piece_size=PIECE)
        self.ident, self.link = shared['transfer']['id'], shared['link']

    def try_it(self, action):
        """What fails says why. The seed's connections may break."""
        try:
            action()
        except ControlError as error:
            assert error.message and error.exit in (1, 3, 9), error
        except BROKEN:
            pass

    def settle(self):
        """Until it allocates no more for now."""
        before = -1
        while before < (calls := self.faults.calls('us', 'allocate')):
            before = calls
            self.seed.drain(0.3)
            if self.seed.process.poll() is not None:
                raise Dead('the seed has ended')

    def sweep(self, action, check, runs=RUNS // 2):
        """check() comes after each try, when nothing fails any more."""
        self.faults.cure()
        action()
        self.settle()
        every = range(1, self.faults.calls('us', 'allocate') + 1)
        check()
        self.net.note(f'{len(every)} allocations')
        chosen = [(n, last) for n in every for last in (n, n + BURST)]
        for first, last in SAMPLE.sample(chosen, min(runs, len(chosen))) if RUNS else chosen:
            text = f'allocations {first} to {last}'
            self.net.note(text)
            self.faults.arm('us', 'allocate', errno.ENOMEM, first, last)
            try:
                self.try_it(action)
                self.settle()
                self.faults.cure()
                self.seed.reconnect()
                check()
            except (Dead, AssertionError, TimeoutError, ControlError, *BROKEN) as problem:
                raise AssertionError(f'{text}, at {self.faults.failed_at()}: {problem!r}') \
                    from problem

    def read(self, offset=0):
        """The file, as a stream to stdout asks for it."""
        content = b''
        while len(content) < len(self.content):
            part = self.seed.call('transfer.read', id=self.ident, offset=len(content))['data']
            assert part, len(content)
            content += part
        return content


@test(deadline=DEADLINE)
def peer_is_served_when_there_is_memory_again(net):
    server = Server(net)

    def begin():
        server.fetched = server.peer.add(server.link, **{'from': [server.seed.endpoint]})
        server.settle()

    def finish():
        for what in 'pause', 'resume':  # it does not wait to dial again
            server.peer.call(f'transfer.{what}', id=server.fetched)
        done = server.peer.wait_state(server.fetched, 'sharing')
        assert sha1_file(done['path']) == sha1_file(server.path)
        server.peer.call('transfer.remove', id=server.fetched, data=True)

    server.sweep(begin, finish)


@test(deadline=DEADLINE)
def share_that_had_no_memory_can_be_asked_for_again(net):
    server = Server(net)
    path = net.make_file('other.bin', MIB)

    def share():
        server.seed.share(path, piece_size=PIECE, wait_announce=0)

    def share_again():
        shared = server.seed.share(path, piece_size=PIECE, wait_announce=0)['transfer']
        ident = server.peer.add(shared['hash'], **{'from': [server.seed.endpoint]})
        server.peer.wait_state(ident, 'sharing')
        server.peer.call('transfer.remove', id=ident, data=True)
        server.seed.call('transfer.remove', id=shared['id'])
        assert [t['id'] for t in server.seed.transfers()] == [server.ident]

    server.sweep(share, share_again)


@test(deadline=DEADLINE)
def move_that_had_no_memory_leaves_one_copy(net):
    server = Server(net)
    places = [net.path('there'), os.path.dirname(server.path)]

    def move():
        server.seed.call('transfer.move', id=server.ident, dir=places[0])

    def move_back():
        for place in places:
            server.seed.call('transfer.move', id=server.ident, dir=place)
            there = [p for p in places if os.path.exists(os.path.join(p, 'notes.bin'))]
            assert there == [place], there
        server.seed.wait_state(server.ident, 'sharing')
        assert sha1_file(server.path) == sha1_file(os.path.join(places[1], 'notes.bin'))

    server.sweep(move, move_back)


@test(deadline=DEADLINE)
def stream_that_had_no_memory_is_read_again(net):
    server = Server(net)

    def check():
        assert server.read() == server.content

    server.sweep(server.read, check)


@test(deadline=DEADLINE)
def limit_that_had_no_memory_is_as_it_was_or_as_it_was_told(net):
    server = Server(net)

    def limit():
        server.seed.call('limit', up=1 << 20)
        server.seed.call('limit', id=server.ident, up=1 << 19)

    def check():
        limit()
        assert server.seed.call('limit')['up'] == 1 << 20
        assert server.seed.call('limit', id=server.ident)['up'] == 1 << 19
        server.seed.call('limit', up=0)
        server.seed.call('limit', id=server.ident, up=0)

    server.sweep(limit, check)


@test
def what_was_paused_and_cannot_be_told_is_not_called_unsaved(net):
    """Memory for the answer that it has no more."""
    faults = Faults(net)
    one = net.daemon('one', faults=faults)
    ident = one.share(net.make_file('notes.bin', PIECE), wait_announce=0)['transfer']['id']
    truly = tried = 0
    while tried < 40 or not truly:  # which call it is depends on what else goes on
        one.call('transfer.resume', all=True)
        faults.arm('us', 'allocate', errno.ENOMEM, 1 + tried % 40, 1 + tried % 40)
        tried += 1
        try:
            one.call('transfer.pause', all=True)
        except ControlError as error:
            assert 'database' not in error.message, error
            if 'it was done' in error.message:
                assert one.transfer(ident)['state'] == 'paused' and error.exit == 1, error
                truly += 1
        except BROKEN:
            faults.cure()
            one.reconnect()
        faults.cure()
