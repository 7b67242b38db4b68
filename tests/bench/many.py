"""Many at once: 10,000 idle shares, 50 downloads, 200 peers of one download. What a daemon needs of
the processor, of memory and of descriptors for them."""

import asyncio
import contextlib
import os
import struct
import threading
import time

from figures import MIB, cpu_seconds, memory_mib

SHARES = 10_000  # unless told otherwise
SHARE_BYTES = 1024
AT_A_TIME = 1000
NODES = 60     # beside the daemon that is measured: each is asked no faster than 16 times a second
REPLICAS = 20  # a record is put to so many
QUIET_S = 4    # nothing put for so long: all is
IDLE_S = 30
RENEWED_S = 25 * 60  # a peer record's pace [protocol.md 2]
TRANSFERS = 50
TRANSFER_MIB = 8
PEERS = 200
PEERS_MIB = 256
BLOCK_S = 0.1  # of each peer for a block: slow enough that all of them are needed


def descriptors(daemon):
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def queries(daemon, method):
    return sum(overlay["queries"]["out"][method]
               for overlay in daemon.call("node.status")["overlays"])


# ---- shares ----

def until_all_is_put(daemon):
    """Nothing is renewed in the first 20 minutes: what is put comes to an end."""
    before, quiet = -1, 0
    while quiet < QUIET_S:
        time.sleep(1)
        now = queries(daemon, "put")
        quiet = quiet + 1 if now == before else 0
        before = now


def walks_of(daemon):
    """At most: a walk asks each of the nodes that it puts to, and some others."""
    return queries(daemon, "get") / REPLICAS


def shares(net, count):
    """The first ones have names that all may find, of which a record is put, signed, for each word.
    Those are renewed once a day; the nodes that they are put to, and that check the signatures, are
    processes of this machine here: for all shares that would be 600,000 signatures."""
    boot = net.daemon("many-boot")
    others = [net.daemon(f"many-node{number}", bootstrap=[boot]) for number in range(NODES - 1)]
    one = net.daemon("many-shares", bootstrap=[boot])
    one.wait_nodes(NODES // 2)
    files = [net.make_file(f"many/document {number:05}.bin", SHARE_BYTES)
             for number in range(count)]
    start = time.monotonic()
    cpu_s = []
    for first in range(0, count, AT_A_TIME):
        before, some = cpu_seconds(one), files[first:first + AT_A_TIME]
        one.ok("-q", "share", *([] if first == 0 else ["--unlisted"]), *some, timeout=600)
        cpu_s.append((cpu_seconds(one) - before) / len(some))
    share_s = time.monotonic() - start
    listing = time.monotonic()
    one.ok("ls")
    list_s = time.monotonic() - listing
    until_all_is_put(one)
    announced_s = time.monotonic() - start
    before = cpu_seconds(one)
    time.sleep(IDLE_S)
    idle_percent = 100 * (cpu_seconds(one) - before) / IDLE_S
    figures = {"shares_share_s": share_s, "shares_cpu_ms": 1000 * sum(cpu_s) / len(cpu_s),
               "shares_last_to_first_cpu": cpu_s[-1] / cpu_s[0], "shares_list_s": list_s,
               "shares_announced_s": announced_s,
               "shares_resident_mib": memory_mib(one, "VmRSS"),
               "shares_descriptors": descriptors(one)}
    # After a start everything is put anew, which is what a renewal of everything costs at most.
    before = time.monotonic()
    one.restart()
    until_all_is_put(one)
    again_s = cpu_seconds(one)
    figures |= {"shares_restart_s": time.monotonic() - before, "shares_renewal_cpu_s": again_s,
                "shares_renewal_walks": walks_of(one),
                "shares_idle_cpu_percent": idle_percent + 100 * again_s / RENEWED_S}
    for daemon in [one, *others, boot]:
        daemon.stop()
    return figures


# ---- transfers ----

def transfers(net):
    one = net.daemon("many-transfers-seed")
    two = net.daemon("many-transfers", bootstrap=[one],
                     config={"transfer.active": str(TRANSFERS)})
    two.wait_nodes(1)
    links = [one.ok("-q", "share", net.make_file(f"fifty/file{number}.bin", TRANSFER_MIB * MIB),
                    "--no-announce").strip() for number in range(TRANSFERS)]
    before = cpu_seconds(two)
    most = 0
    start = time.monotonic()
    two.ok("-q", "get", "-d", *links)
    while any(transfer["state"] not in ("sharing", "complete") for transfer in two.transfers()):
        most = max(most, descriptors(two))
        time.sleep(0.05)
    seconds = time.monotonic() - start
    total = TRANSFERS * TRANSFER_MIB
    figures = {"transfers_mib_s": total / seconds,
               "transfers_fetch_cpu_s_per_gib": (cpu_seconds(two) - before) * 1024 / total,
               "transfers_fetch_peak_mib": memory_mib(two, "VmHWM"),
               "transfers_descriptors": most}
    one.stop()
    two.stop()
    return figures


# ---- peers ----

class Crowd(threading.Thread):
    """Seeds in one thread, each with an address of its own, which dial one fetcher. They need not be
    fast together."""

    def __init__(self, fetcher, infohash, content, piece_length, count):
        super().__init__(daemon=True)
        self.fetcher, self.infohash = fetcher, bytes.fromhex(infohash)
        self.content, self.piece_length = content, piece_length
        self.count, self.served = count, {}

    def run(self):
        asyncio.run(self.dial())

    async def dial(self):
        await asyncio.gather(*(self.keep_dialling(number) for number in range(self.count)))

    async def keep_dialling(self, number):
        while True:
            with contextlib.suppress(OSError, asyncio.IncompleteReadError):
                await self.serve(number)
            await asyncio.sleep(1)

    async def serve(self, number):
        address = f"127.7.{number // 200}.{number % 200 + 1}"
        host, port = self.fetcher.endpoint.rsplit(":", 1)
        reader, writer = await asyncio.open_connection(host, int(port), local_addr=(address, 0))
        try:
            writer.write(b"\x13BitTorrent protocol" + bytes(7) + b"\x04" + self.infohash +
                         b"-XX0001-%012d" % number)
            await reader.readexactly(68)
            writer.write(struct.pack(">IB", 1, 14) + struct.pack(">IB", 1, 1))  # HAVE_ALL, UNCHOKE
            while True:
                length, = struct.unpack(">I", await reader.readexactly(4))
                body = await reader.readexactly(length)
                if length == 13 and body[0] == 6:
                    await self.give(number, writer, *struct.unpack(">III", body[1:]))
        finally:
            writer.close()

    async def give(self, number, writer, piece, begin, length):
        await asyncio.sleep(BLOCK_S)
        at = piece * self.piece_length + begin
        writer.write(struct.pack(">IBII", 9 + length, 7, piece, begin))
        writer.write(self.content[at:at + length])
        self.served[number] = self.served.get(number, 0) + length
        await writer.drain()


def peers(net):
    source = net.make_file("crowd.bin", PEERS_MIB * MIB)
    torrent = net.path("crowd.torrent")
    two = net.daemon("many-peers", config={"network.max_connections": "400"})
    two.ok("torrent", "create", source, "--piece-size", "256K", "--out", torrent, timeout=120)
    infohash = two.ok("torrent", "link", torrent).split("btih:")[1][:40]
    with open(source, "rb") as file:
        crowd = Crowd(two, infohash, file.read(), 256 * 1024, PEERS)
    with open(torrent, "rb") as file:
        content = file.read()
    before = cpu_seconds(two)
    start = time.monotonic()
    ident = two.call("transfer.add", torrent=content)["id"]
    crowd.start()
    most = connected = 0
    while (now := two.transfer(ident))["state"] not in ("sharing", "complete"):
        connected = max(connected, now["peers"]["connected"])
        most = max(most, descriptors(two))
        time.sleep(0.05)
    figures = {"peers_connected": connected, "peers_gave": len(crowd.served),
               "peers_mib_s": PEERS_MIB / (time.monotonic() - start),
               "peers_fetch_cpu_s_per_gib": (cpu_seconds(two) - before) * 1024 / PEERS_MIB,
               "peers_fetch_peak_mib": memory_mib(two, "VmHWM"), "peers_descriptors": most}
    two.stop()
    return figures


def bench_many(net, options):
    """10,000 idle shares; 50 downloads at once; one download from 200 peers."""
    return {**transfers(net), **peers(net), **shares(net, options.shares)}
