"""A small BitTorrent peer in Python [BEP 3, 6, 9, 10], as a stranger for the daemons to meet: it
can seed slowly, in part, with wrong bytes, or break the protocol."""

import hashlib
import os
import socket
import struct
import threading

from torrentfile import decode_prefix, encode, infohash

BLOCK = 16384
CHOKE, UNCHOKE, INTERESTED, NOT_INTERESTED, HAVE, BITFIELD, REQUEST, PIECE, CANCEL = range(9)
HAVE_ALL, HAVE_NONE, EXTENDED = 14, 15, 20
METADATA_ID = 3  # of our ut_metadata


def read_exactly(connection, count):
    data = b''
    while len(data) < count:
        more = connection.recv(count - len(data))
        if not more:
            raise ConnectionError('closed')
        data += more
    return data


def hang_up(connection):
    """Also when another thread is reading from it."""
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
    connection.close()


def handshake_bytes(hash_hex, peer_id, reserved=b'\0\0\0\0\0\x10\0\x04'):
    return b'\x13BitTorrent protocol' + reserved + bytes.fromhex(hash_hex) + peer_id


class Connection:
    """One connection after the handshake: whole messages in and out."""

    def __init__(self, connection, hash_hex, peer_id, dial):
        self.socket = connection
        self.lock = threading.Lock()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        ours = handshake_bytes(hash_hex, peer_id)
        if dial:
            connection.sendall(ours)
        theirs = read_exactly(connection, 68)
        if theirs[:20] != ours[:20] or theirs[28:48] != ours[28:48]:
            raise ConnectionError('another protocol or infohash')
        self.reserved, self.peer_id = theirs[20:28], theirs[48:]
        if not dial:
            connection.sendall(ours)

    def send(self, kind, payload=b''):
        with self.lock:
            self.socket.sendall(struct.pack('>IB', 1 + len(payload), kind) + payload)

    def receive(self):
        """(kind, payload); keep-alives are passed over."""
        while True:
            length = struct.unpack('>I', read_exactly(self.socket, 4))[0]
            if length:
                body = read_exactly(self.socket, length)
                return body[0], body[1:]

    def close(self):
        hang_up(self.socket)


class Seed:
    """Listens and serves what it holds to all who ask.

    corrupt(piece) -> bool: serve that piece with wrong bytes.
    pieces: numbers it claims; None: all.
    before_block(peer, piece, begin): called before each block is served; may wait, or raise
    ConnectionError to hang up.
    metadata: what it serves as the info dictionary, None: the true one; metadata_size: what it
    says of its length."""

    def __init__(self, info, content, address='127.0.0.1', corrupt=lambda piece: False, pieces=None,
                 before_block=lambda *_: None, metadata=None, metadata_size=None):
        self.info = encode(info)
        self.metadata = self.info if metadata is None else metadata
        self.metadata_size = len(self.metadata) if metadata_size is None else metadata_size
        self.hash = infohash(self.info)
        self.content = content
        self.length = info['piece length']
        self.total = len(info['pieces']) // 20
        self.corrupt = corrupt
        self.pieces = set(range(self.total)) if pieces is None else set(pieces)
        self.before_block = before_block
        self.peer_id = b'-PY0001-' + os.urandom(12)
        self.served = []       # (piece, begin) in order
        self.parts_served = 0  # of the metadata
        self.accepted = 0      # connections that shook hands
        self.changed = threading.Condition()
        self.connections = []
        self.listener = socket.create_server((address, 0))
        self.endpoint = '%s:%d' % self.listener.getsockname()[:2]
        threading.Thread(target=self._accept, daemon=True).start()

    def close(self):
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()
        for connection in list(self.connections):
            connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def wait_until(self, question, timeout):
        with self.changed:
            if not self.changed.wait_for(question, timeout):
                raise TimeoutError(f'not so in {timeout} s; served {len(self.served)} blocks')

    def _tell(self, change):
        with self.changed:
            change()
            self.changed.notify_all()

    def _accept(self):
        while True:
            try:
                plain, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def join(self, endpoint):
        """Dials "host:port", and serves it."""
        host, port = endpoint.rsplit(':', 1)
        plain = socket.create_connection((host, int(port)), timeout=10)
        threading.Thread(target=self._serve, args=(plain, True), daemon=True).start()

    def take(self, plain):
        """Serves a connection that was accepted elsewhere."""
        threading.Thread(target=self._serve, args=(plain,), daemon=True).start()

    def _count(self):
        self.accepted += 1

    def _count_part(self):
        self.parts_served += 1

    def wait_metadata(self, timeout=30.0):
        """Until all of its metadata was given, once."""
        self.wait_until(lambda: self.parts_served * BLOCK >= len(self.metadata), timeout)

    def _serve(self, plain, dialled=False):
        try:
            plain.settimeout(120)
            peer = Connection(plain, self.hash, self.peer_id, dial=dialled)
            self.connections.append(peer)
            self._tell(self._count)
            peer.send(EXTENDED, b'\0' + encode({
                'm': {'ut_metadata': METADATA_ID}, 'metadata_size': self.metadata_size, 'reqq': 500,
                'v': 'stranger 1'}))
            bits = bytearray(-(-self.total // 8))
            for piece in self.pieces:
                bits[piece // 8] |= 0x80 >> piece % 8
            peer.send(BITFIELD, bytes(bits))
            peer.send(UNCHOKE)
            peer.metadata_id = None
            while True:
                self._on_message(peer, *peer.receive())
        except (OSError, ValueError, KeyError, struct.error):
            plain.close()

    def _on_message(self, peer, kind, payload):
        if kind == REQUEST:
            self._on_request(peer, *struct.unpack('>III', payload))
        elif kind == EXTENDED and payload[0] == 0:
            names = decode_prefix(payload[1:])[0].get(b'm', {})
            peer.metadata_id = names.get(b'ut_metadata')
        elif kind == EXTENDED and payload[0] == METADATA_ID:
            asked = decode_prefix(payload[1:])[0]
            if asked[b'msg_type'] == 0 and peer.metadata_id:
                self._give_part(peer, asked[b'piece'])
                self._tell(self._count_part)

    def _give_part(self, peer, part):
        head = encode({'msg_type': 1, 'piece': part, 'total_size': self.metadata_size})
        peer.send(EXTENDED, bytes([peer.metadata_id]) + head +
                  self.metadata[part * BLOCK:(part + 1) * BLOCK])

    def _on_request(self, peer, piece, begin, length):
        self.before_block(peer, piece, begin)
        start = piece * self.length + begin
        block = self.content[start:start + length]
        if self.corrupt(piece):
            block = hashlib.sha1(block).digest()[:1] + bytes(b ^ 0xff for b in block[1:])
        peer.send(PIECE, struct.pack('>II', piece, begin) + block)
        self._tell(lambda: self.served.append((piece, begin)))


def dial(endpoint, hash_hex, timeout=10.0):
    """Connects to "host:port" as a peer of that infohash."""
    host, port = endpoint.rsplit(':', 1)
    plain = socket.create_connection((host, int(port)), timeout=timeout)
    return Connection(plain, hash_hex, b'-PY0001-' + os.urandom(12), dial=True)
