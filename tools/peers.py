"""Daemons of kadpeer with homes of their own under one temporary folder, for tools/demo,
tools/simulate and tools/bench: real processes, ports chosen by the system, nothing left behind."""

import contextlib
import ctypes
import json
import os
import pathlib
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import threading

MIB = 1 << 20
DEADLINE = 60  # seconds any one step may take


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG


class Peer:
    """One daemon with a home of its own, and the command line that talks to it."""

    def __init__(self, kadpeer, root, name, address, bootstrap=(), config=""):
        self.kadpeer, self.name, self.address = kadpeer, name, address
        self.home = root / name
        self.downloads = self.home / "downloads"
        self.downloads.mkdir(parents=True)
        self.env = {k: v for k, v in os.environ.items() if not k.startswith("KADPEER_")}
        self.env.update(NO_COLOR="1", KADPEER_AUTOSTART="0", HOME=str(self.home))
        for what in ("CONFIG_HOME", "DATA_HOME", "STATE_HOME", "RUNTIME_DIR"):
            folder = self.home / what.split("_")[0].lower()
            folder.mkdir(mode=0o700)
            self.env["XDG_" + what] = str(folder)
        folder = self.home / "config" / "kadpeer"
        folder.mkdir()
        lines = "".join(f"bootstrap = {known}\n" for known in bootstrap)
        (folder / "config.ini").write_text(
            f"[transfer]\ndir = {self.downloads}\n[network]\n{lines}{config}")
        self.port = 0
        self.process = None
        self.start()

    @property
    def endpoint(self):
        return f"{self.address}:{self.port}"

    def start(self):
        """Starts the daemon, on the port it had before if it had one."""
        with (self.home / "log").open("a") as log:
            self.process = subprocess.Popen(
                [self.kadpeer, "--json", "daemon", "--bind", self.address, "--port",
                 str(self.port)], env=self.env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=log, preexec_fn=die_with_parent, text=True)
        return self

    def wait_ready(self):
        with kill_after(self.process, DEADLINE):
            line = self.process.stdout.readline()
        if not line:
            log = (self.home / "log").read_text(errors="replace")
            raise RuntimeError(f"{self.name} did not start:\n{log[-2000:]}")
        self.port = json.loads(line)["port"]
        return self

    def client(self, *arguments, timeout=DEADLINE):
        """The command line of this peer: (exit status, stdout, stderr)."""
        done = subprocess.run([self.kadpeer, *arguments], env=self.env, timeout=timeout,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True)
        return done.returncode, done.stdout, done.stderr

    def run(self, *arguments, timeout=DEADLINE):
        """The same where it must succeed: what it printed."""
        status, out, err = self.client(*arguments, timeout=timeout)
        if status != 0:
            raise RuntimeError(f"{self.name}: kadpeer {' '.join(arguments)} ended with {status}:\n"
                               f"{err}{out}")
        return out

    def ask(self, *arguments, timeout=DEADLINE):
        return json.loads(self.run("--json", *arguments, timeout=timeout))

    def follow(self, *arguments, timeout=DEADLINE):
        """Yields what the command line prints, talk included, line by line; raises at the end when
        it failed."""
        process = subprocess.Popen([self.kadpeer, *arguments], env=self.env, text=True,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                   stderr=subprocess.STDOUT, preexec_fn=die_with_parent)
        with kill_after(process, timeout):
            for line in process.stdout:
                yield line.rstrip()
        process.stdout.close()
        if process.wait() != 0:
            raise RuntimeError(f"{self.name}: kadpeer {' '.join(arguments)} ended with "
                               f"{process.returncode}")

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()

    def ask_to_stop(self):
        if self.process.poll() is None:
            self.process.terminate()

    def wait_stopped(self):
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()


@contextlib.contextmanager
def kill_after(process, seconds):
    timer = threading.Timer(seconds, process.kill)
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


class Network:
    """Peers in one temporary folder. As a context manager it ends and removes all of them, whatever
    happens, SIGINT, SIGTERM and SIGHUP included."""

    SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

    def __init__(self, kadpeer, prefix, need_bytes):
        self.kadpeer = kadpeer
        self.peers = []
        self.root = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
        free = shutil.disk_usage(self.root).free
        if free < need_bytes:
            self.root.rmdir()
            sys.exit(f"{need_bytes / MIB:.0f} MiB are needed in {self.root.parent}, "
                     f"{free / MIB:.0f} MiB are free (TMPDIR=FOLDER chooses another)")

    def __enter__(self):
        for number in self.SIGNALS:
            signal.signal(number, self.interrupted)
        return self

    @staticmethod
    def interrupted(number, _frame):
        raise SystemExit(128 + number)

    def __exit__(self, *_):
        for number in self.SIGNALS:
            signal.signal(number, signal.SIG_IGN)
        for peer in self.peers:
            peer.ask_to_stop()
        for peer in self.peers:
            peer.wait_stopped()
        shutil.rmtree(self.root, ignore_errors=True)

    def add(self, name, address, bootstrap=(), config=""):
        peer = Peer(self.kadpeer, self.root, name, address, bootstrap, config)
        self.peers.append(peer)
        return peer


def make_file(path, size, seed):
    """Bytes that depend on the seed alone."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = random.Random(seed)
    with path.open("wb") as out:
        while size > 0:
            block = source.randbytes(min(size, MIB))
            out.write(block)
            size -= len(block)


def sha1sum(path):
    return subprocess.run(["sha1sum", str(path)], check=True, capture_output=True,
                          text=True).stdout.split()[0].lstrip("\\")


def in_parallel(*jobs):
    """Runs the jobs at the same time; the first failure is raised when all have ended."""
    failures = []

    def guarded(job):
        try:
            job()
        except Exception as error:
            failures.append(error)

    threads = [threading.Thread(target=guarded, args=(job,)) for job in jobs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
