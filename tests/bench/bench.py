"""The measurements behind tools/bench. Each is a function that returns a dict of figures; bounds are
measured in the same run, in turn with what they bound, so that ratios hold on a noisy machine."""

import argparse
import contextlib
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "e2e"))
from figures import (MIB, bound, cpu_seconds, lines_of, medians, memory_mib,  # noqa: E402
                     openssl_sha1_mib_s)
from hostile import HostilePeers, StandIn  # noqa: E402
from kadnet import Net, end_on_signals, sha1_file, tree_of  # noqa: E402
from many import SHARES, bench_many  # noqa: E402
from people import join_by_invite, make_group, make_user, upload, wait_file  # noqa: E402
from transfers import (PROGRAMS, bench_transfer, transfer_plot, transfer_table,  # noqa: E402
                       warm_memory)
from wire import bench_dht, dht_table  # noqa: E402

FETCHES = 3  # beside the same hostile peers

def pair(net, tag):
    """Two daemons that know each other."""
    one = net.daemon(f"{tag}-seed")
    two = net.daemon(f"{tag}-fetch", bootstrap=[one])
    two.wait_nodes(1)
    return one, two


def fetch(daemon, *command):
    """(seconds to the first byte, seconds to done) of one command, the client's start included."""
    start, first = time.monotonic(), None
    process = daemon.cli_start("--json", *command)
    for line in process.stdout:
        event = json.loads(line)
        if first is None and (event.get("done") or event.get("event") == "done"):
            first = time.monotonic() - start
    if process.wait() != 0:
        raise RuntimeError(f"{command} failed: {line}")
    return first, time.monotonic() - start


def get(daemon, what):
    return fetch(daemon, "get", what)


def check_copy(daemon, source):
    """And removes it."""
    copy = os.path.join(daemon.downloads, os.path.basename(source))
    if sha1_file(copy) != sha1_file(source):
        raise RuntimeError("the copy is wrong")
    os.unlink(copy)


def bench_latency(net, options):
    """Seconds from `get` to the first byte and to done, 2 MiB, by link and by the table alone."""
    figures = {}
    for how in ("link", "hash"):
        firsts, dones = [], []
        for number in range(options.rounds):
            one, two = pair(net, f"latency-{how}{number}")
            shared = one.share(net.make_file(f"small-{how}{number}.bin", 2 * MIB))
            first, done = get(two, shared["link"] if how == "link" else shared["transfer"]["hash"])
            firsts.append(first)
            dones.append(done)
        figures[f"{how}_first_byte_s"] = statistics.median(firsts)
        figures[f"{how}_done_s"] = statistics.median(dones)
    figures["fresh_pair_s"] = fresh_pair(net)
    return figures


def fresh_pair(net):
    """The two commands of the first five minutes on a machine where nothing runs yet."""
    default = net.profile("fresh")
    folder = os.path.join(default.home, "c", "kadpeer-b")
    os.mkdir(folder)
    pathlib.Path(folder, "config.ini").write_text("[network]\nipv6 = no\n")
    source = net.make_file("notes.bin", 2 * MIB)
    copy = net.path("copy.bin")
    try:
        start = time.monotonic()
        link = default.ok("-q", "share", source, autostart=True).strip()
        default.ok("--profile", "b", "get", link, "-o", copy, autostart=True)
        seconds = time.monotonic() - start
    finally:
        for profile in ("default", "b"):
            default.cli("--profile", profile, "stop")
    if sha1_file(copy) != sha1_file(source):
        raise RuntimeError("the copy is wrong")
    return seconds


def bench_idle(net, options):
    """Memory of a daemon that does nothing, after it has joined."""
    one, two = pair(net, "idle")
    time.sleep(3)
    before = cpu_seconds(one)
    time.sleep(10)
    return {"resident_mib": memory_mib(one, "VmRSS"),
            "cpu_percent": 10 * (cpu_seconds(one) - before)}


def bench_files(net, options):
    """One share of 1,000 files of up to 64 KiB: hashing and announcing, then fetching."""
    sizes = random.Random(3)
    for number in range(1000):
        net.make_file(f"thousand/{number % 10}/file {number}.txt", sizes.randrange(65536))
    folder = net.path("files", "thousand")
    one, two = pair(net, "files")
    start = time.monotonic()
    shared = one.share(folder, timeout=300)
    share_s = time.monotonic() - start
    _, get_s = get(two, shared["transfer"]["hash"])
    if tree_of(folder) != tree_of(os.path.join(two.downloads, "thousand")):
        raise RuntimeError("the copy is wrong")
    return {"share_s": share_s, "get_s": get_s}


def bench_group(net, options):
    """One member to another beside the same file in public and plain TLS 1.3, in turn."""
    source = net.make_file("big.bin", options.size * MIB)
    rounds = []
    for number in range(options.rounds):
        one, two = pair(net, f"group{number}")
        circle(one, two)
        link = one.ok("-q", "share", source, "--piece-size", "1M", "--sha1", timeout=300).strip()
        tls_mib_s = bound(options, "bench_tls", source)[1]
        public_mib_s, _, public_cpu_s = timed(one, two, source, options, ("get", link))
        for daemon in (one, two):
            for transfer in daemon.transfers():
                daemon.call("transfer.remove", id=transfer["id"])
        upload(one, source, "study", piece_size=MIB)
        wait_file(two, "study", "big.bin")
        mib_s, seed_cpu_s, fetch_cpu_s = timed(one, two, source, options,
                                               ("download", "study", "big.bin"))
        rounds.append({"tls_mib_s": tls_mib_s, "public_mib_s": public_mib_s, "mib_s": mib_s,
                       "ratio": mib_s / min(tls_mib_s, public_mib_s),
                       "public_fetch_cpu_s_per_gib": public_cpu_s,
                       "seed_cpu_s_per_gib": seed_cpu_s, "fetch_cpu_s_per_gib": fetch_cpu_s})
        one.stop()
        two.stop()
    return medians(rounds)


def timed(one, two, source, options, command):
    """(MiB/s, CPU seconds per GiB of the one who sends and the one who fetches) of a command."""
    before = cpu_seconds(one), cpu_seconds(two)
    _, seconds = fetch(two, *command)
    gib = options.size / 1024
    cpu = (cpu_seconds(one) - before[0]) / gib, (cpu_seconds(two) - before[1]) / gib
    check_copy(two, source)
    return options.size / seconds, *cpu


def circle(owner, member):
    make_user(owner, "owner")
    make_user(member, "member")
    make_group(owner, "study")
    join_by_invite(owner, "study", member)


def bench_join(net, options):
    """Seconds from `group join INVITE` to the first byte of a file there, 2 MiB, and to done."""
    rounds = []
    for number in range(options.rounds):
        one, two = pair(net, f"join{number}")
        make_user(one, "owner")
        make_user(two, "member")
        make_group(one, "study")
        upload(one, net.make_file(f"join{number}/notes.bin", 2 * MIB), "study")
        invite = one.ok("-q", "group", "invite", "study").strip()
        start = time.monotonic()
        two.ok("group", "join", invite)
        joined = time.monotonic() - start
        first, done = fetch(two, "download", "study", "notes.bin")
        rounds.append({"joined_s": joined, "first_byte_s": joined + first, "done_s": joined + done})
        one.stop()
        two.stop()
    return medians(rounds)


def bench_rekey(net, options):
    """A member of a full group is removed; everything but the network, whose answers come at once."""
    names = ("computing_s", "pauses_s", "records", "largest_value_bytes")
    figures = medians([dict(zip(names, bound(options, "bench_rekey")))
                       for _ in range(options.rounds)])
    return {"seconds": figures["computing_s"] + figures["pauses_s"], **figures}


def bench_hash(net, options):
    """SHA-1 on one core, MiB/s: libcrypto piece by piece beside pieces side by side, in turn."""
    names = "openssl", "lanes", "sha_instructions", "avx2", "avx512"
    done = subprocess.run([options.build / "tests/bench/bench_hash"], check=True,
                          capture_output=True, text=True)
    figures = {}
    for line in done.stdout.splitlines():
        count, *rates = line.split()
        figures |= {f"{name}_{count}": float(rate) for name, rate in zip(names, rates)
                    if float(rate) > 0}
    figures["ratio_16"] = figures["lanes_16"] / figures["openssl_16"]
    return figures


def bench_share(net, options):
    """Hashing what is shared, beside `openssl speed` times the cores, in turn, and how long its own
    SHA-1 takes, which follows. The file is in the system's memory."""
    source = net.make_file("big.bin", options.size * MIB)
    rounds = []
    for number in range(options.rounds):
        bound_mib_s = openssl_sha1_mib_s() * os.cpu_count()
        one = net.daemon(f"share{number}")
        start, before = time.monotonic(), cpu_seconds(one)
        one.ok("-q", "share", source, "--piece-size", "1M", timeout=300)
        mib_s = options.size / (time.monotonic() - start)
        ident = one.transfers()[0]["id"]
        one.wait_until(lambda: one.call("transfer.info", id=ident)["info"]["sha1"])
        rounds.append({"openssl_mib_s": bound_mib_s, "mib_s": mib_s, "ratio": mib_s / bound_mib_s,
                       "sha1_s": time.monotonic() - start,
                       "cpu_s_per_gib": (cpu_seconds(one) - before) / (options.size / 1024)})
        one.stop()
    return medians(rounds)


def remove_all(daemon):
    for transfer in daemon.transfers():
        daemon.call("transfer.remove", id=transfer["id"])


def bench_hostile(net, options):
    """One seed to one fetcher beside hostile peers of both, and beside a stand-in that uses as much
    of the processor as they do themselves (hostile.py): beside, alone, alone, beside, so that a
    machine which gets slower or faster meanwhile is as fast for both. What is kept of the speed is
    compared within a round. Behaviours go on where they ended; all have been there in the end."""
    source = net.make_file("big.bin", options.size * MIB)
    rounds, first = [], 0
    for number in range(options.rounds):
        one, two = pair(net, f"hostile{number}")
        shared = one.share(source, piece_size=MIB, timeout=300, sha1=True)
        figures = {"alone": [], "beside": []}
        refused, shares = [], []
        timed(one, two, source, options, ("get", shared["link"]))
        remove_all(two)
        for when in ("beside", "alone", "alone", "beside"):
            if when == "beside":
                beside = HostilePeers(first, shared["transfer"]["hash"], source, MIB, one, two)
            else:
                beside = StandIn(shares[0])
            with beside:
                for _ in range(FETCHES):
                    warm_memory(net, options.size)
                    figures[when].append(timed(one, two, source, options, ("get", shared["link"])))
                    remove_all(two)
            if when == "beside":
                refused.append(beside.refused)
                shares.append(beside.share)
                first = beside.next
        one.stop()
        two.stop()
        names = ("mib_s", "seed_cpu_s_per_gib", "fetch_cpu_s_per_gib")
        figures = {f"{when}_{name}": statistics.mean(values) for when in figures
                   for name, values in zip(names, zip(*figures[when]))}
        rounds.append({**figures, "speed_kept": figures["beside_mib_s"] / figures["alone_mib_s"],
                       "refused": statistics.mean(refused),
                       "hostile_cpu_percent": 100 * statistics.mean(shares)})
    if first < beside.cases:
        raise RuntimeError(f"only {first} of {beside.cases} behaviours were there")
    kept = [each["speed_kept"] for each in rounds]
    return {**medians(rounds), "speed_kept_least": min(kept), "speed_kept_most": max(kept),
            "behaviours": first, "kinds": beside.cases}


def bench_catalog(net, options):
    """The longest that the loop waits for the catalog: 10,000 shares, then 20,000 bits of downloads,
    while others write to the same disk and sync."""
    rounds = []
    for number in range(options.rounds):
        folder = net.path(f"catalog{number}")
        os.mkdir(folder)
        writer = subprocess.Popen(["dd", "if=/dev/zero", f"of={net.path('junk')}", "bs=1M",
                                   "count=20000", "oflag=dsync", "status=none"])
        try:
            rounds.append(lines_of(options, "bench_catalog", folder, 10_000, 20_000))
        finally:
            writer.kill()
            writer.wait()
            os.unlink(net.path("junk"))
    return medians(rounds)


BENCHES = {"hash": bench_hash, "share": bench_share, "transfer": bench_transfer,
           "latency": bench_latency,
           "idle": bench_idle, "files": bench_files, "group": bench_group, "join": bench_join,
           "rekey": bench_rekey, "hostile": bench_hostile, "many": bench_many, "dht": bench_dht,
           "catalog": bench_catalog}

# name of a figure: (better is, goal), from the project's targets
GOALS = {"many.shares_idle_cpu_percent": ("<=", 1.0),
         "hash.ratio_16": (">=", 1.0), "share.ratio": (">=", 0.90),
         "transfer.ratio": (">=", 0.75), "transfer.times_aria2": (">=", 3.0),
         "transfer.seed_cpu_s_per_gib": ("<=", 0.45), "transfer.fetch_cpu_s_per_gib": ("<=", 2.1),
         "transfer.seed_peak_mib": ("<=", 64), "transfer.fetch_peak_mib": ("<=", 64),
         # no slower, but for what two equal figures differ by
         "transfer.three_to_one": (">=", 0.95), "transfer.one_to_three": (">=", 0.95),
         "transfer.small_pieces": (">=", 0.90), "latency.fresh_pair_s": ("<=", 3.0),
         "idle.resident_mib": ("<=", 12.0), "group.ratio": (">=", 0.70),
         "join.first_byte_s": ("<=", 5.0), "rekey.seconds": ("<=", 60.0),
         "rekey.largest_value_bytes": ("<=", 1000), "hostile.speed_kept": (">=", 0.90),
         "dht.ping_ratio": ("<=", 1.6), "dht.find_ratio": ("<=", 2.4),
         "dht.get_ratio": ("<=", 2.4), "dht.get_put_ratio": ("<=", 2.8),
         # flat, but for a larger index that no longer fits into the processor's caches
         "dht.get_growth": ("<=", 1.25), "dht.put_growth": ("<=", 1.25),
         "dht.allocations_per_request": ("<=", 0.001),
         "dht.record_alone_bytes": ("<=", 100), "dht.record_shared_bytes": ("<=", 100),
         "dht.queries_per_get": ("<=", 22), "dht.created_per_s": (">=", 5000)}


def show(report):
    print(f"{'measurement':34} {'figure':>12}   goal")
    for bench, figures in report["figures"].items():
        for name, value in figures.items():
            if isinstance(value, dict):
                continue
            full = f"{bench}.{name}"
            goal = ""
            if full in GOALS:
                sign, bound = GOALS[full]
                met = value >= bound if sign == ">=" else value <= bound
                goal = f"{sign} {bound:g}  {'met' if met else 'MISSED'}"
            print(f"{full:34} {value:12.3f}   {goal}")
    if "transfer" in report["figures"]:
        print("\n" + transfer_table(report["figures"]["transfer"]["cases"]))
    if "dht" in report["figures"]:
        print("\n" + dht_table(report["figures"]["dht"]["cases"]))


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", help=" ".join(BENCHES) + " (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each; medians are shown")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the transfers")
    parser.add_argument("--shares", type=int, default=SHARES, help="of `many` (%(default)s)")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=pathlib.Path, metavar="FILE.svg",
                        help="a plot of `transfer`")
    parser.add_argument("--beside", default=",".join(PROGRAMS[1:]),
                        help="what `transfer` lays beside kadpeer (default: %(default)s)")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in BENCHES]
    if unknown:
        parser.error(f"no such measurement: {' '.join(unknown)}")
    options.programs = [PROGRAMS[0]] + [name for name in options.beside.split(",") if name]
    if not set(options.programs) <= set(PROGRAMS):
        parser.error(f"no such program: {options.beside}")
    if options.plot and "transfer" not in (options.what or BENCHES):
        parser.error("the plot is of `transfer`")
    report = {"v": 1, "ok": True, "cores": os.cpu_count(), "rounds": options.rounds, "figures": {}}
    end_on_signals()
    with Net(options.build / "src/kadpeer", log_level="warn", parent=tempfile.gettempdir()) as net:
        for name in options.what or BENCHES:
            report["figures"][name] = BENCHES[name](net, options)
    if options.plot:
        transfer_plot(options.plot, report["figures"]["transfer"]["cases"])
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    main()
