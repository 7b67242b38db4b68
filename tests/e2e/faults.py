"""Daemons whose calls to disk, network and allocator fail on request: the other side of
tests/faults/faults.h.

    faults = Faults(net)
    peer = net.daemon('peer', faults=faults)
    faults.arm('us', 'write', errno.ENOSPC, first=3)   # the third one from now on, and all after it
    faults.cure()
"""

import mmap
import os
import struct

CALLERS = ('us', 'sqlite', 'libuv', 'crypto', 'others')
KINDS = ('allocate', 'open', 'read', 'write', 'append', 'sync', 'rename', 'remove', 'truncate', 'stat',
         'folder', 'lock', 'times', 'socket', 'bind', 'accept', 'connect', 'send', 'receive')
RULE = struct.Struct('6Q')  # calls, first, last, failed, error, failed_at
PATH_SIZE = 512
FOLDER_AT = RULE.size * len(CALLERS) * len(KINDS)
SIZE = FOLDER_AT + PATH_SIZE + 8 + PATH_SIZE + 8
FOREVER = (1 << 64) - 1
SHORT = FOREVER  # as error: half of what was to be read or written is


class Faults:
    """The rules of one daemon, whatever process it runs in."""

    def __init__(self, net, name='faults'):
        self.path = net.path(name)
        self.library = os.path.join(os.path.dirname(net.kadpeer), '..', 'tests', 'faults',
                                    'libkadpeer_faults.so')
        assert os.path.exists(self.library), self.library
        with open(self.path, 'w+b') as file:
            file.truncate(SIZE)
            self.page = mmap.mmap(file.fileno(), SIZE)
        struct.pack_into('Q', self.page, SIZE - 8, 1)  # nobody pulls the plug: syncs need no time

    @property
    def env(self):
        asan = os.environ.get('ASAN_OPTIONS')
        return {'LD_PRELOAD': self.library, 'KADPEER_FAULTS': self.path,
                'ASAN_OPTIONS': f'{asan + ":" if asan else ""}verify_asan_link_order=0'}

    def _at(self, caller, kind):
        return RULE.size * (CALLERS.index(caller) * len(KINDS) + KINDS.index(kind))

    def calls(self, caller, kind):
        """Since it was last armed."""
        return RULE.unpack_from(self.page, self._at(caller, kind))[0]

    def failed(self):
        """How many calls failed since the rules were last cured."""
        return sum(RULE.unpack_from(self.page, i)[3] for i in range(0, FOLDER_AT, RULE.size))

    def failed_at(self):
        """Where the program made the calls that failed, for addr2line."""
        rules = (RULE.unpack_from(self.page, i) for i in range(0, FOLDER_AT, RULE.size))
        return [hex(rule[5]) for rule in rules if rule[3]]

    def arm(self, caller, kind, error, first=1, last=FOREVER):
        """Calls number `first` to `last` from here on fail."""
        at = self._at(caller, kind)
        RULE.pack_into(self.page, at, 0, 0, 0, 0, error, 0)
        struct.pack_into('Q', self.page, at + 16, last)
        struct.pack_into('Q', self.page, at + 8, first)

    def cure(self):
        """Nothing fails any more, and all counts begin at 0."""
        for at in range(0, FOLDER_AT, RULE.size):
            struct.pack_into('Q', self.page, at + 8, 0)
            RULE.pack_into(self.page, at, 0, 0, 0, 0, 0, 0)

    def watch(self, folder):
        """Writes of the main thread below this folder are counted from here on."""
        struct.pack_into(f'{PATH_SIZE}s', self.page, FOLDER_AT, os.fsencode(folder))

    def loop_writes(self):
        """How many there were, and the path of the first."""
        count, path = struct.unpack_from(f'Q{PATH_SIZE}s', self.page, FOLDER_AT + PATH_SIZE)
        return count, os.fsdecode(path.rstrip(b'\0'))
