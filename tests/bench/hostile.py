"""Hostile peers of the daemons that tools/bench measures. As a program it is those peers:
hostile.py FIRST INFOHASH FILE PIECE_LENGTH SEED FETCHER, until its standard input ends.

They are as nice as anybody, and come some 60 a second, and 72 stay. What they compute themselves is
done on other machines in the real world, and here on the two cores of the daemons: so while the
transfer they are compared with runs, a stand-in uses as much of the processor as they did, and what
is left between the two is what they cost the daemons."""

import mmap
import os
import pathlib
import subprocess
import sys
import threading
import time

if __name__ == "__main__":
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))

import hostile_rows  # noqa: E402
from hostile_rows import BROKEN, ENDLESS, FORGIVEN, OPENINGS, wrong_data  # noqa: E402
from rogue import INTERESTED, KEEP_ALIVE, REQUEST, Rogue, message  # noqa: E402

AT_A_TIME = 8   # behaviours under way
PAUSE_S = 0.05  # after each, which is a connection and up to 20,000 messages
ASKED_S = 1.0   # until a fetcher has asked a liar for something
SILENT, DEAF, DRIPPING = 20, 8, 8
SPIN_S = 0.005


# ---- the peers ----

class Peers:
    """Of two daemons, the seed and the fetcher; rows are done in turn to each that they are for."""

    def __init__(self, first, hash_hex, path, piece_length, seed, fetcher):
        hostile_rows.PIECE_LENGTH = int(piece_length)  # of what liars serve
        with open(path, "rb") as file:
            content = mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ)
        self.hash_hex, self.endpoints = hash_hex, {"seed": seed, "fetcher": fetcher}
        self.liars = wrong_data(content)
        rows = OPENINGS + BROKEN + FORGIVEN + ENDLESS + self.liars
        self.cases = [(row, to) for row in rows for to in row.to]
        self.number, self.lock = int(first), threading.Lock()
        self.over = threading.Event()
        self.stay = []

    def linger(self):
        """Those that stay: some never say a word, some a byte a second of a message, some ask for
        everything and read nothing."""
        for endpoint in self.endpoints.values():
            self.stay += [Rogue(endpoint, self.hash_hex, shake=False, reads=False)
                          for _ in range(SILENT)]
            for number in range(DEAF):
                self.stay.append(Rogue(endpoint, self.hash_hex, reads=False, buffer=4096))
                self.stay[-1].put(message(INTERESTED), *[message(REQUEST, n, 0, 1 << 17)
                                                         for n in range(number, 400, DEAF)])
            dripping = [Rogue(endpoint, self.hash_hex) for _ in range(DRIPPING)]
            self.stay += dripping
            threading.Thread(target=self.drip, args=(dripping,), daemon=True).start()

    def drip(self, rogues):
        while not self.over.wait(1):
            for rogue in rogues:
                rogue.put(KEEP_ALIVE[:1])

    def next_case(self):
        with self.lock:
            self.number += 1
            return self.cases[(self.number - 1) % len(self.cases)]

    def misbehave(self, row, to):
        options = {key: value for key, value in row.options.items() if key in ("fast", "reads")}
        if row in self.liars:
            options["serve"] = row.options["serve"]()
        with Rogue(self.endpoints[to], self.hash_hex, shake=row not in OPENINGS, **options) as rogue:
            rogue.endpoint = self.endpoints[to]
            rogue.put(row.options.get("says_first", b""))
            if row not in self.liars:
                row.act(rogue)
            elif rogue.was_asked.wait(ASKED_S):
                rogue.hung_up.wait(ASKED_S)

    def go_on(self):
        while not self.over.is_set():
            try:
                self.misbehave(*self.next_case())
            except (OSError, AssertionError, AttributeError):
                pass  # not let in
            self.over.wait(PAUSE_S)


def attack(*arguments):
    peers = Peers(*arguments)
    peers.linger()
    for _ in range(AT_A_TIME):
        threading.Thread(target=peers.go_on, daemon=True).start()
    print(len(peers.cases), flush=True)
    sys.stdin.read()
    peers.over.set()
    print(peers.number, flush=True)
    os._exit(0)  # some of the threads wait for what does not come


# ---- beside a measurement ----

def stand_in(share):
    """Uses `share` of a core, in small pieces, until its standard input ends."""
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    print("begun", flush=True)
    while not over.is_set():
        begun = time.process_time()
        while time.process_time() - begun < SPIN_S * share:
            pass
        over.wait(SPIN_S * (1 - share))


class Beside:
    """Another process, as long as the block lasts. `share`: how much of a core it used."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, __file__, *map(str, arguments)], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def __enter__(self):
        self.said = self.process.stdout.readline()
        self.begun = time.monotonic(), self._cpu_s()
        return self

    def _cpu_s(self):
        fields = pathlib.Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def __exit__(self, *_):
        self.share = (self._cpu_s() - self.begun[1]) / (time.monotonic() - self.begun[0])
        self.said_last = self.process.communicate()[0]


class StandIn(Beside):
    def __init__(self, share):
        super().__init__("stand-in", share)


class HostilePeers(Beside):
    """`refused`: what the daemons counted; `first`, `next`: the first behaviour and the one after
    the last, of `cases`."""

    def __init__(self, first, hash_hex, path, piece_length, seed, fetcher):
        self.daemons, self.first = (seed, fetcher), first
        self.before = self._refused()
        super().__init__(first, hash_hex, path, piece_length, seed.endpoint, fetcher.endpoint)

    def _refused(self):
        return sum(sum(daemon.status()["refused"].values()) for daemon in self.daemons)

    def __exit__(self, *exception):
        super().__exit__(*exception)
        self.cases, self.next = int(self.said), int(self.said_last)
        self.refused = self._refused() - self.before


if __name__ == "__main__":
    if sys.argv[1] == "stand-in":
        stand_in(float(sys.argv[2]))
    else:
        attack(*sys.argv[1:])
