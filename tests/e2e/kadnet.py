"""Networks of real kadpeer daemons on 127.0.0.0/8, for the end-to-end tests, the demo and the
simulation with real processes.

    with Net('/path/to/kadpeer', seed=1) as net:
        first = net.daemon('first')
        other = net.daemon('other', bootstrap=[first])
        link = first.share(net.make_file('notes.bin', 1 << 20))['link']
        path = other.fetch(link)['path']

Every daemon has a profile of its own below one temporary folder and an address of its own; ports
are chosen by the system. Nothing survives: children die with their parent, and a janitor process
ends what is left and removes the folder when the parent went without cleaning up.
"""

import atexit
import collections
import contextlib
import ctypes
import hashlib
import json
import os
import random
import selectors
import shutil
import signal
import subprocess
import tempfile
import time

from control import Control, ControlClosed, ControlError

START_TIMEOUT = 20.0  # seconds until the sockets of a daemon are bound
STOP_TIMEOUT = 5.0    # what cli-design.md promises
KILL_TIMEOUT = 20.0
LOG_SHOWN = 80        # lines of a daemon's log that a failure prints
PR_SET_PDEATHSIG = 1

Result = collections.namedtuple('Result', 'exit out err')

_libc = ctypes.CDLL(None, use_errno=True)


class Dead(Exception):
    """A daemon ended that should run."""


# ---- files ----

def make_file(path, size, seed):
    """Bytes that depend on the seed alone; returns the path."""
    os.makedirs(os.path.dirname(path) or '.', exist_ok=True)
    source = random.Random(f'{seed}/{size}')
    with open(path, 'wb') as out:
        for start in range(0, size, 1 << 20):
            out.write(source.randbytes(min(1 << 20, size - start)))
    return path


def sha1_file(path):
    with open(path, 'rb') as source:
        return hashlib.file_digest(source, 'sha1').hexdigest()


def tree_of(folder):
    """{relative path: SHA-1} of every file below a folder."""
    found = {}
    for parent, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(parent, name)
            found[os.path.relpath(path, folder)] = sha1_file(path)
    return found


# ---- processes ----

def _begin_child(parent, netns):
    """Runs in the child, before exec."""
    if netns is not None and _libc.setns(netns, 0) != 0:
        os._exit(1)
    _libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:
        os._exit(1)


def spawn(args, netns=None, **options):
    """A child that never outlives us. netns: a descriptor of the network namespace it runs in."""
    parent = os.getpid()
    return subprocess.Popen(args, preexec_fn=lambda: _begin_child(parent, netns), **options)


def processes_of(root):
    """Pids of processes whose environment names the folder, such as daemons started on demand."""
    wanted = os.fsencode(f'={root}/')
    for name in os.listdir('/proc'):
        if not name.isdigit() or int(name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            with open(f'/proc/{name}/environ', 'rb') as file:
                if wanted in file.read():
                    yield int(name)


def _sweep(root):
    for _ in range(50):
        pids = list(processes_of(root))
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if not pids:
            break
        time.sleep(0.02)
    shutil.rmtree(root, ignore_errors=True)


def _start_janitor(root):
    """A process that sweeps when the pipe from us closes. Returns its pid and the pipe's end."""
    read_end, write_end = os.pipe()
    pid = os.fork()
    if pid != 0:
        os.close(read_end)
        return pid, write_end
    try:
        os.setsid()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        signal.alarm(0)
        os.close(write_end)
        quiet = os.open(os.devnull, os.O_RDWR)
        for fd in (0, 1, 2):
            os.dup2(quiet, fd)
        while os.read(read_end, 1):
            pass
        _sweep(root)
    finally:
        os._exit(0)


def read_line(process, stream, timeout):
    """One line of a child's pipe, or TimeoutError, or Dead when it ended without one."""
    line = b''
    deadline = time.monotonic() + timeout
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while not line.endswith(b'\n'):
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise TimeoutError(f'no line from pid {process.pid} in {timeout} s, only {line!r}')
            byte = os.read(stream.fileno(), 1)
            if not byte:
                raise Dead(f'pid {process.pid} ended without a line, exit {process.wait(5)}')
            line += byte
    return line.decode()


class Profile:
    """The folders, settings and environment of one kadpeer, whether its daemon runs or not."""

    def __init__(self, net, name, config=None, bootstrap=()):
        self.net = net
        self.name = name
        self.home = os.path.join(net.root, name)
        self.downloads = os.path.join(self.home, 'got')
        self.config_dir = os.path.join(self.home, 'c', 'kadpeer')
        self.runtime_dir = os.path.join(self.home, 'r', 'kadpeer')
        self.socket = os.path.join(self.runtime_dir, 'control.sock')
        self.database = os.path.join(self.home, 'd', 'kadpeer', 'kadpeer.db')
        assert len(self.socket) < 108, f'too long for a socket: {self.socket}'
        for folder in (self.downloads, self.config_dir, os.path.dirname(self.runtime_dir)):
            os.makedirs(folder, exist_ok=True)
        os.chmod(os.path.dirname(self.runtime_dir), 0o700)
        self.config = {'transfer.dir': self.downloads, **(config or {})}
        self.write_config()
        self.write_bootstrap(bootstrap)

    @property
    def env(self):
        kept = {key: value for key, value in os.environ.items()
                if key in ('PATH', 'LD_LIBRARY_PATH') or key.endswith('SAN_OPTIONS')}
        return {**kept, 'HOME': self.home, 'LANG': 'C.UTF-8', 'TERM': 'dumb',
                'XDG_CONFIG_HOME': os.path.join(self.home, 'c'),
                'XDG_DATA_HOME': os.path.join(self.home, 'd'),
                'XDG_STATE_HOME': os.path.join(self.home, 's'),
                'XDG_RUNTIME_DIR': os.path.join(self.home, 'r'),
                'KADPEER_DATADIR': os.path.join(self.home, 'none'),
                'KADPEER_LOG': self.net.log_level}

    def write_config(self):
        sections = collections.defaultdict(list)
        for name, value in self.config.items():
            section, key = name.split('.')
            for one in value if isinstance(value, (list, tuple)) else [value]:
                sections[section].append(f'{key} = {one}\n')
        with open(os.path.join(self.config_dir, 'config.ini'), 'w', encoding='utf-8') as out:
            for section, lines in sections.items():
                out.write(f'[{section}]\n' + ''.join(lines))

    def write_bootstrap(self, nodes):
        """nodes: daemons, or "host:port"."""
        with open(os.path.join(self.config_dir, 'bootstrap_nodes.txt'), 'w', encoding='utf-8') as out:
            for node in nodes:
                out.write(f'{node if isinstance(node, str) else node.endpoint}\n')

    def cli_start(self, *args, autostart=False, env=None, **options):
        """The command under way, in pipes of bytes."""
        options = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
                   'stderr': subprocess.PIPE, 'cwd': self.home, **options}
        switch = {} if autostart else {'KADPEER_AUTOSTART': '0'}
        child = spawn([self.net.kadpeer, *map(str, args)],
                      env={**self.env, **switch, **(env or {})}, **options)
        self.net.children.append(child)
        return child

    def cli(self, *args, timeout=60.0, text=True, **options):
        """Runs the command to its end."""
        child = self.cli_start(*args, **options)
        try:
            out, err = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            out, err = child.communicate()
            raise TimeoutError(f'{args} took over {timeout} s: {out!r} {err!r}') from None
        finally:
            self.net.children.remove(child)
        if text:
            out, err = (b.decode('utf-8', 'surrogateescape') if b else '' for b in (out, err))
        self.net.note(f'{self.name}$ kadpeer {" ".join(map(str, args))} -> {child.returncode}')
        return Result(child.returncode, out, err)

    def json(self, *args, **options):
        """Runs it with --json: (exit, [every object it printed])."""
        result = self.cli('--json', *args, **options)
        return result.exit, [json.loads(line) for line in result.out.splitlines()]

    def ok(self, *args, **options):
        """Runs it, wants exit 0, returns what it printed."""
        result = self.cli(*args, **options)
        assert result.exit == 0, f'kadpeer {args}: exit {result.exit}: {result.err}'
        return result.out

    def log_tail(self, lines=LOG_SHOWN):
        found = []
        for path in (os.path.join(self.home, 'daemon.log'),
                     os.path.join(self.home, 's', 'kadpeer', 'kadpeer.log')):
            with contextlib.suppress(OSError):
                with open(path, encoding='utf-8', errors='replace') as source:
                    found += [line.rstrip('\n') for line in collections.deque(source, lines)]
        return found


class Daemon(Profile):
    """A profile whose daemon we run as our child."""

    def __init__(self, net, name, address, config=None, bootstrap=(), args=(), faults=None,
                 netns=None):
        super().__init__(net, name, config, bootstrap)
        self.faults = faults  # what makes its calls fail: faults.py
        self.address = address
        self.netns = netns
        self.args = list(args)
        self.process = None
        self.port = 0
        self.control = None   # for calls
        self._watching = None  # the `events` call, on a connection of its own
        self.events = []      # all of this run, oldest first

    @property
    def endpoint(self):
        return f'[{self.address}]:{self.port}' if ':' in self.address else \
            f'{self.address}:{self.port}'

    @property
    def pid(self):
        return self.process.pid if self.process else None

    # -- life --

    def start(self, port=0, timeout=START_TIMEOUT):
        """Returns when its sockets are bound. Raises Dead when it ends before that."""
        timeout *= self.net.slow
        with open(os.path.join(self.home, 'daemon.log'), 'ab') as log:
            self.process = spawn([self.net.kadpeer, '--json', 'daemon', '--port', str(port),
                                  '--bind', self.address, *self.args],
                                 stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log,
                                 env={**self.env, **(self.faults.env if self.faults else {})},
                                 cwd=self.home, netns=self.netns)
        self.net.children.append(self.process)
        ready = json.loads(read_line(self.process, self.process.stdout, timeout))
        assert ready.get('event') == 'ready', ready
        self.port = ready['port']
        self.control = Control(self.socket)
        self.events = []
        self._watching = Control(self.socket).start('events', since=0)
        self.net.note(f'{self.name} runs as pid {self.pid} on {self.endpoint}')
        return self

    def _ended(self):
        self.drain()
        for control in (self.control, self._watching and self._watching.control):
            if control is not None:
                control.close()
        self.control = self._watching = None
        if self.process in self.net.children:
            self.net.children.remove(self.process)
        if self.process.stdout:
            self.process.stdout.close()

    def wait_end(self, timeout):
        """Waits for it to end by itself; its exit status."""
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise TimeoutError(f'{self.name} (pid {self.pid}) still runs after {timeout} s') from None
        self._ended()
        self.process = None
        return status

    def kill9(self):
        self.process.kill()
        self.wait_end(KILL_TIMEOUT)

    def stop(self, number=signal.SIGTERM, within=STOP_TIMEOUT):
        """Asks it to end and checks that it does, in time and in order."""
        begin = time.monotonic()
        self.process.send_signal(number)
        status = self.wait_end(within * self.net.slow + KILL_TIMEOUT)
        took = time.monotonic() - begin
        assert took <= within * self.net.slow, f'{self.name} took {took:.1f} s to end'
        assert status == 0, f'{self.name} ended with {status}'
        return took

    def reconnect(self):
        """New connections for calls and events: after one that broke."""
        self.control.close()
        self._watching.control.close()
        self.control = Control(self.socket)
        self._watching = Control(self.socket).start('events', since=0)
        self.events = []

    def restart(self):
        """Ends it in order if it runs, and starts it where it was."""
        if self.process is not None:
            self.stop()
        return self.start(port=self.port)

    # -- asking --

    def call(self, method, timeout=30.0, **params):
        return self.control.call(method, timeout=timeout * self.net.slow, **params)

    def stream(self, method, **params):
        """A call on a connection of its own; close its .control when done."""
        return Control(self.socket).start(method, **params)

    def status(self):
        return self.call('status')

    def transfers(self):
        return self.call('transfer.list')['transfers']

    def transfer(self, ident):
        return self.call('transfer.info', id=ident)['transfer']

    def pieces(self, ident):
        """Numbers of the pieces it has."""
        answer = self.call('transfer.pieces', id=ident)
        bits = bytes.fromhex(answer['bitfield'])
        return {i for i in range(answer['total']) if bits[i // 8] & 0x80 >> i % 8}

    # -- events --

    def drain(self, timeout=0.0):
        """Takes in what the daemon has told so far. False: nothing came, or it is gone."""
        if self._watching is None:
            return False
        try:
            came = self._watching.control.pump(timeout)
            while came and self._watching.control.pump(0.0):
                pass
        except (ControlClosed, ConnectionError):
            came = False
        while self._watching.notes:
            self.events.append(self._watching.notes.popleft()[1])
        return came

    def wait_event(self, predicate, timeout=30.0, after=0):
        """The first event of this run, from number `after` on, that the predicate (or name)
        accepts; whether it has come already or not."""
        if isinstance(predicate, str):
            name = predicate
            predicate = lambda event: event['what'] == name  # noqa: E731
        deadline = time.monotonic() + timeout * self.net.slow
        seen = after
        while True:
            for event in self.events[seen:]:
                if predicate(event):
                    return event
            seen = len(self.events)
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError(f'{self.name}: no such event in {timeout} s; the last ones: '
                                   f'{self.events[-5:]}')
            if not self.drain(min(left, 0.25)) and self.process.poll() is not None:
                raise Dead(f'{self.name} ended with {self.process.returncode}')

    def wait_until(self, question, timeout=30.0, what=None):
        """Asks again after each event (and now and then) until the answer is true; returns it."""
        deadline = time.monotonic() + timeout * self.net.slow
        while not (answer := question()):
            if time.monotonic() > deadline:
                raise TimeoutError(f'{self.name}: not {what or "so"} within {timeout} s')
            self.drain(0.1)
            if self.process is None or self.process.poll() is not None:
                raise Dead(f'{self.name} ended')
        return answer

    def wait_nodes(self, count, timeout=30.0):
        return self.wait_until(lambda: sum(self.status()['nodes'].values()) >= count, timeout,
                               f'knowing {count} nodes')

    def wait_state(self, ident, *states, timeout=60.0):
        return self.wait_until(lambda: (t := self.transfer(ident))['state'] in states and t,
                               timeout, f'in {states}')

    # -- doing --

    def share(self, path, timeout=120.0, wait_announce=10, **params):
        call = self.stream('share.add', path=path, wait_announce=wait_announce, **params)
        with call.control:
            return call.finish(timeout * self.net.slow)

    def add(self, link, **params):
        """Starts a fetch by magnet link, 40 digits or name; the id of the transfer."""
        is_link = link.startswith('magnet:') or len(link) == 40
        params = {'link' if is_link else 'name': link, 'dir': self.downloads, **params}
        return self.call('transfer.add', **params)['id']

    def follow(self, ident, timeout=120.0, **params):
        call = self.stream('transfer.follow', id=ident, **params)
        with call.control:
            return call.finish(timeout * self.net.slow)

    def fetch(self, link, timeout=120.0, **params):
        return self.follow(self.add(link, **params), timeout)


class Net:
    """Daemons, files and addresses of one test, under one folder that is removed at the end."""

    def __init__(self, kadpeer, seed=1, slow=1.0, log_level='debug', parent='/tmp', say=None):
        self.kadpeer = os.path.abspath(kadpeer)
        self.seed = seed
        self.slow = slow  # all deadlines are multiplied by it: sanitizers
        self.log_level = log_level
        self.say = say    # called with each line of what goes on
        self.rng = random.Random(f'net/{seed}')
        self.root = tempfile.mkdtemp(prefix='kp', dir=parent)
        self.daemons = []
        self.profiles = []
        self.children = []
        self.notes = []
        self._began = time.monotonic()
        self._addresses = 0
        self._owner = os.getpid()
        self._janitor, self._pipe = _start_janitor(self.root)
        atexit.register(self.close)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def note(self, text):
        self.notes.append(f'{time.monotonic() - self._began:7.3f} {text}')
        if self.say:
            self.say(text)

    def next_address(self):
        """127.A.B.n, with A and B from our pid: parallel tests keep apart."""
        self._addresses += 1
        return f'127.{1 + self._owner // 254 % 254}.{1 + self._owner % 254}.{self._addresses}'

    def daemon(self, name, bootstrap=(), start=True, address=None, host=None, **options):
        """host: of a Lan (lan.py), where it runs."""
        if host is not None:
            address, options['netns'] = host.address, host.netns
        daemon = Daemon(self, name, address or self.next_address(), bootstrap=bootstrap, **options)
        self.daemons.append(daemon)
        self.profiles.append(daemon)
        return daemon.start() if start else daemon

    def profile(self, name, **options):
        self.profiles.append(Profile(self, name, **options))
        return self.profiles[-1]

    def star(self, *names, **options):
        """One daemon to know, and others that know only that one and have found it."""
        first = self.daemon('boot')
        others = [self.daemon(name, bootstrap=[first], **options) for name in names]
        for other in others:
            other.wait_nodes(1)
        return [first, *others]

    def path(self, *names):
        return os.path.join(self.root, *names)

    def make_file(self, name, size, seed=None):
        return make_file(self.path('files', name), size, f'{self.seed}/{seed or name}')

    # -- the end --

    def stop_all(self):
        """Ends what runs, in order and at the same time; what went wrong, as texts."""
        running = [d for d in self.daemons if d.process is not None]
        wrong = []
        begin = time.monotonic()
        for daemon in running:
            if daemon.process.poll() is None:
                daemon.process.terminate()
        for daemon in running:
            try:
                status = daemon.wait_end(STOP_TIMEOUT * self.slow + KILL_TIMEOUT)
                if status != 0:
                    wrong.append(f'{daemon.name} ended with {status}')
                if time.monotonic() - begin > STOP_TIMEOUT * self.slow:
                    wrong.append(f'{daemon.name} took {time.monotonic() - begin:.1f} s to end')
            except TimeoutError as error:
                wrong.append(str(error))
        return wrong

    def show(self, out, lines=LOG_SHOWN):
        """Prints what happened and the end of every log."""
        for note in self.notes:
            print(note, file=out)
        for profile in self.profiles:
            print(f'---- {profile.name}', file=out)
            for event in getattr(profile, 'events', [])[-12:]:
                print(f'event {event}', file=out)
            for line in profile.log_tail(lines):
                print(line, file=out)

    def close(self):
        """Kills what runs and removes the folder. Again: nothing."""
        if self._pipe is None or os.getpid() != self._owner:
            return
        for child in list(self.children):
            if child.poll() is None:
                child.kill()
        for child in list(self.children):
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(KILL_TIMEOUT)
        for daemon in self.daemons:
            if daemon.process is not None:
                daemon._ended()
                daemon.process = None
        _sweep(self.root)
        os.close(self._pipe)
        self._pipe = None
        os.waitpid(self._janitor, 0)
        atexit.unregister(self.close)


def end_on_signals():
    """SIGTERM and SIGHUP become an orderly exit, so that atexit and `with` clean up."""
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: exit(128 + got))


__all__ = ['Control', 'ControlClosed', 'ControlError', 'Daemon', 'Dead', 'Net', 'Profile', 'Result',
           'end_on_signals', 'make_file', 'processes_of', 'sha1_file', 'spawn', 'tree_of']
