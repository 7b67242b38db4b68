"""What all measurements share: what a process has used, bounds, medians."""

import os
import pathlib
import statistics
import subprocess

MIB = 1 << 20

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(process):
    """process: anything with a pid, that still runs."""
    fields = pathlib.Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def memory_mib(process, what):
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith(what + ":"):
            return int(line.split()[1]) / 1024
    return None


def bound(options, program, *arguments):
    """What one of the small programs beside this file measures."""
    done = subprocess.run([options.build / "tests/bench" / program, *arguments], check=True,
                          capture_output=True, text=True)
    return [float(figure) for figure in done.stdout.split()]


def lines_of(options, program, *arguments):
    """The same of a program that prints a name and a figure a line."""
    done = subprocess.run([options.build / "tests/bench" / program, *map(str, arguments)],
                          check=True, stdout=subprocess.PIPE, text=True)
    return {name: float(figure) for name, figure in map(str.split, done.stdout.splitlines())}


def openssl_sha1_mib_s():
    """What `openssl speed` says of one core, in runs as long as a piece."""
    done = subprocess.run(["openssl", "speed", "-mr", "-seconds", "1", "-bytes", str(MIB),
                           "-evp", "sha1"], check=True, capture_output=True, text=True)
    return float(done.stdout.strip().rsplit(":", 1)[1]) / MIB


def medians(rounds):
    return {key: statistics.median(r[key] for r in rounds) for key in rounds[0]}
