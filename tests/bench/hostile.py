"""Hostile peers of the daemons that tools/bench measures. As a program it is those peers:
hostile.py INFOHASH HOST:PORT…, until its standard input ends."""

import os
import pathlib
import subprocess
import sys
import threading

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

from hostile_rows import BROKEN, ENDLESS, FORGIVEN, OPENINGS  # noqa: E402
from rogue import INTERESTED, REQUEST, Rogue, message  # noqa: E402

NICE = 19       # what they compute is done elsewhere in the real world: idle time only
AT_A_TIME = 4   # behaviours under way
PAUSE_S = 0.05  # after each: some 80 a second, each a connection and up to 20,000 messages
SILENT, DEAF = 20, 8


# ---- the peers ----

def misbehave(endpoint, hash_hex, row):
    options = {key: value for key, value in row.options.items() if key in ("fast", "reads")}
    with Rogue(endpoint, hash_hex, shake=row not in OPENINGS, **options) as rogue:
        rogue.endpoint = endpoint
        rogue.put(row.options.get("says_first", b""))
        row.act(rogue)


def linger(endpoint, hash_hex):
    """Those that stay: some never say a word, some ask for everything and read nothing."""
    stay = [Rogue(endpoint, hash_hex, shake=False, reads=False) for _ in range(SILENT)]
    for number in range(DEAF):
        stay.append(Rogue(endpoint, hash_hex, reads=False, buffer=4096))
        stay[-1].put(message(INTERESTED),
                     *[message(REQUEST, n, 0, 1 << 17) for n in range(number, 400, DEAF)])
    return stay


def go_on(endpoints, hash_hex, first, over):
    rows = OPENINGS + BROKEN + FORGIVEN + ENDLESS
    number = first
    while not over.is_set():
        row = rows[number // len(endpoints) % len(rows)]
        try:
            misbehave(endpoints[number % len(endpoints)], hash_hex, row)
        except (OSError, AssertionError, AttributeError):
            pass  # not let in
        number += AT_A_TIME + 1
        over.wait(PAUSE_S)


def attack(hash_hex, *endpoints):
    os.nice(NICE)
    over = threading.Event()
    stay = []
    for endpoint in endpoints:
        try:
            stay += linger(endpoint, hash_hex)
        except OSError:
            pass
    for first in range(AT_A_TIME):
        threading.Thread(target=go_on, args=(endpoints, hash_hex, first, over), daemon=True).start()
    print("begun", flush=True)
    sys.stdin.read()
    over.set()


# ---- beside a measurement ----

class HostilePeers:
    """Hostile peers of those daemons, as long as the block lasts. `refused`: what was counted."""

    def __init__(self, hash_hex, *daemons):
        self.daemons = daemons
        self.before = self._refused()
        self.process = subprocess.Popen(
            [sys.executable, __file__, hash_hex, *[daemon.endpoint for daemon in daemons]],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def _refused(self):
        return sum(sum(daemon.status()["refused"].values()) for daemon in self.daemons)

    def __enter__(self):
        self.process.stdout.readline()
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        self.process.wait()
        self.refused = self._refused() - self.before


if __name__ == "__main__":
    attack(*sys.argv[1:])
