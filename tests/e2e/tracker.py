"""A tiny HTTP tracker, for clients that know no other way to hear of a peer [BEP 3, 23]. It
answers everybody with the same peers and remembers who announced."""

import http.server
import socket
import threading
import urllib.parse

from torrentfile import encode


class Tracker:
    def __init__(self, peers=(), address='127.0.0.1', introduce=False):
        """peers: "a.b.c.d:port". introduce: who announces is one of them from then on."""
        self.peers = list(peers)
        self.introduce = introduce
        self.announced = []  # {'port': …, 'event': …} in order
        self.changed = threading.Condition()
        tracker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked = urllib.parse.parse_qs(urllib.parse.urlsplit(self.path).query)
                asked = {k: v[0] for k, v in asked.items()}
                body = tracker.answer(asked, f'{self.client_address[0]}:{asked.get("port", 0)}')
                self.send_response(200)
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer((address, 0), Handler)
        self.server.daemon_threads = True
        self.url = f'http://{address}:{self.server.server_address[1]}/announce'
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def answer(self, asked, endpoint):
        with self.changed:
            self.announced.append({**asked, 'from': endpoint})
            if self.introduce and endpoint not in self.peers:
                self.peers.append(endpoint)
            self.changed.notify_all()
        compact = b''
        for peer in self.peers:
            host, port = peer.rsplit(':', 1)
            compact += socket.inet_aton(host) + int(port).to_bytes(2, 'big')
        return encode({'interval': 60, 'peers': compact})  # who is a seed, it does not know

    def wait_announce(self, accept, timeout):
        with self.changed:
            if not self.changed.wait_for(lambda: any(map(accept, self.announced)), timeout):
                raise TimeoutError(f'no such announce in {timeout} s: {self.announced}')

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
