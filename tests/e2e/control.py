"""A client of the control socket (docs/control.md): calls, streams, and a deadline on everything."""

import collections
import itertools
import selectors
import socket
import time

import msgpack


class ControlError(Exception):
    """The error map of a call: code, exit, message, hint, and whatever else was in it."""

    def __init__(self, method, error):
        super().__init__(f'{method}: {error}')
        self.method = method
        self.error = error if isinstance(error, dict) else {'message': str(error)}
        self.code = self.error.get('code')
        self.exit = self.error.get('exit')
        self.message = self.error.get('message')
        self.hint = self.error.get('hint')


class ControlClosed(Exception):
    """The daemon closed the connection."""


class Call:
    """One call under way. Iterating gives its notifications as (event, params) until it ends."""

    def __init__(self, control, msgid, method):
        self.control = control
        self.msgid = msgid
        self.method = method
        self.notes = collections.deque()
        self.answer = None  # (error, result)

    def next(self, timeout):
        """The next notification, or None when the call has ended."""
        deadline = time.monotonic() + timeout
        while not self.notes and self.answer is None:
            if not self.control.pump(deadline - time.monotonic()):
                raise TimeoutError(f'{self.method}: nothing for {timeout} s')
        return self.notes.popleft() if self.notes else None

    def notifications(self, timeout):
        deadline = time.monotonic() + timeout
        while (note := self.next(max(0.0, deadline - time.monotonic()))) is not None:
            yield note

    def finish(self, timeout):
        """Passes over what is left and returns the result; raises ControlError."""
        for _ in self.notifications(timeout):
            pass
        error, result = self.answer
        if error is not None:
            raise ControlError(self.method, error)
        return result


class Control:
    """One connection. Not for several threads at once."""

    def __init__(self, path, timeout=10.0):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
        self.socket.settimeout(timeout)
        self.socket.connect(path)
        self.unpacker = msgpack.Unpacker(raw=False, unicode_errors='surrogateescape')
        self.msgids = itertools.count(1)
        self.calls = {}
        self.selector = selectors.DefaultSelector()
        self.selector.register(self.socket, selectors.EVENT_READ)

    def close(self):
        self.selector.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def start(self, method, **params):
        """Sends the request of a streaming (or any) call."""
        call = Call(self, next(self.msgids), method)
        self.calls[call.msgid] = call
        self.socket.sendall(msgpack.packb([0, call.msgid, method, params], use_bin_type=True))
        return call

    def call(self, method, timeout=30.0, **params):
        return self.start(method, **params).finish(timeout)

    def pump(self, timeout):
        """Waits for bytes and hands out the messages in them. False: none came in time."""
        if not self.selector.select(max(0.0, timeout)):
            return False
        data = self.socket.recv(1 << 18)
        if not data:
            raise ControlClosed('the daemon closed the control connection')
        self.unpacker.feed(data)
        for message in self.unpacker:
            self._dispatch(message)
        return True

    def _dispatch(self, message):
        if message[0] == 1:
            call = self.calls.pop(message[1], None)
            if call is not None:
                call.answer = (message[2], message[3])
        elif message[0] == 2:
            call = self.calls.get(message[2].get('msgid'))
            if call is not None:
                call.notes.append((message[1], message[2]))
        else:
            raise ValueError(f'not a message for a client: {message!r}')
