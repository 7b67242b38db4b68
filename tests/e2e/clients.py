"""Programs that are not ours, as hosts of a Lan (lan.py): aria2 and Transmission. Whatever they
could tell the world (DHT, local discovery, port mapping) is off; they hear of peers by a tracker."""

import base64
import contextlib
import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

from harness import Skip

PORT = 6881      # each has an address of its own
RPC_PORT = 9091
PATIENCE = 60.0  # seconds for what takes Transmission up to 20


def need(program):
    if not shutil.which(program):
        raise Skip(f'{program} is not installed')


class Client:
    def __init__(self, net, host, name):
        self.net, self.host, self.name = net, host, name
        self.folder = net.path(name, 'got')
        self.log = net.path(name, 'log')
        self.child = None
        os.makedirs(self.folder)

    @property
    def endpoint(self):
        return f'{self.host.address}:{PORT}'

    def run(self, *args):
        env = {'PATH': os.environ['PATH'], 'HOME': self.net.path(self.name), 'LANG': 'C.UTF-8'}
        with open(self.log, 'ab') as log:
            self.child = self.host.spawn(args, env=env, stdin=subprocess.DEVNULL, stdout=log,
                                         stderr=log, cwd=self.net.path(self.name))
        self.net.children.append(self.child)
        self.net.note(f'{self.name} runs as pid {self.child.pid} on {self.endpoint}')

    def end(self):
        self.child.kill()
        self.child.wait()
        self.net.children.remove(self.child)

    def log_text(self):
        with open(self.log, encoding='utf-8', errors='replace') as source:
            return source.read()

    def path(self, *names):
        return os.path.join(self.folder, *names)


class Aria2(Client):
    """Runs for one torrent: fetches and ends, or seeds until it is ended."""

    def start(self, *options):
        need('aria2c')
        self.run('aria2c', '--no-conf', '--enable-dht=false', '--enable-dht6=false',
                 '--enable-peer-exchange=false', '--bt-enable-lpd=false', '--disable-ipv6=true',
                 f'--interface={self.host.address}', f'--listen-port={PORT}',
                 '--follow-torrent=mem', '--console-log-level=info', '--summary-interval=0',
                 '--file-allocation=none', '--bt-tracker-connect-timeout=10', f'--dir={self.folder}',
                 *options)
        return self

    def fetch(self, torrent, *options):
        """torrent: a file or a magnet link."""
        return self.start('--seed-time=0', *options, torrent)

    def seed(self, torrent, *options):
        return self.start('--check-integrity=true', '--seed-ratio=0.0', *options, torrent)

    def wait(self, timeout=PATIENCE):
        """Until it has everything."""
        status = self.child.wait(timeout * self.net.slow)
        assert status == 0, f'{self.name} ended with {status}: {self.log_text()[-4000:]}'


class Transmission(Client):
    """The daemon, spoken to by its RPC; any number of torrents at a time."""

    ENCRYPTION = {'tolerated': 0, 'preferred': 1, 'required': 2}

    def start(self, encryption='preferred', **settings):
        need('transmission-daemon')
        home = self.net.path(self.name, 'home')
        shutil.rmtree(home, ignore_errors=True)  # of an earlier run
        os.makedirs(home)
        with open(os.path.join(home, 'settings.json'), 'w', encoding='ascii') as out:
            json.dump({'bind-address-ipv4': self.host.address, 'peer-port': PORT,
                       'rpc-port': RPC_PORT, 'rpc-bind-address': self.host.address,
                       'rpc-whitelist-enabled': False, 'rpc-host-whitelist-enabled': False,
                       'dht-enabled': False, 'lpd-enabled': False, 'pex-enabled': False,
                       'utp-enabled': False, 'port-forwarding-enabled': False,
                       'encryption': self.ENCRYPTION[encryption], 'message-level': 3,
                       'download-dir': self.folder, 'download-queue-enabled': False,
                       **settings}, out)
        self.session = ''
        self.run('transmission-daemon', '--foreground', '--config-dir', home)
        self.wait_until(self.answers, 'ready')
        with contextlib.suppress(OSError):  # it would stay behind when the daemon is killed
            os.unlink(f'/tmp/tr_session_id_{self.session}')
        return self

    def wait_until(self, question, what, timeout=PATIENCE):
        deadline = time.monotonic() + timeout * self.net.slow
        while not (answer := question()):
            if self.child.poll() is not None:
                raise AssertionError(f'{self.name} ended: {self.log_text()[-4000:]}')
            if time.monotonic() > deadline:
                raise TimeoutError(f'{self.name}: not {what} in {timeout} s: {self.torrents()} '
                                   f'{self.log_text()[-4000:]}')
            time.sleep(0.1)
        return answer

    def answers(self):
        try:
            return self.call('session-get')
        except (urllib.error.URLError, ConnectionError):
            return None

    def call(self, method, **arguments):
        body = json.dumps({'method': method, 'arguments': arguments}).encode()
        request = urllib.request.Request(
            f'http://{self.host.address}:{RPC_PORT}/transmission/rpc', body,
            {'X-Transmission-Session-Id': self.session})
        try:
            with urllib.request.urlopen(request, timeout=PATIENCE * self.net.slow) as answer:
                found = json.load(answer)
        except urllib.error.HTTPError as error:
            if error.code != 409:  # it tells the session's id so
                raise
            self.session = error.headers['X-Transmission-Session-Id']
            return self.call(method, **arguments)
        assert found['result'] == 'success', (method, found)
        return found['arguments']

    def add(self, torrent, **arguments):
        """torrent: a file or a magnet link. What is in its folder already is verified."""
        if torrent.startswith('magnet:'):
            what = {'filename': torrent}
        else:
            with open(torrent, 'rb') as source:
                what = {'metainfo': base64.b64encode(source.read()).decode()}
        return self.call('torrent-add', **what, **arguments)['torrent-added']['hashString']

    def torrents(self, *fields):
        fields = ['hashString', 'name', 'percentDone', 'leftUntilDone', 'metadataPercentComplete',
                  'status', 'errorString', 'peers', *fields]
        return self.call('torrent-get', fields=fields)['torrents']

    def torrent(self, hash_hex, *fields):
        return next(t for t in self.torrents(*fields) if t['hashString'] == hash_hex)

    def has(self, hash_hex):
        torrent = self.torrent(hash_hex)
        return torrent['metadataPercentComplete'] == 1 and torrent['leftUntilDone'] == 0

    def wait(self, *hashes, timeout=PATIENCE):
        """Until it has everything."""
        self.wait_until(lambda: all(map(self.has, hashes)), 'complete', timeout)
