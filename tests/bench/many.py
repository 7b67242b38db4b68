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
NODES = 10  # beside the daemon that is measured
IDLE_S = 60
RENEWALS_S = 100  # puts a second that are no burst any more
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

def announced(daemon):
    """Until every record has been put for the first time: what is put then are renewals."""
    before = queries(daemon, "put")
    while True:
        time.sleep(5)
        now = queries(daemon, "put")
        if now - before < 5 * RENEWALS_S:
            return
        before = now


def shares(net, count):
    boot = net.daemon("many-boot")
    others = [net.daemon(f"many-node{number}", bootstrap=[boot]) for number in range(NODES - 1)]
    one = net.daemon("many-shares", bootstrap=[boot])
    one.wait_nodes(NODES // 2)
    files = [net.make_file(f"many/document {number:05}.bin", SHARE_BYTES)
             for number in range(count)]
    start = time.monotonic()
    cpu_s = []
    for first in range(0, count, 1000):
        before = cpu_seconds(one)
        one.ok("-q", "share", *files[first:first + 1000], timeout=600)
        cpu_s.append((cpu_seconds(one) - before) / len(files[first:first + 1000]))
    share_s = time.monotonic() - start
    listing = time.monotonic()
    one.ok("ls")
    list_s = time.monotonic() - listing
    announced(one)
    walks = queries(one, "get") / NODES  # one asks everybody in a network this small
    announced_s = time.monotonic() - start
    before = cpu_seconds(one)
    time.sleep(IDLE_S)
    figures = {"shares_share_s": share_s, "shares_last_to_first_cpu": cpu_s[-1] / cpu_s[0],
               "shares_list_s": list_s, "shares_announced_s": announced_s,
               "shares_walks": walks,
               "shares_idle_cpu_percent": 100 * (cpu_seconds(one) - before) / IDLE_S,
               "shares_resident_mib": memory_mib(one, "VmRSS"),
               "shares_descriptors": descriptors(one)}
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
