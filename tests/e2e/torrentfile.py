"""Bencode and .torrent files, written a second time from the specification, so that what kadpeer
makes is checked against something that is not kadpeer  [BEP 3]."""

import hashlib
import os


def encode(value):
    if isinstance(value, int):
        return b'i%de' % value
    if isinstance(value, str):
        value = os.fsencode(value)
    if isinstance(value, bytes):
        return b'%d:%s' % (len(value), value)
    if isinstance(value, list):
        return b'l' + b''.join(map(encode, value)) + b'e'
    pairs = sorted((os.fsencode(k) if isinstance(k, str) else k, v) for k, v in value.items())
    return b'd' + b''.join(encode(k) + encode(v) for k, v in pairs) + b'e'


def decode(data):
    """The value; the text must end where it does. Keys and strings are bytes."""
    value, end = decode_prefix(data)
    if end != len(data):
        raise ValueError('bytes after the end')
    return value


def decode_prefix(data, at=0):
    """(value, where it ends)."""
    lead = data[at:at + 1]
    if lead == b'i':
        end = data.index(b'e', at)
        return int(data[at + 1:end]), end + 1
    if lead == b'l':
        items, at = [], at + 1
        while data[at:at + 1] != b'e':
            item, at = decode_prefix(data, at)
            items.append(item)
        return items, at + 1
    if lead == b'd':
        found, at = {}, at + 1
        while data[at:at + 1] != b'e':
            key, at = decode_prefix(data, at)
            found[key], at = decode_prefix(data, at)
        return found, at + 1
    colon = data.index(b':', at)
    end = colon + 1 + int(data[at:colon])
    if end > len(data):
        raise ValueError('cut short')
    return data[colon + 1:end], end


def piece_length(size):
    """docs/protocol.md section 5: at most 2,048 pieces, 256 KiB to 16 MiB."""
    length = 256 << 10
    while length < 16 << 20 and -(-size // length) > 2048:
        length *= 2
    return length


def _files_below(folder):
    paths = [os.path.relpath(os.path.join(parent, name), folder)
             for parent, _, names in os.walk(folder) for name in names]
    return sorted(paths, key=os.fsencode)


def make_info(path, length=None):
    """The info dictionary (a dict) of a file or folder."""
    name = os.path.basename(path.rstrip('/'))
    if os.path.isfile(path):
        whole = open(path, 'rb').read()
        info = {'length': len(whole)}
    else:
        paths = _files_below(path)
        parts = [open(os.path.join(path, p), 'rb').read() for p in paths]
        info = {'files': [{'length': len(d), 'path': p.split('/')} for p, d in zip(paths, parts)]}
        whole = b''.join(parts)
    length = length or piece_length(len(whole))
    pieces = b''.join(hashlib.sha1(whole[i:i + length]).digest()
                      for i in range(0, len(whole), length))
    return {**info, 'name': name, 'piece length': length, 'pieces': pieces}


def infohash(info):
    return hashlib.sha1(info if isinstance(info, bytes) else encode(info)).hexdigest()


def write_torrent(path, info, **outer):
    """A .torrent file; outer: announce=… and the like. Returns the path."""
    with open(path, 'wb') as out:
        out.write(encode({**outer, 'info': info}))
    return path
