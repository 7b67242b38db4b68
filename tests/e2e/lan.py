"""A network of the test's own, for programs that want a real address each: a bridge in a network
namespace, and behind it a namespace for every host. There is no way out: the one subnet is all
there is to route to. Nothing is named and nothing stays: the kernel removes a namespace with the
last process in it, however that ended."""

import ctypes
import errno
import os
import shutil
import subprocess

from harness import Skip
from kadnet import spawn

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
SUBNET = '10.77.0.'

_libc = ctypes.CDLL(None, use_errno=True)


def _unshare(flags):
    """False: that is not for us."""
    if _libc.unshare(flags) == 0:
        return True
    if ctypes.get_errno() in (errno.EPERM, errno.ENOSYS, errno.EINVAL, errno.ENOSPC, errno.EUSERS):
        return False
    raise OSError(ctypes.get_errno(), 'unshare')


def _become_root_of_our_own():
    """Without being root: in a namespace of users where we are."""
    user, group = os.getuid(), os.getgid()
    if not _unshare(CLONE_NEWUSER | CLONE_NEWNET):
        raise Skip('no network namespace here: it needs root or user namespaces')
    for name, text in (('setgroups', 'deny'), ('uid_map', f'0 {user} 1'), ('gid_map', f'0 {group} 1')):
        with open(f'/proc/self/{name}', 'w', encoding='ascii') as out:
            out.write(text)


def _ip(*args, **options):
    """Runs ip(8)."""
    child = spawn(['ip', *args], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                  stderr=subprocess.STDOUT, **options)
    out = child.communicate()[0].decode(errors='replace').strip()
    if child.returncode != 0:
        denied = 'not permitted' in out or 'not supported' in out or 'Unknown device type' in out
        raise (Skip if denied else RuntimeError)(f'ip {" ".join(args)}: {out}')


class Host:
    """A namespace and the address of the one machine in it."""

    def __init__(self, lan, number):
        self.address = f'{SUBNET}{number}'
        self.netns = lan.new_namespace()
        port = f'port{number}'
        _ip('link', 'add', port, 'master', 'bridge', 'type', 'veth', 'peer', 'name', 'lan',
            'netns', f'/proc/self/fd/{self.netns}', pass_fds=[self.netns])
        _ip('link', 'set', port, 'up')
        _ip('link', 'set', 'lo', 'up', netns=self.netns)
        _ip('address', 'add', f'{self.address}/24', 'dev', 'lan', netns=self.netns)
        _ip('link', 'set', 'lan', 'up', netns=self.netns)

    def spawn(self, args, **options):
        return spawn(args, netns=self.netns, **options)


class Lan:
    """The calling process leaves its own network for this one, where it is the host .1."""

    def __init__(self):
        if not shutil.which('ip'):
            raise Skip('ip (iproute2) is not installed')
        if not _unshare(CLONE_NEWNET):
            _become_root_of_our_own()
        self.address = f'{SUBNET}1'
        self.home = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        self.hosts = []
        _ip('link', 'set', 'lo', 'up')
        _ip('link', 'add', 'bridge', 'type', 'bridge')
        _ip('address', 'add', f'{self.address}/24', 'dev', 'bridge')
        _ip('link', 'set', 'bridge', 'up')

    def new_namespace(self):
        """A descriptor of it, which keeps it while nobody runs in it."""
        if not _unshare(CLONE_NEWNET):
            raise Skip('no more network namespaces here')
        made = os.open('/proc/thread-self/ns/net', os.O_RDONLY | os.O_CLOEXEC)
        if _libc.setns(self.home, CLONE_NEWNET) != 0:
            raise OSError(ctypes.get_errno(), 'setns')
        return made

    def host(self):
        self.hosts.append(Host(self, len(self.hosts) + 2))
        return self.hosts[-1]
