"""A person at a terminal: a command in a pseudo terminal of its own, typed to and read from."""

import fcntl
import os
import pty
import selectors
import struct
import termios
import time

from kadnet import spawn


class Terminal:
    def __init__(self, profile, *args, autostart=False, env=None, columns=100, lines=24):
        self.profile = profile
        self.slow = profile.net.slow
        self.shown = b''  # what has not been expected yet
        self.all = b''
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack('HHHH', lines, columns, 0, 0))
        switch = {} if autostart else {'KADPEER_AUTOSTART': '0'}
        self.process = spawn(['setsid', '--ctty', profile.net.kadpeer, *map(str, args)],
                             stdin=slave, stdout=slave, stderr=slave, cwd=profile.home,
                             env={**profile.env, 'TERM': 'xterm', **switch, **(env or {})})
        os.close(slave)
        profile.net.children.append(self.process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        if self.process in self.profile.net.children:
            self.profile.net.children.remove(self.process)
        os.close(self.master)

    def type(self, text):
        os.write(self.master, text.encode())
        return self

    def _read(self, deadline):
        with selectors.DefaultSelector() as selector:
            selector.register(self.master, selectors.EVENT_READ)
            if not selector.select(max(0.0, deadline - time.monotonic())):
                return b''
        try:
            return os.read(self.master, 65536)
        except OSError:  # the other end is closed
            return b''

    def expect(self, text, timeout=30.0):
        """Waits until it is shown; returns all up to its end."""
        wanted = text.encode()
        deadline = time.monotonic() + timeout * self.slow
        while wanted not in self.shown:
            came = self._read(deadline)
            assert came, f'{text!r} was not shown, but {self.shown!r} (all: {self.all!r})'
            self.shown += came
            self.all += came
        end = self.shown.index(wanted) + len(wanted)
        seen, self.shown = self.shown[:end], self.shown[end:]
        return seen.decode(errors='replace')

    def run(self, line, prompt):
        """Types a line; what is shown until the next prompt."""
        self.type(line + '\r')
        return self.expect('\n' + prompt)

    def end(self, timeout=20.0):
        """Waits until it has ended; its exit status."""
        deadline = time.monotonic() + timeout * self.slow
        while came := self._read(deadline):
            self.shown += came
            self.all += came
        return self.process.wait(max(0.1, deadline - time.monotonic()))
