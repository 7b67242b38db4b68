"""A closed group on the command line, from nothing: the seven commands of the first five minutes,
and what they do when one of them comes too early."""

import os
import time

from harness import test
from kadnet import ControlError, make_file, sha1_file
from people import make_circle, refused, start_download, upload

MIB = 1 << 20


class Newcomer:
    """Somebody with a fresh profile, who types commands and nothing else."""

    def __init__(self, net, name):
        self.net, self.name = net, name
        self.profile = net.profile(name)
        password = os.path.join(self.profile.home, 'password')
        with open(password, 'w', encoding='utf-8') as out:
            out.write(f'the password of {name}\n')
        os.chmod(password, 0o600)
        # what a terminal would ask for; and any port, as other tests run here too
        self.env = {'KADPEER_PASSWORD_FILE': password, 'KADPEER_PORT': '0'}

    def types(self, *command):
        begin = time.monotonic()
        result = self.profile.cli(*command, autostart=True, env=self.env)
        self.net.note(f'{command[0]} took {time.monotonic() - begin:.2f} s')
        assert result.exit == 0, (command, result)
        return result.out


@test(deadline=120.0)
def seven_commands_take_two_newcomers_to_a_shared_file(net):
    a, b = Newcomer(net, 'a'), Newcomer(net, 'b')
    notes = make_file(os.path.join(a.profile.home, 'notes.pdf'), 2 * MIB, net.seed)
    a.types('user', 'create', 'ada')
    a.types('group', 'create', 'study')
    invite = a.types('group', 'invite', 'study').strip()
    a.types('upload', 'notes.pdf', 'study')

    b.types('user', 'create', 'bob')
    b.types('group', 'join', invite)
    b.types('download', 'study', 'notes.pdf')

    copy = os.path.join(b.profile.downloads, 'notes.pdf')
    assert sha1_file(copy) == sha1_file(notes)
    for who in (a, b):
        who.profile.ok('stop')


@test(deadline=120.0)
def after_logout_status_says_what_waits_for_a_login(net):
    a = Newcomer(net, 'a')
    make_file(os.path.join(a.profile.home, 'notes.pdf'), MIB, net.seed)
    a.types('user', 'create', 'ada')
    a.types('group', 'create', 'study')
    a.types('upload', 'notes.pdf', 'study')
    assert 'logged in   ada\n' in a.types('status')
    a.types('logout')
    assert 'nobody; 1 transfer of groups waits for' in a.types('status')
    a.types('login', 'ada')
    assert 'logged in   ada\n' in a.types('status')
    a.profile.ok('stop')


@test(deadline=120.0)
def what_was_uploaded_a_moment_ago_is_found_without_looking_at_the_list(net):
    ada, bob = make_circle(net, 'study', 'ada', 'bob')
    for number in range(3):
        name = f'notes{number}.bin'
        path = net.make_file(name, MIB)
        upload(ada, path, 'study')
        ada.wait_until(lambda: ada.transfers()[-1]['state'] == 'sharing', what='shared')
        ident = bob.wait_until(lambda: started(bob, name), what=f'{name} found', timeout=20)
        assert sha1_file(bob.follow(ident)['path']) == sha1_file(path)
    refused('no_file', 3, lambda: start_download(bob, 'study', 'notes9.bin'))


def started(daemon, name):
    """Its id, or None as long as the one who shares it has not told the network yet."""
    try:
        return start_download(daemon, 'study', name)
    except ControlError as error:
        assert error.code == 'no_file', error
        return None
