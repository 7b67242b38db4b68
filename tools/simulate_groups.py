"""The private group of tools/simulate --real --groups: made, joined by invite, uploaded to and
downloaded from while members are killed, and at the end one of them is removed."""

import collections
import contextlib
import os
import time
from concurrent.futures import ThreadPoolExecutor, as_completed

from kadnet import ControlClosed, ControlError, make_file, sha1_file
from people import make_user

GROUP = "study"
FIRST_FILES = 4
PROBE = 8          # seconds that somebody shut out looks for a source
SOON = {"not_logged_in", "no_group"}  # of a daemon that has only just started again

Shared = collections.namedtuple("Shared", "path size hash sha1 uploader")
Download = collections.namedtuple("Download", "file member seconds verified error")


class GroupScenario:
    """The first of the people owns the group, the last one never joins it."""

    def __init__(self, simulation):
        self.simulation, self.random = simulation, simulation.random
        count = min(simulation.options.members + 2, len(simulation.ordinary))
        self.owner, *self.members, self.outsider = self.random.sample(simulation.ordinary, count)
        self.removed, self.asleep = self.random.sample(self.members, 2)
        self.joined, self.downloads, self.followed = [], [], []
        self.logged_in_again = self.killed = 0
        self.told = False
        self.kept_out, self.failures = [], []

    def run(self):
        with ThreadPoolExecutor(self.simulation.options.parallel) as self.pool:
            try:
                self.make()
                self.join()
                self.fetch([self.upload(f"group file {n}.bin", self.random.choice(
                    [self.owner, *self.members])) for n in range(FIRST_FILES)],
                    [self.owner, *self.members])
                self.remove()
                new = self.upload("after the removal.bin", self.owner)
                self.fetch([new], self.staying())
                self.shut_out(new)
            except (ControlError, ControlClosed, TimeoutError, OSError) as error:
                self.failures.append(f"the group's run ended early: {error}")
        return self

    def staying(self):
        return [self.owner, *(m for m in self.members if m is not self.removed)]

    # -- asking: a connection of its own each time, as many threads ask --

    def ask(self, daemon, method, **params):
        call = daemon.stream(method, **params)
        with call.control:
            return call.finish(self.simulation.left())

    def wait_until(self, daemon, what, question):
        """Asks until it is true, over restarts of the daemon; how long that took."""
        begin, error, pause = time.monotonic(), None, 0.2
        while self.simulation.left() > 1:
            try:
                if question():
                    return time.monotonic() - begin
            except (ControlClosed, OSError) as gone:
                error = gone
            except ControlError as refused:
                if refused.code not in SOON:
                    raise
                error = refused
            time.sleep(pause)
            pause = min(2.0, 1.5 * pause)
        raise TimeoutError(f"{daemon.name}: not {what} in time{f' ({error})' if error else ''}")

    def each(self, work, daemons):
        """Runs it for all of them at a time; results of those that did not fail."""
        under_way = {self.pool.submit(work, daemon): daemon for daemon in daemons}
        for future in as_completed(under_way):
            try:
                yield future.result()
            except (ControlError, ControlClosed, TimeoutError, OSError) as error:
                self.failures.append(f"{under_way[future].name}: {error}")

    # -- the scenes --

    def make(self):
        for _ in self.each(lambda d: make_user(d, d.name, remember=True),
                           [self.owner, *self.members, self.outsider]):
            pass
        made = self.ask(self.owner, "group.create", name=GROUP, wait=30)
        if not made["stored"]:
            self.failures.append("the new group's records were not stored within 30 s")
        self.simulation.say(f"{self.owner.name} owns a private group")

    def join(self):
        invite = self.ask(self.owner, "group.invite", group=GROUP, uses=len(self.members))["invite"]

        def join(daemon):
            begin = time.monotonic()
            self.ask(daemon, "group.join", invite=invite, wait=30)
            self.wait_until(daemon, "a member", lambda: self.show(daemon)["standing"] == "member")
            return time.monotonic() - begin

        self.joined = list(self.each(join, self.members))
        self.simulation.say(f"{len(self.joined)} of {len(self.members)} invited are members")

    def show(self, daemon):
        return self.ask(daemon, "group.show", group=GROUP)["group"]

    def upload(self, name, uploader):
        simulation = self.simulation
        size = self.random.randrange(1, int(simulation.options.size * (1 << 20)) + 1)
        path = make_file(simulation.net.path("files", name), size, f"{simulation.options.seed}/g")
        shared = uploader.share(path, group=GROUP, timeout=simulation.left())["transfer"]
        return Shared(name, size, shared["hash"], sha1_file(path), uploader)

    def fetch(self, files, people):
        """Everybody downloads everything; some are killed on the way, once."""
        jobs = [(file, daemon) for file in files for daemon in people if daemon is not file.uploader]
        self.random.shuffle(jobs)
        kills = collections.defaultdict(list)
        if not self.downloads:
            for victim in self.random.sample(self.members, self.victims()):
                kills[self.random.randrange(len(jobs))].append(victim)
        ended = as_completed([self.pool.submit(self.download, *job) for job in jobs])
        for number, future in enumerate(ended):
            # here, not in the pool: a daemon dies with the thread that started it
            for victim in kills[number]:
                self.kill_and_restart(victim)
            self.downloads.append(future.result())
        self.simulation.say(f"{len(jobs)} downloads in the group ended, of {len(files)} files")

    def victims(self):
        return max(1, int(self.simulation.options.kill * len(self.members))) \
            if self.simulation.options.kill else 0

    def kill_and_restart(self, daemon):
        self.simulation.kill_and_restart(daemon)
        self.killed += 1
        self.check_login(daemon)

    def check_login(self, daemon):
        """The login was remembered: nobody types the password again."""
        self.wait_until(daemon, "logged in again",
                        lambda: self.ask(daemon, "status")["user"] == daemon.name)
        self.logged_in_again += 1

    def download(self, file, daemon):
        begin = time.monotonic()
        try:
            self.wait_until(daemon, "done", lambda: self.download_once(file, daemon))
        except (ControlError, TimeoutError) as error:
            return Download(file.path, daemon.name, None, False, str(error))
        copy = os.path.join(daemon.downloads, file.path)
        verified = os.path.isfile(copy) and sha1_file(copy) == file.sha1
        return Download(file.path, daemon.name, time.monotonic() - begin, verified,
                        None if verified else "the copy is wrong")

    def download_once(self, file, daemon):
        listed = self.ask(daemon, "group.files", group=GROUP)["files"]
        if file.path not in (entry["path"] for entry in listed):
            return False
        ident = self.ask(daemon, "transfer.add", group=GROUP, file=file.path,
                         dir=daemon.downloads)["id"]
        self.ask(daemon, "transfer.follow", id=ident)
        return True

    def remove(self):
        """One is removed while another is down, who has to learn it afterwards."""
        with self.simulation.restarting[self.asleep.name]:
            self.asleep.kill9()
            answer = self.ask(self.owner, "group.remove", group=GROUP, user=self.removed.name,
                              wait=30)
            begin = time.monotonic()
            self.asleep.start(port=self.asleep.port)
        self.simulation.killed += 1
        self.killed += 1
        if not answer["stored"]:
            self.failures.append("the records of the new epoch were not stored within 30 s")
        self.check_login(self.asleep)

        def follow(daemon):
            self.wait_until(daemon, "on the new epoch",
                            lambda: self.show(daemon)["epoch"] == answer["epoch"])
            return time.monotonic() - begin

        self.followed = list(self.each(follow, self.staying()))
        self.wait_until(self.removed, "told of the removal",
                        lambda: self.show(self.removed)["standing"] == "removed")
        self.told = True
        self.simulation.say(f"{self.removed.name} was removed; {len(self.followed)} of "
                            f"{len(self.staying())} are on epoch {answer['epoch']}")

    def shut_out(self, file):
        """The removed one and the outsider try for the new file with all that is public."""
        doors = [daemon.endpoint for daemon in self.staying()]
        for daemon in (self.removed, self.outsider):
            for how, params in (("as a member", {"group": GROUP, "file": file.path}),
                                ("by hash", {"link": file.hash, "from": doors})):
                self.kept_out.append({"who": daemon.name, "how": how,
                                      **self.attempt(daemon, params)})

    def attempt(self, daemon, params):
        ident = None
        try:
            ident = self.ask(daemon, "transfer.add", dir=daemon.downloads, **params)["id"]
            self.ask(daemon, "transfer.follow", id=ident, wait=PROBE)
            return {"got": True, "error": None}
        except ControlError as error:
            got = ident is not None and self.ask(daemon, "transfer.info", id=ident)["transfer"]["done"]
            return {"got": bool(got), "error": error.code}
        finally:
            with contextlib.suppress(ControlError):
                if ident is not None:
                    self.ask(daemon, "transfer.remove", id=ident)

    # -- how it went --

    def report(self, spread):
        count = len(self.downloads)
        failures = self.failures + [f"{d.file} at {d.member}: {d.error}" for d in self.downloads
                                    if not d.verified]
        kept_out = bool(self.kept_out) and not any(attempt["got"] for attempt in self.kept_out)
        return {"ok": not failures and kept_out and self.told, "members": len(self.members),
                "joined": len(self.joined), "seconds_to_join": spread(self.joined),
                "killed": self.killed, "logged_in_again": self.logged_in_again,
                "downloads": count,
                "verified": round(100 * sum(d.verified for d in self.downloads) / max(1, count), 1),
                "seconds_to_done": spread(d.seconds for d in self.downloads),
                "followed": len(self.followed), "seconds_to_new_epoch": spread(self.followed),
                "removed_was_told": self.told, "kept_out": kept_out, "attempts": self.kept_out,
                "failures": failures}


def show_group(group):
    def line(what, count, seconds):
        print(f"{what:24} {count:>9} {str(seconds['median']) + ' / ' + str(seconds['p95']):>16} s")

    print(f"private group: {group['members']} invited, {group['killed']} killed and restarted, "
          f"{group['logged_in_again']} of them logged in again by themselves")
    line("joined by invite", f"{group['joined']}", group["seconds_to_join"])
    line("downloads verified", f"{group['verified']}%", group["seconds_to_done"])
    line("on the new epoch", f"{group['followed']}", group["seconds_to_new_epoch"])
    print(f"the removed one and an outsider got the new file in "
          f"{sum(a['got'] for a in group['attempts'])} of {len(group['attempts'])} attempts")
    for failure in group["failures"]:
        print(f"failed: {failure}")
