"""The measurement behind `tools/bench transfer`: kadpeer beside aria2 and Transmission, and beside
the bare bound, all in turn in one run, so that ratios hold on a noisy machine.

Each case is a program, a piece length and a shape, so many seeds to so many fetchers. kadpeer and
aria2 talk over loopback, each process with an address of its own. Transmission ignores loopback
peers: it runs in a network of its own, in a process of its own that leaves ours (run as
`transfers.py`), and with a small file, for it moves some 8 MiB/s."""

import functools
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
import plot  # noqa: E402
from clients import Aria2, Transmission  # noqa: E402
from figures import MIB, bound, cpu_seconds, medians, memory_mib  # noqa: E402
from kadnet import Net, sha1_file, spawn  # noqa: E402
from lan import Lan  # noqa: E402
from torrentfile import make_info, write_torrent  # noqa: E402
from tracker import Tracker  # noqa: E402

PROGRAMS = ("kadpeer", "aria2", "transmission")
SHAPES = ((1, 1), (3, 1), (1, 3))
PIECES_KIB = (1024, 256)
TRANSMISSION_MIB = 32
PATIENCE = 600  # seconds until something is taken to hang


# ---- what a case costs ----

class Costs:
    """CPU seconds, from now on, and peak memory of one side's processes."""

    def __init__(self, processes):
        self.before = [(process, cpu_seconds(process)) for process in processes]

    def taken(self, gib):
        """Of processes that still run; gib: what they moved together."""
        cpu_s = sum(cpu_seconds(process) - then for process, then in self.before)
        return {"cpu_s_per_gib": cpu_s / gib,
                "peak_mib": max(memory_mib(process, "VmHWM") for process, _ in self.before)}


def outcome(size_mib, fetchers, seconds, seed, fetch):
    return {"mib_s": size_mib * fetchers / seconds,
            "seed_cpu_s_per_gib": seed["cpu_s_per_gib"],
            "fetch_cpu_s_per_gib": fetch["cpu_s_per_gib"],
            "seed_peak_mib": seed["peak_mib"], "fetch_peak_mib": fetch["peak_mib"]}


def need_same(source, copy):
    if sha1_file(source) != sha1_file(copy):
        raise RuntimeError(f"{copy} is wrong")


def warm_memory(net, mib):
    """Some virtual machines give all free memory back to their host at once, and it comes back page
    by page: 2.4 s a GiB of page cache beside 0.2. So what the copies will take is taken shortly
    before, by a file that is deleted; and 1 GiB more, for the giving back goes on."""
    path = net.path("warm")
    zeros = bytes(MIB)
    with open(path, "wb", buffering=0) as file:
        for _ in range(int(mib) + 1024):
            file.write(zeros)
    os.unlink(path)


@functools.cache
def info_of(source, piece_kib):
    return make_info(source, piece_kib << 10)


# ---- kadpeer ----

def run_kadpeer(net, tag, source, piece_kib, seeds, fetchers):
    size_mib = os.path.getsize(source) / MIB
    givers = []
    for number in range(seeds):
        givers.append(net.daemon(f"{tag}-seed{number}", bootstrap=givers[:1]))
        link = givers[-1].ok("-q", "share", source, "--sha1", "--piece-size", f"{piece_kib}K",
                             timeout=PATIENCE).strip()
    takers = [net.daemon(f"{tag}-fetch{number}", bootstrap=givers[:1])
              for number in range(fetchers)]
    for taker in takers:
        taker.wait_nodes(1)
    warm_memory(net, size_mib * fetchers)
    seed, fetch = Costs(givers), Costs(takers)
    start = time.monotonic()
    others = [option for giver in givers[:-1] for option in ("--from", giver.endpoint)]
    gets = [taker.cli_start("get", link, *others, stdout=subprocess.DEVNULL) for taker in takers]
    for get in gets:
        if get.wait(PATIENCE) != 0:
            raise RuntimeError("kadpeer get failed")
    seconds = time.monotonic() - start
    gib = size_mib * fetchers / 1024
    figures = outcome(size_mib, fetchers, seconds, seed.taken(gib), fetch.taken(gib))
    for taker in takers:
        need_same(source, os.path.join(taker.downloads, os.path.basename(source)))
    for daemon in takers + givers:
        daemon.stop()
        shutil.rmtree(daemon.downloads, ignore_errors=True)
    return figures


# ---- aria2 ----

class Loopback:
    """Where a client runs when it needs no network of its own."""

    def __init__(self, net):
        self.address = net.next_address()
        self.spawn = spawn


def wait_and_weigh(net, clients):
    """Of processes that end by themselves: (CPU seconds, peak MiB) of all."""
    cpu, peak = 0, 0
    deadline = time.monotonic() + PATIENCE
    for client in clients:
        pid = 0
        while pid == 0:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{client.name} does not end: {client.log_text()[-2000:]}")
            pid, status, usage = os.wait4(client.child.pid, os.WNOHANG)
            time.sleep(0.002)
        client.child.returncode = os.waitstatus_to_exitcode(status)
        net.children.remove(client.child)
        if client.child.returncode != 0:
            raise RuntimeError(f"{client.name} failed: {client.log_text()[-2000:]}")
        cpu += usage.ru_utime + usage.ru_stime
        peak = max(peak, usage.ru_maxrss / 1024)
    return cpu, peak


def run_aria2(net, tag, source, piece_kib, seeds, fetchers):
    size_mib = os.path.getsize(source) / MIB
    quiet = ("--console-log-level=error",)
    with Tracker(introduce=True) as tracker:
        torrent = write_torrent(net.path(f"{tag}.torrent"),
                                info_of(source, piece_kib), announce=tracker.url)
        givers = [Aria2(net, Loopback(net), f"{tag}-seed{number}") for number in range(seeds)]
        for giver in givers:
            os.link(source, giver.path(os.path.basename(source)))
            giver.seed(torrent, *quiet)
        tracker.wait_announce(lambda _: sum(a.get("left") == "0" for a in tracker.announced)
                              >= seeds, PATIENCE)
        takers = [Aria2(net, Loopback(net), f"{tag}-fetch{number}") for number in range(fetchers)]
        warm_memory(net, size_mib * fetchers)
        seed = Costs(giver.child for giver in givers)
        start = time.monotonic()
        for taker in takers:
            taker.fetch(torrent, *quiet)
        cpu_s, peak_mib = wait_and_weigh(net, takers)
        seconds = time.monotonic() - start
        gib = size_mib * fetchers / 1024
        figures = outcome(size_mib, fetchers, seconds, seed.taken(gib),
                          {"cpu_s_per_gib": cpu_s / gib, "peak_mib": peak_mib})
        for giver in givers:
            giver.end()
    for taker in takers:
        need_same(source, taker.path(os.path.basename(source)))
    for client in givers + takers:
        shutil.rmtree(client.folder)
    return figures


# ---- Transmission ----

def run_transmission(options, piece_kib, seeds, fetchers):
    """In a process of its own, whose network is another one."""
    case = [str(options.build), str(piece_kib), str(seeds), str(fetchers)]
    done = subprocess.run([sys.executable, __file__, *case], capture_output=True, text=True,
                          timeout=PATIENCE)
    if done.returncode != 0:
        raise RuntimeError(f"Transmission could not be measured: {done.stderr[-2000:]}")
    return json.loads(done.stdout)


def measure_transmission(net, piece_kib, seeds, fetchers):
    lan = Lan()
    source = net.make_file("small.bin", TRANSMISSION_MIB * MIB)
    name = os.path.basename(source)
    with Tracker(address=lan.address, introduce=True) as tracker:
        torrent = write_torrent(net.path("it.torrent"),
                                info_of(source, piece_kib), announce=tracker.url)
        givers = [Transmission(net, lan.host(), f"seed{number}") for number in range(seeds)]
        for giver in givers:
            shutil.copy(source, giver.folder)
            giver.start()
            giver.wait(giver.add(torrent))
        takers = [Transmission(net, lan.host(), f"fetch{number}").start()
                  for number in range(fetchers)]
        tracker.wait_announce(lambda _: len(tracker.peers) >= seeds, PATIENCE)
        seed = Costs(giver.child for giver in givers)
        fetch = Costs(taker.child for taker in takers)
        start = time.monotonic()
        added = [taker.add(torrent) for taker in takers]
        for taker, hash_hex in zip(takers, added):
            taker.wait(hash_hex, timeout=PATIENCE)
        seconds = time.monotonic() - start
        gib = TRANSMISSION_MIB * fetchers / 1024
        figures = outcome(TRANSMISSION_MIB, fetchers, seconds, seed.taken(gib), fetch.taken(gib))
        for taker in takers:
            need_same(source, taker.path(name))
        for client in givers + takers:
            client.end()
    return figures


# ---- all of them, in turn ----

def name_of(program, piece_kib, seeds, fetchers):
    return f"{program}_{seeds}to{fetchers}_{piece_kib}k"


def run_bare(net, options, source, piece_kib):
    target = net.path("bare.out")
    warm_memory(net, options.size)
    _, mib_s, seed_cpu_s, fetch_cpu_s = bound(options, "bench_bare", source, target,
                                              str(piece_kib << 10))
    os.unlink(target)
    gib = options.size / 1024
    return {"mib_s": mib_s, "seed_cpu_s_per_gib": seed_cpu_s / gib,
            "fetch_cpu_s_per_gib": fetch_cpu_s / gib}


def one_round(net, options, number, source):
    found = {}
    for piece_kib in PIECES_KIB:
        found[f"bare_{piece_kib}k"] = run_bare(net, options, source, piece_kib)
        for seeds, fetchers in SHAPES:
            case = piece_kib, seeds, fetchers
            for program in options.programs:
                tag = f"{name_of(program, *case)}-{number}"
                if program == "transmission":
                    figures = run_transmission(options, *case)
                else:
                    run = run_kadpeer if program == "kadpeer" else run_aria2
                    figures = run(net, tag, source, *case)
                found[name_of(program, *case)] = figures
    return found


def compare(cases, programs):
    """The figures that have goals, from the cases."""
    def mib_s(*case):
        return cases[name_of(*case)]["mib_s"]

    one = cases[name_of("kadpeer", 1024, 1, 1)]
    figures = {"ratio": one["mib_s"] / cases["bare_1024k"]["mib_s"],
               **{key: value for key, value in one.items()},
               "bare_mib_s": cases["bare_1024k"]["mib_s"],
               "three_to_one": mib_s("kadpeer", 1024, 3, 1) / one["mib_s"],
               "one_to_three": mib_s("kadpeer", 1024, 1, 3) / one["mib_s"],
               "small_pieces": mib_s("kadpeer", 256, 1, 1) / one["mib_s"]}
    if "aria2" in programs:  # Transmission has a small file, most of whose time is its start
        figures["times_aria2"] = one["mib_s"] / mib_s("aria2", 1024, 1, 1)
    return figures


def bench_transfer(net, options):
    source = net.make_file("big.bin", options.size * MIB)
    rounds = [one_round(net, options, number, source) for number in range(options.rounds)]
    cases = {name: medians([found[name] for found in rounds]) for name in rounds[0]}
    return {**compare(cases, options.programs), "cases": cases}


# ---- as a table and as a plot ----

def transfer_table(cases):
    columns = ("mib_s", "seed_cpu_s_per_gib", "fetch_cpu_s_per_gib", "seed_peak_mib",
               "fetch_peak_mib")
    lines = [f"{'':26}{'MiB/s':>10}{'CPU s/GiB: seeds':>18}{'fetchers':>10}"
             f"{'peak MiB: seed':>16}{'fetcher':>9}"]
    for name, figures in cases.items():
        cells = [f"{figures[key]:.2f}" if key in figures else "" for key in columns]
        lines.append(f"{name:26}{cells[0]:>10}{cells[1]:>18}{cells[2]:>10}{cells[3]:>16}"
                     f"{cells[4]:>9}")
    return "\n".join(lines)


def transfer_plot(path, cases):
    programs = [name for name in PROGRAMS if name_of(name, PIECES_KIB[0], *SHAPES[0]) in cases]
    groups = [(f"{seeds} to {fetchers}, {piece_kib} KiB",
               {name: cases[name_of(name, piece_kib, seeds, fetchers)]["mib_s"]
                for name in programs})
              for piece_kib in PIECES_KIB for seeds, fetchers in SHAPES]
    lines = [("bare", cases[f"bare_{piece_kib}k"]["mib_s"], len(SHAPES))
             for piece_kib in PIECES_KIB]
    path.write_text(plot.bars("A file from seeds to fetchers, all together", "MiB/s", groups,
                              programs, lines), encoding="utf-8")


if __name__ == "__main__":
    with Net(pathlib.Path(sys.argv[1]) / "src/kadpeer", log_level="warn") as measured:
        print(json.dumps(measure_transmission(measured, *map(int, sys.argv[2:]))))
