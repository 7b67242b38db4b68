#!/usr/bin/python3
"""Many real daemons on 127.0.0.0/8: publishes files, fetches each from random peers by hash and by
name, kills and restarts a share of the daemons on the way, and says how that went. With --groups a
private group of some of them does the same, and shuts one out at the end."""

import argparse
import collections
import json
import os
import pathlib
import random
import shutil
import statistics
import sys
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "tests" / "e2e"))
from kadnet import Net, end_on_signals, make_file, sha1_file  # noqa: E402
from simulate_groups import FIRST_FILES, GroupScenario, show_group  # noqa: E402

MIB = 1 << 20

File = collections.namedtuple("File", "name hash sha1 publisher")
Fetch = collections.namedtuple("Fetch", "file how peer found verified first_source done error")


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog="tools/simulate --real", description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("nodes", nargs="?", type=int, default=30, help="daemons in all")
    parser.add_argument("--files", type=int, default=20,
                        help="files published (0 with --groups: the group alone)")
    parser.add_argument("--size", type=float, default=4, help="largest file, MiB")
    parser.add_argument("--kill", type=float, default=0.2,
                        help="share of the daemons that are killed and restarted on the way")
    parser.add_argument("--groups", action="store_true",
                        help="then a private group among them: members are invited, upload, and "
                             "download all of it; one is removed and gets nothing new")
    parser.add_argument("--members", type=int, default=10, help="how many are invited to that group")
    parser.add_argument("--seed", type=int, help="repeats a run (default: a new one, printed)")
    parser.add_argument("--limit", type=float, default=240, help="seconds the run may take")
    parser.add_argument("--parallel", type=int, default=6, help="fetches at a time")
    parser.add_argument("--json", action="store_true", help="one JSON object instead of the table")
    parser.add_argument("--kadpeer", required=True, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if not 3 <= options.nodes <= 1000 or not 0 <= options.kill < 1 or \
            options.files < (0 if options.groups else 1):
        parser.error("3 to 1000 daemons, at least one file, a share to kill below 1")
    if options.groups and (options.nodes < 7 or options.members < 3):
        parser.error("--groups needs at least 7 daemons and 3 members")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 32)
    return options


class Simulation:
    def __init__(self, options, net):
        self.options, self.net = options, net
        self.random = random.Random(options.seed)
        self.started = time.monotonic()
        self.files = []
        self.killed = 0
        self.restarting = collections.defaultdict(threading.Lock)  # by name of a daemon

    def left(self):
        return max(1.0, self.options.limit - (time.monotonic() - self.started))

    def say(self, text):
        if not self.options.json:
            print(f"{time.monotonic() - self.started:6.1f}s  {text}", file=sys.stderr, flush=True)

    def run(self):
        self.start()
        if self.options.files == 0:
            return []
        self.publish()
        return self.fetch_all()

    def start(self):
        count = self.options.nodes
        bootstrap_count = max(2, count // 15)
        config = {"network.ipv6": "no"}
        known = []
        for n in range(bootstrap_count):
            known.append(self.net.daemon(f"node{n}", bootstrap=known, config=config))
        self.say(f"{bootstrap_count} bootstrap nodes: {' '.join(d.endpoint for d in known)}")
        self.ordinary = [self.net.daemon(f"node{n}", bootstrap=known, config=config)
                         for n in range(bootstrap_count, count)]
        for daemon in self.ordinary:
            daemon.wait_nodes(1, timeout=self.left())
        self.say(f"{count} daemons are up and joined")

    def publish(self):
        for number in range(self.options.files):
            name = f"simulated file {number:03d}.bin"
            size = self.random.randrange(1, int(self.options.size * MIB) + 1)
            path = make_file(self.net.path("files", name), size, f"{self.options.seed}/{number}")
            publisher = self.random.choice(self.ordinary)
            shared = publisher.share(path, timeout=self.left())
            self.files.append(File(name, shared["transfer"]["hash"], sha1_file(path), publisher))
        self.say(f"{len(self.files)} files published by "
                 f"{len({f.publisher.name for f in self.files})} daemons")

    def plan(self):
        """Who fetches what, and after how many fetches which daemon is killed: all from the seed."""
        jobs = []
        for file in self.files:
            others = [d for d in self.ordinary if d is not file.publisher]
            for how, daemon in zip(("hash", "name"), self.random.sample(others, 2)):
                jobs.append((file, how, daemon))
        self.random.shuffle(jobs)
        publishers = {f.publisher.name for f in self.files}
        victims = self.random.sample(self.net.daemons, int(self.options.kill * self.options.nodes))
        kills = collections.defaultdict(list)
        for victim in victims:
            kills[self.random.randrange(len(jobs))].append(victim)
        self.say(f"{len(jobs)} fetches; {len(victims)} daemons will be killed on the way, "
                 f"{sum(v.name in publishers for v in victims)} of them publishers")
        return jobs, kills

    def fetch_all(self):
        jobs, kills = self.plan()
        results = []
        with ThreadPoolExecutor(self.options.parallel) as pool:
            for future in as_completed([pool.submit(self.fetch, *job) for job in jobs]):
                # here, not in the pool: a daemon dies with the thread that started it
                for victim in kills[len(results)]:
                    self.kill_and_restart(victim)
                results.append(future.result())
                if len(results) % 10 == 0:
                    self.say(f"{len(results)} of {len(jobs)} fetches ended")
        return results

    def kill_and_restart(self, daemon):
        with self.restarting[daemon.name]:
            daemon.kill9()
            daemon.start(port=daemon.port)
        self.killed += 1

    def fetch(self, file, how, daemon):
        what = file.hash if how == "hash" else f"name:{file.name}"
        start = time.monotonic()
        first_source, done, error = None, False, None
        for _ in range(3):  # the fetching daemon itself may be killed under its client
            first_source, done, error = self.get_once(daemon, what, start, first_source)
            if done or self.left() <= 1:
                break
        seconds = time.monotonic() - start
        copy = os.path.join(daemon.downloads, file.name)
        verified = done and os.path.isfile(copy) and sha1_file(copy) == file.sha1
        return Fetch(file.name, how, daemon.name, first_source is not None, verified, first_source,
                     seconds if done else None, error)

    def get_once(self, daemon, what, start, first_source):
        wait = f"{min(60, int(self.left()))}s"
        with self.restarting[daemon.name]:
            child = daemon.cli_start("--json", "get", what, "--wait", wait)
        timer = threading.Timer(min(90, self.left()), child.kill)
        timer.daemon = True
        timer.start()
        event = {}
        for line in child.stdout:
            event = json.loads(line)
            if first_source is None and (event.get("sources") or
                                         event.get("event") in ("metadata", "progress", "done")):
                first_source = time.monotonic() - start
        timer.cancel()
        done = child.wait() == 0
        child.stdout.close()
        child.stderr.close()
        self.net.children.remove(child)
        return first_source, done, None if done else event.get("error", {}).get("message", "no end")

    def died(self):
        """Daemons that ended although nobody killed them."""
        return [f"{d.name} ended with {d.process.returncode}" for d in self.net.daemons
                if d.process is None or d.process.poll() is not None]

    def messages(self):
        return sum(sum(overlay["queries"]["out"].values()) for daemon in self.net.daemons
                   if daemon.process.poll() is None
                   for overlay in daemon.call("node.status")["overlays"])


def spread(values):
    values = sorted(v for v in values if v is not None)
    if not values:
        return {"median": None, "p95": None, "max": None}
    return {"median": round(statistics.median(values), 3),
            "p95": round(values[min(len(values) - 1, int(0.95 * len(values)))], 3),
            "max": round(values[-1], 3)}


def summarize(fetches):
    count = len(fetches)
    return {"fetches": count,
            "found": round(100 * sum(f.found for f in fetches) / max(1, count), 1),
            "verified": round(100 * sum(f.verified for f in fetches) / max(1, count), 1),
            "seconds_to_first_source": spread(f.first_source for f in fetches),
            "seconds_to_done": spread(f.done for f in fetches)}


def show(report):
    print(f"{report['nodes']} daemons, {report['files']} files, {report['killed']} killed and "
          f"restarted, seed {report['seed']}, {report['seconds']:.0f} s")
    if report["files"] > 0:
        show_fetches(report)
    if report["group"] is not None:
        show_group(report["group"])
    print(f"queries sent by all daemons since they last started: {report['messages']}")


def show_fetches(report):
    print(f"{'':6} {'fetches':>7} {'found':>7} {'verified':>9} {'first source':>20} {'done':>20}")
    print(f"{'':6} {'':>7} {'':>7} {'':>9} {'median / 95 % s':>20} {'median / 95 % s':>20}")
    for how in ("hash", "name", "all"):
        row = report[how]
        first, done = row["seconds_to_first_source"], row["seconds_to_done"]
        print(f"{how:6} {row['fetches']:7} {row['found']:6}% {row['verified']:8}% "
              f"{str(first['median']) + ' / ' + str(first['p95']):>20} "
              f"{str(done['median']) + ' / ' + str(done['p95']):>20}")
    for failure in report["failures"]:
        print(f"failed: {failure['file']} by {failure['how']} at {failure['peer']}: "
              f"{failure['error']}")


def main():
    options = parse_arguments()
    need = int(options.files * options.size * 4 + options.nodes * 4 + 64 +
               options.groups * options.members * options.size * (FIRST_FILES + 2)) * MIB
    folder = tempfile.gettempdir()
    if shutil.disk_usage(folder).free < need:
        sys.exit(f"simulate: {need // MIB} MiB are needed in {folder} (TMPDIR chooses another)")
    end_on_signals()
    with Net(options.kadpeer, seed=options.seed, log_level="info", parent=folder) as net:
        simulation = Simulation(options, net)
        simulation.say(f"seed {options.seed}")
        fetches = simulation.run()
        group = GroupScenario(simulation).run().report(spread) if options.groups else None
        died = simulation.died()
        for text in died:
            print(f"simulate: {text}", file=sys.stderr)
        if died:
            net.show(sys.stderr, lines=20)
        by = {how: [f for f in fetches if f.how == how] for how in ("hash", "name")}
        ok = all(f.verified for f in fetches) and not died and (group is None or group["ok"])
        report = {"v": 1, "ok": ok, "nodes": options.nodes,
                  "files": options.files, "killed": simulation.killed, "seed": options.seed,
                  "seconds": round(time.monotonic() - simulation.started, 1),
                  "hash": summarize(by["hash"]), "name": summarize(by["name"]),
                  "all": summarize(fetches), "group": group, "messages": simulation.messages(),
                  "failures": [{"file": f.file, "how": f.how, "peer": f.peer, "error": f.error}
                               for f in fetches if not f.verified]}
    if options.json:
        print(json.dumps(report))
    else:
        show(report)
    sys.exit(0 if report["ok"] else 1)


if __name__ == "__main__":
    main()
