#!/usr/bin/python3
"""Runs end-to-end tests and prints TAP.

    run.py [--kadpeer PATH] [--seed N] [-j N] [-k TEXT] [-v] [FILE | NAME]...

A test is a function of tests/e2e/test_*.py marked with @test (see harness.py); each runs in a
process of its own with a fresh Net. Without names, all run. KADPEER and KADPEER_TEST_SEED stand in
for the options; `--slow F` multiplies every deadline (sanitizers)."""

import argparse
import faulthandler
import glob
import importlib.util
import os
import random
import signal
import sys
import tempfile
import time
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

import harness  # noqa: E402
from kadnet import Net, end_on_signals  # noqa: E402

GRACE = 25.0  # seconds after a test's own deadline until its process is killed
PASSED, FAILED, SKIPPED = 0, 1, 77


def options():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kadpeer', default=os.environ.get('KADPEER'))
    parser.add_argument('--seed', default=os.environ.get('KADPEER_TEST_SEED'))
    parser.add_argument('--slow', type=float, default=float(os.environ.get('KADPEER_TEST_SLOW', 1)))
    parser.add_argument('-j', '--jobs', type=int, default=1)
    parser.add_argument('-k', '--keyword', default='')
    parser.add_argument('-l', '--list', action='store_true')
    parser.add_argument('-v', '--verbose', action='store_true')
    parser.add_argument('names', nargs='*')
    args = parser.parse_args()
    if not args.list and not (args.kadpeer and os.access(args.kadpeer, os.X_OK)):
        parser.error('--kadpeer PATH or KADPEER must name the program')
    return args


def load(path):
    name = os.path.splitext(os.path.basename(path))[0]
    spec = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return [value for value in vars(module).values()
            if isinstance(value, harness.Test) and value.run.__module__ == name]


def choose(names, keyword):
    files = [n for n in names if n.endswith('.py')]
    wanted = {n for n in names if not n.endswith('.py')}
    paths = [p if os.path.exists(p) else os.path.join(HERE, os.path.basename(p)) for p in files]
    if not files:
        paths = sorted(glob.glob(os.path.join(HERE, 'test_*.py')))
    tests = [t for path in paths for t in load(path)]
    unknown = wanted - {t.name for t in tests}
    if unknown:
        sys.exit(f'no such test: {", ".join(sorted(unknown))}')
    return [t for t in tests if (not wanted or t.name in wanted) and keyword in t.name]


class Deadline(Exception):
    """The test took too long."""


def expire(*_):
    faulthandler.dump_traceback(all_threads=True)
    raise Deadline('the deadline of the test has passed')


def run_one(test, args, seed):
    """In the test's own process; its standard error is a file that is shown when it fails."""
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, test.deadline * args.slow)
    say = (lambda text: print(text, file=sys.stderr, flush=True)) if args.verbose else None
    with Net(args.kadpeer, seed=f'{seed}/{test.name}', slow=args.slow, say=say) as net:
        try:
            test.run(net)
            wrong = net.stop_all()
            assert not wrong, '; '.join(wrong)
            return PASSED
        except harness.Skip as reason:
            print(reason, file=sys.stderr)
            return SKIPPED
        except BaseException:
            signal.setitimer(signal.ITIMER_REAL, 0)
            traceback.print_exc()
            net.show(sys.stderr)
            return FAILED


class Running:
    def __init__(self, test, args, seed):
        self.test = test
        self.log = tempfile.TemporaryFile('w+', errors='replace')
        self.began = time.monotonic()
        self.killed = False
        sys.stdout.flush()
        self.pid = os.fork()
        if self.pid == 0:
            status = FAILED
            try:
                signal.signal(signal.SIGINT, signal.SIG_DFL)
                end_on_signals()
                faulthandler.enable(file=self.log)
                if not args.verbose:
                    os.dup2(self.log.fileno(), 2)
                os.dup2(2, 1)
                status = run_one(test, args, seed)
                sys.stderr.flush()
            finally:
                os._exit(status)

    def check_deadline(self, slow):
        if time.monotonic() - self.began > self.test.deadline * slow + GRACE and not self.killed:
            self.killed = True
            os.kill(self.pid, signal.SIGKILL)  # its janitor ends its daemons


def report(number, running, status):
    took = time.monotonic() - running.began
    running.log.seek(0)
    text = running.log.read()
    if status == SKIPPED:
        print(f'ok {number} - {running.test.name} # SKIP {text.strip().splitlines()[-1]}')
    elif status == PASSED:
        print(f'ok {number} - {running.test.name}\n# it took {took:.1f} s')
    else:
        print(f'not ok {number} - {running.test.name}\n# it took {took:.1f} s')
        for line in text.splitlines():
            print(f'# {line}')
        if running.killed:
            print('# killed: it did not end after its deadline')
    sys.stdout.flush()
    return status in (PASSED, SKIPPED)


def run_all(tests, args, seed):
    waiting, active, number, good = list(tests), {}, 0, True
    try:
        while waiting or active:
            while waiting and len(active) < args.jobs:
                running = Running(waiting.pop(0), args, seed)
                active[running.pid] = running
            for running in active.values():
                running.check_deadline(args.slow)
            pid, how = os.waitpid(-1, os.WNOHANG)
            if pid == 0:
                time.sleep(0.02)
            elif pid in active:
                number += 1
                good &= report(number, active.pop(pid), os.waitstatus_to_exitcode(how))
    finally:
        for pid in active:
            os.kill(pid, signal.SIGTERM)
        for pid in active:
            os.waitpid(pid, 0)
    return good


def main():
    args = options()
    tests = choose(args.names, args.keyword)
    if args.list:
        print('\n'.join(t.name for t in tests))
        return 0
    end_on_signals()
    seed = args.seed or str(random.SystemRandom().randrange(1 << 32))
    print('TAP version 13')
    print(f'1..{len(tests)}')
    print(f'# seed {seed} (KADPEER_TEST_SEED={seed} repeats it)')
    return 0 if run_all(tests, args, seed) else 1


if __name__ == '__main__':
    sys.exit(main())
