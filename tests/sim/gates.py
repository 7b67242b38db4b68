"""What a whole network has to hold over simulated days: tools/soak runs it.

  gates.py SIM_DHT [--small]    records over 7 days, a cut of an hour, 10^7 flooded records

Fails where a figure is below its gate; --small looks at smaller networks for a shorter time.
"""

import json
import subprocess
import sys

program = sys.argv[1]
small = "--small" in sys.argv[2:]
failed = False


def run(*arguments):
    print("#", *arguments, flush=True)
    ran = subprocess.run([program, *arguments, "--json"], stdout=subprocess.PIPE, check=True)
    told = json.loads(ran.stdout)
    return told["tables"][0]["rows"]


def row_of(rows, column, name):
    return next(row for row in rows if row[column] == name)


def gate(what, figure, least):
    global failed
    failed |= figure < least
    print(f"# {what}: {figure:.2f} (at least {least}){' MISSED' if figure < least else ''}")


def survival():
    size = ["--nodes", "60", "--lasts", "1d"] if small else ["--lasts", "7d"]
    row = row_of(run("survival", *size), "day", "all")
    gate("renewed records found, %", row["renewed_%"], 99.9)
    gate("records whose publisher left for a day found, %", row["left_%"], 99)


def partition():
    rows = run("partition", *(["--nodes", "100"] if small else []))
    gate("found 15 minutes after a cut, %", row_of(rows, "when", "15 min healed")["found_%"], 99)


def flood():
    rows = run("flood", "--flooded", "100000" if small else "10000000")
    for when in "after the flood", "40 minutes later":
        row = row_of(rows, "when", when)
        gate(f"found {when}, %", row["found_%"], 99)
        gate("KiB left of the fullest store", row["budget_KiB"] - row["most_KiB"], 0)


survival()
partition()
flood()
sys.exit(failed)
