"""The program behind tools/simulate: what it prints, what it refuses, how it ends.

usage: test_program.py SIM_DHT
"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import tempfile
import xml.dom.minidom

SMALL = ["--nodes", "40", "--warm-up", "5m", "--records", "10", "--lookups", "20"]
TRIALS = {
    "lookup": ["lookups", "network"],
    "churn": ["lookups", "network"],
    "techniques": ["lookups", "network"],
    "survival": ["records over days"],
    "adversary": ["hostile nodes"],
    "eclipse": ["eclipse of keys"],
    "poison": ["poisoned tables"],
    "flood": ["flooded stores"],
    "partition": ["a network cut in two"],
    "scale": ["scale"],
}
MORE = {
    "survival": ["--lasts", "1d", "--warm-up", "1m"],
    "adversary": ["--bad", "20", "--paths", "4"],
    "eclipse": ["--lasts", "2m", "--records", "2"],
    "poison": ["--lasts", "5m", "--sybils", "40"],
    "flood": ["--flooded", "5000", "--sybils", "20"],
    "partition": ["--lasts", "10m"],
    "scale": ["--nodes", "30,60"],
}

program = sys.argv[1]
failures = []


def check(holds, what):
    print(("ok - " if holds else "not ok - ") + what)
    if not holds:
        failures.append(what)


def run(*arguments):
    return subprocess.run([program, *arguments], capture_output=True, text=True, timeout=280)


def check_trial(name, folder):
    """Each trial ends with what it promises, in every form; all is found where nobody is hostile."""
    paths = [os.path.join(folder, name + end) for end in (".csv", ".svg")]
    ran = run(name, *SMALL, *MORE.get(name, []), "--json", "--csv", paths[0], "--plot", paths[1])
    check(ran.returncode == 0 and ran.stderr == "", f"{name} ends well {ran.stderr[:200]}")
    told = json.loads(ran.stdout)
    tables = {table["name"]: table["rows"] for table in told["tables"]}
    check(list(tables) == TRIALS[name] and all(tables.values()), f"{name} has its tables")
    check(told["trial"] == name and not told["cut_short"], f"{name} says what it is")
    first = next(iter(tables.values()))[0]
    found = next((first[key] for key in first if key.startswith(("found", "renewed"))), 0)
    check(found >= 90, f"{name} finds nearly all before anything happens: {found}")
    with open(paths[0], encoding="utf-8") as file:
        rows = list(csv.reader(io.StringIO(file.read())))
    cells = sum(len(rows) for rows in tables.values())
    check(sum(row[:1] != ["table"] and row != [] for row in rows) == cells, f"{name}: CSV is whole")
    check(xml.dom.minidom.parse(paths[1]).documentElement.tagName == "svg", f"{name}: SVG is XML")


def check_same_seed():
    arguments = ["lookup", *SMALL, "--churn", "harsh", "--nat", "10", "--json"]
    traces = []
    for seed in ("7", "7", "8"):
        told = json.loads(run(*arguments, "--seed", seed).stdout)
        traces.append(told["tables"][1]["rows"][0]["trace"])
    check(traces[0] == traces[1] != traces[2], f"the seed decides the trace: {traces}")


def check_refusals():
    """What makes no sense is said to, in one line that names it, and nothing runs."""
    for arguments, said in (
        (["lookups"], "lookups"),
        (["lookup", "--nodes", "many"], '"many"'),
        (["lookup", "--nodes", "1"], "--nodes"),
        (["lookup", "--nodes", "10,,20"], "--nodes"),
        (["lookup", "--nodes", "2.5"], "--nodes"),
        (["lookup", "--nodes"], "--nodes"),
        (["lookup", "--nodse", "5"], "--nodse"),
        (["lookup", "--loss", "101"], "--loss"),
        (["lookup", "--loss", "nan"], "--loss"),
        (["lookup", "--churn", "mild"], "--churn"),
        (["lookup", "--warm-up", "90"], "--warm-up"),
        (["lookup", "--seed", "-1"], "--seed"),
        (["adversary", "--kinds", "silent,nice"], "--kinds"),
        (["adversary", "--paths", "0"], "--paths"),
        (["lookup", "--latency", "/nonexistent/matrix"], "/nonexistent/matrix"),
        (["lookup", "--threads", "0"], "--threads"),
        (["lookup", "--without", "haste"], "--without"),
        (["scale", "--latency", "/nonexistent/matrix"], "/nonexistent/matrix"),
    ):
        ran = run(*arguments)
        first_line = ran.stderr.split("\n")[0]
        check(ran.returncode == 2 and said in first_line, f"{arguments} is refused: {first_line}")


def check_threads():
    """What happens does not depend on how many threads run it."""
    traces = set()
    for threads in "1", "2", "5":
        ran = run("scale", "--nodes", "300", "--threads", threads, "--seed", "7", "--json")
        row = json.loads(ran.stdout)["tables"][0]["rows"][0]
        traces.add((row["trace"], row["hops"], row["value_ms"]))
    check(len(traces) == 1, f"the same with 1, 2 and 5 threads: {traces}")


def check_help():
    for arguments in (["--help"], ["lookup", "-h"]):
        ran = run(*arguments)
        check(ran.returncode == 0 and all(name in ran.stdout for name in TRIALS), "--help names all")


def check_interrupt():
    """Ctrl-C ends it with what there is, said to be cut short."""
    with subprocess.Popen(
        [program, "lookup", "--nodes", "40,60", "--warm-up", "500d", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        while not caught(process.pid):  # not from its very first moment on
            pass
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=60)
    check(process.returncode == 130, f"interrupted: status {process.returncode}")
    check(json.loads(out)["cut_short"], "what there was until then is printed, and said to be cut")


def caught(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as status:
        mask = next(line for line in status if line.startswith("SigCgt:"))
    return int(mask.split()[1], 16) >> (signal.SIGINT - 1) & 1


check_threads()
check_help()
check_refusals()
check_same_seed()
check_interrupt()
with tempfile.TemporaryDirectory() as made:
    for trial in TRIALS:
        check_trial(trial, made)
print(f"# {len(failures)} failures")
sys.exit(1 if failures else 0)
