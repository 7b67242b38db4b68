"""A peer that means harm: raw bytes out, and a thread that takes in whatever comes and notices when
it is hung up on. What it says, and when, is up to the test."""

import os
import socket
import struct
import threading

from btpeer import (BITFIELD, BLOCK, CANCEL, CHOKE, EXTENDED, HAVE, HAVE_ALL, HAVE_NONE, INTERESTED,
                    NOT_INTERESTED, PIECE, REQUEST, UNCHOKE, handshake_bytes, hang_up, read_exactly)

PORT, SUGGEST, REJECT, ALLOWED_FAST = 9, 13, 16, 17
RESERVED_PLAIN = b'\0\0\0\0\0\x10\0\0'  # without the fast extension
KEEP_ALIVE = bytes(4)


def message(kind, *numbers, body=b''):
    payload = b''.join(struct.pack('>I', number) for number in numbers) + body
    return struct.pack('>IB', 1 + len(payload), kind) + payload


def extended(ident, body):
    return message(EXTENDED, body=bytes([ident]) + body)


class Rogue:
    """One connection to "host:port".

    shake: go through the handshake first. reads: take in what comes. serve(rogue, piece, begin,
    length): what to send for a request; then it claims to have everything, and unchokes. buffer:
    bytes the system takes in ahead. address, port: where it comes from."""

    def __init__(self, endpoint, hash_hex, shake=True, fast=True, reads=True, peer_id=None,
                 address=None, port=0, serve=None, buffer=None):
        host, to = endpoint.rsplit(':', 1)
        self.socket = socket.socket(socket.AF_INET)
        self.socket.settimeout(60)
        if buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        if address:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            self.socket.bind((address, port))
        self.socket.connect((host, int(to)))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.hash = hash_hex
        self.peer_id = peer_id or b'-XX6666-' + os.urandom(12)
        self.serve = serve
        self.asked = []  # (piece, begin, length) in order
        self.hung_up = threading.Event()
        self.was_asked = threading.Event()
        if shake:
            reserved = {} if fast else {'reserved': RESERVED_PLAIN}
            self.put(handshake_bytes(hash_hex, self.peer_id, **reserved))
            try:
                self.theirs = read_exactly(self.socket, 68)
            except OSError:
                self.hung_up.set()
        if serve:
            self.put(message(HAVE_ALL) + message(UNCHOKE))
        if reads:
            threading.Thread(target=self._read, args=(shake,), daemon=True).start()

    def close(self):
        hang_up(self.socket)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    # -- in --

    def _read(self, shaken):
        try:
            while True:
                if not shaken:
                    read_exactly(self.socket, 1)
                    continue
                length = struct.unpack('>I', read_exactly(self.socket, 4))[0]
                body = read_exactly(self.socket, length)
                if length == 13 and body[0] == REQUEST:
                    self._on_request(*struct.unpack('>III', body[1:]))
        except OSError:
            self.hung_up.set()

    def _on_request(self, *request):
        self.asked.append(request)
        self.was_asked.set()
        if self.serve:
            self.put(self.serve(self, *request))

    # -- out --

    def put(self, *chunks):
        """False: hung up on."""
        try:
            for chunk in chunks:
                self.socket.sendall(chunk)
            return True
        except OSError:
            return False

    def flood(self, chunk, times):
        """As often as that, or until it is hung up on."""
        many = max(1, min(times, 16384 // len(chunk)))
        for _ in range(-(-times // many)):
            if self.hung_up.is_set() or not self.put(chunk * many):
                return


__all__ = ['ALLOWED_FAST', 'BITFIELD', 'BLOCK', 'CANCEL', 'CHOKE', 'EXTENDED', 'HAVE', 'HAVE_ALL',
           'HAVE_NONE', 'INTERESTED', 'KEEP_ALIVE', 'NOT_INTERESTED', 'PIECE', 'PORT', 'REJECT',
           'REQUEST', 'Rogue', 'SUGGEST', 'UNCHOKE', 'extended', 'message']
