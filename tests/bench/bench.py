"""The measurements behind tools/bench. Each is a function that returns a dict of figures; bounds are
measured in the same run, in turn with what they bound, so that ratios hold on a noisy machine."""

import argparse
import json
import os
import pathlib
import random
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "tools"))
from peers import MIB, Network, make_file, sha1sum  # noqa: E402

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(process, what):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return None


def pair(network, tag):
    """Two daemons that know each other."""
    one = network.add(f"{tag}-seed", "127.0.0.1").wait_ready()
    two = network.add(f"{tag}-fetch", "127.0.0.2", [one.endpoint]).wait_ready()
    two.run("join", one.endpoint)
    return one, two


def get(peer, what, *flags):
    """(seconds to the first byte, seconds to done) of one `get`, the client's start included."""
    start, first = time.monotonic(), None
    process = subprocess.Popen([peer.kadpeer, "--json", "get", what, *flags], env=peer.env,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    for line in process.stdout:
        event = json.loads(line)
        if first is None and (event.get("done") or event.get("event") == "done"):
            first = time.monotonic() - start
    if process.wait() != 0:
        raise RuntimeError(f"get failed: {line}")
    return first, time.monotonic() - start


def bench_transfer(network, options):
    """One seed to one fetcher beside sendfile + SHA-1 + write on two threads, in turn."""
    source = network.root / "big.bin"
    make_file(source, options.size * MIB, 1)
    bare_target = network.root / "bare.out"
    rounds = []
    for number in range(options.rounds):
        bare = subprocess.run([options.build / "tests/bench/bench_bare", source, bare_target],
                              check=True, capture_output=True, text=True).stdout.split()
        bare_target.unlink()
        one, two = pair(network, f"transfer{number}")
        link = one.run("-q", "share", str(source), "--piece-size", "1M", timeout=300).strip()
        seed_before, fetch_before = cpu_seconds(one.process), cpu_seconds(two.process)
        _, seconds = get(two, link)
        gib = options.size / 1024
        rounds.append({
            "bare_mib_s": float(bare[1]), "mib_s": options.size / seconds,
            "ratio": options.size / seconds / float(bare[1]),
            "seed_cpu_s_per_gib": (cpu_seconds(one.process) - seed_before) / gib,
            "fetch_cpu_s_per_gib": (cpu_seconds(two.process) - fetch_before) / gib,
            "seed_peak_mib": memory_mib(one.process, "VmHWM"),
            "fetch_peak_mib": memory_mib(two.process, "VmHWM")})
        if sha1sum(two.downloads / source.name) != sha1sum(source):
            raise RuntimeError("the copy is wrong")
        (two.downloads / source.name).unlink()
        for peer in (one, two):
            peer.ask_to_stop()
            peer.wait_stopped()
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}


def bench_latency(network, options):
    """Seconds from `get` to the first byte and to done, 2 MiB, by link and by the table alone."""
    figures = {}
    for how in ("link", "hash"):
        firsts, dones = [], []
        for number in range(options.rounds):
            one, two = pair(network, f"latency-{how}{number}")
            source = network.root / f"small-{how}{number}.bin"
            make_file(source, 2 * MIB, number)
            shared = one.ask("share", str(source))
            first, done = get(two, shared["link"] if how == "link" else shared["transfer"]["hash"])
            firsts.append(first)
            dones.append(done)
        figures[f"{how}_first_byte_s"] = statistics.median(firsts)
        figures[f"{how}_done_s"] = statistics.median(dones)
    figures["fresh_pair_s"] = fresh_pair(network)
    return figures


def fresh_pair(network):
    """The two commands of the first five minutes on a machine where nothing runs yet."""
    home = network.root / "fresh"
    env = {k: v for k, v in os.environ.items() if not k.startswith("KADPEER_")}
    for what in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR"):
        (home / what).mkdir(parents=True, mode=0o700)
        env["XDG_" + what] = str(home / what)
    env.update(HOME=str(home), NO_COLOR="1")
    for profile in ("default", "b"):
        suffix = "" if profile == "default" else "-b"
        folder = home / "CONFIG_HOME" / f"kadpeer{suffix}"
        folder.mkdir()
        (folder / "config.ini").write_text(f"[transfer]\ndir = {home}\n")
    make_file(home / "notes.bin", 2 * MIB, 7)

    def kadpeer(*arguments):
        return subprocess.run([network.kadpeer, *arguments], env=env, check=True, timeout=60,
                              capture_output=True, text=True).stdout

    try:
        start = time.monotonic()
        link = kadpeer("-q", "share", str(home / "notes.bin")).strip()
        kadpeer("--profile", "b", "get", link, "-o", str(home / "copy.bin"))
        seconds = time.monotonic() - start
    finally:
        for profile in ("default", "b"):
            subprocess.run([network.kadpeer, "--profile", profile, "--no-autostart", "stop"],
                           env=env, capture_output=True, timeout=60)
    if sha1sum(home / "copy.bin") != sha1sum(home / "notes.bin"):
        raise RuntimeError("the copy is wrong")
    return seconds


def bench_idle(network, options):
    """Memory of a daemon that does nothing, after it has joined."""
    one, two = pair(network, "idle")
    two.run("join", one.endpoint)
    time.sleep(3)
    before = cpu_seconds(one.process)
    time.sleep(10)
    return {"resident_mib": memory_mib(one.process, "VmRSS"),
            "cpu_percent": 10 * (cpu_seconds(one.process) - before)}


def bench_files(network, options):
    """One share of 1,000 files of up to 64 KiB: hashing and announcing, then fetching."""
    folder = network.root / "thousand"
    sizes = random.Random(3)
    for number in range(1000):
        make_file(folder / f"{number % 10}" / f"file {number}.txt", sizes.randrange(65536), number)
    one, two = pair(network, "files")
    start = time.monotonic()
    shared = one.ask("share", str(folder), timeout=300)
    share_s = time.monotonic() - start
    _, get_s = get(two, shared["transfer"]["hash"])
    wrong = [p for p in folder.rglob("*.txt")
             if sha1sum(p) != sha1sum(two.downloads / "thousand" / p.relative_to(folder))]
    if wrong:
        raise RuntimeError(f"{len(wrong)} copies are wrong")
    return {"share_s": share_s, "get_s": get_s}


BENCHES = {"transfer": bench_transfer, "latency": bench_latency, "idle": bench_idle,
           "files": bench_files}

# name of a figure: (better is, goal), from the project's targets
GOALS = {"transfer.ratio": (">=", 0.40), "latency.fresh_pair_s": ("<=", 3.0),
         "idle.resident_mib": ("<=", 12.0)}


def show(report):
    print(f"{'measurement':34} {'figure':>12}   goal")
    for bench, figures in report["figures"].items():
        for name, value in figures.items():
            full = f"{bench}.{name}"
            goal = ""
            if full in GOALS:
                sign, bound = GOALS[full]
                met = value >= bound if sign == ">=" else value <= bound
                goal = f"{sign} {bound:g}  {'met' if met else 'MISSED'}"
            print(f"{full:34} {value:12.3f}   {goal}")


def main():
    parser = argparse.ArgumentParser(prog="tools/bench", description=__doc__.split("\n")[0])
    parser.add_argument("what", nargs="*", help=" ".join(BENCHES) + " (default: all)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of each; medians are shown")
    parser.add_argument("--size", type=int, default=1024, help="MiB of the transfer")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--build", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    unknown = [name for name in options.what if name not in BENCHES]
    if unknown:
        parser.error(f"no such measurement: {' '.join(unknown)}")
    report = {"v": 1, "ok": True, "cores": os.cpu_count(), "rounds": options.rounds, "figures": {}}
    with Network(str(options.build / "src/kadpeer"), "kadpeer-bench-",
                 (options.size * 4 + 512) * MIB) as network:
        for name in options.what or BENCHES:
            report["figures"][name] = BENCHES[name](network, options)
    if options.json:
        print(json.dumps(report))
    else:
        show(report)


if __name__ == "__main__":
    main()
