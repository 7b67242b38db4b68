#!/usr/bin/python3
"""Writes the golden vectors beside it, with a MessagePack encoder that is not ours
(python3-msgpack), and openssl(1) for the one signature. The build does not run it."""
import hashlib
import os
import struct
import subprocess
import tempfile

import msgpack

HERE = os.path.dirname(os.path.abspath(__file__))
SENDER = bytes(range(0x01, 0x15))
TARGET = bytes(range(0xA0, 0xB4))
TOKEN = bytes(range(0x70, 0x78))
TXID = 0x11223344
ASKER4 = bytes([192, 0, 2, 1]) + struct.pack(">H", 6881)
ASKER6 = bytes.fromhex("20010db8000000000000000000000001") + struct.pack(">H", 6881)


def node4(i):
    return bytes([0x40 + i] * 20) + bytes([198, 51, 100, i]) + struct.pack(">H", 1000 + i)


def node6(i):
    return bytes([0x60 + i] * 20) + bytes.fromhex("20010db8") + bytes(11) + bytes([i]) + \
        struct.pack(">H", 2000 + i)


def write(name, comment, data):
    with open(os.path.join(HERE, name + ".hex"), "w") as out:
        out.write("# " + comment + "\n")
        for at in range(0, len(data), 32):
            out.write(data[at:at + 32].hex() + "\n")


def message(name, comment, value):
    write(name, comment, msgpack.packb(value, use_bin_type=True))


def query(method, args):
    return [0, TXID, method, [args]]


def response(result):
    return [1, TXID, None, result]


def padded(method, args, size):
    empty = len(msgpack.packb(query(method, {**args, "z": b""}), use_bin_type=True))
    zeroes = size - empty - (1 if size - empty > 255 else 0)
    return query(method, {**args, "z": bytes(zeroes)})


def sign(seed, data):
    der = bytes.fromhex("302e020100300506032b657004220420") + seed
    with tempfile.TemporaryDirectory() as folder:
        key, body = os.path.join(folder, "key"), os.path.join(folder, "body")
        open(key, "wb").write(der)
        open(body, "wb").write(data)
        public = subprocess.check_output(
            ["openssl", "pkey", "-inform", "DER", "-in", key, "-pubout", "-outform", "DER"])[-32:]
        return public, subprocess.check_output(
            ["openssl", "pkeyutl", "-sign", "-rawin", "-keyform", "DER", "-inkey", key, "-in", body])


def public_of(seed):
    return sign(seed, b"any")[0]


def entry(seed, key, seq, expiry, body):
    k = public_of(seed)
    signed = b"kadpeer/entry\0" + key + k + struct.pack(">QQH", seq, expiry, len(body)) + body
    return msgpack.packb({"k": k, "q": seq, "x": expiry, "b": body, "g": sign(seed, signed)[1]},
                         use_bin_type=True)


def item(seed, salt, seq, expiry, body):
    k = public_of(seed)
    signed = b"grp1/smr\0" + k + bytes([len(salt)]) + salt + \
        struct.pack(">QQH", seq, expiry, len(body)) + body
    return msgpack.packb({"k": k, "s": salt, "q": seq, "x": expiry, "b": body,
                          "g": sign(seed, signed)[1]}, use_bin_type=True)


def drop(mailbox, expiry, body, bits):
    """Nonces are tried from 0 on."""
    begun = hashlib.sha256(b"grp1/drop" + mailbox + struct.pack(">Q", expiry) + body)
    nonce = 0
    while True:
        tried = begun.copy()
        tried.update(struct.pack(">Q", nonce))
        if int.from_bytes(tried.digest(), "big") >> (256 - bits) == 0:
            return msgpack.packb({"d": mailbox, "x": expiry, "n": struct.pack(">Q", nonce),
                                  "b": body}, use_bin_type=True)
        nonce += 1


def sha1(*parts):
    return hashlib.sha1(b"".join(parts)).digest()


PEER = msgpack.packb({"p": 6881, "s": True, "h": 2048})
AVAILABILITY = msgpack.packb({"p": 0, "b": bytes([0xFF, 0x80])})
GONE = msgpack.packb({"p": 0, "b": b""})
NAME_KEY = sha1(b"kadpeer/name\0", "grüße.txt".encode())
NAMED = msgpack.packb({"h": TARGET, "n": "Grüße.txt", "z": 1 << 33, "f": 3})
UNNAMED = msgpack.packb({"h": TARGET, "z": 70000})
ENTRY = entry(bytes([1] * 32), NAME_KEY, 5, 1800000000, NAMED)
SIGNER = bytes([1] * 32)
ITEM = item(SIGNER, b"h", 5, 1800000000, b"the body of an item")
WITHDRAWN = item(SIGNER, b"", 1 << 40, 1800000000, b"")
PART = b"the bytes of a part"
DROP = drop(TARGET, 1800000000, b"the body of a drop", 18)

sender = {"id": SENDER}
message("message_ping_query", "ping: id, network 7, read-only, version",
        query("ping", {**sender, "n": 7, "ro": True, "v": "kp0.1"}))
message("message_ping_response", "answer to ping: id, ip",
        response({**sender, "ip": ASKER4}))
message("message_find_query", "find, padded to 400 bytes",
        padded("find", {**sender, "t": TARGET}, 400))
message("message_find_response", "answer to find: two IPv4 nodes",
        response({**sender, "ip": ASKER4, "nodes": node4(1) + node4(2)}))
message("message_find_response_ipv6", "answer to find: two IPv6 nodes",
        response({**sender, "ip": ASKER6, "nodes6": node6(1) + node6(2)}))
message("message_get_query", "get of kind 3 with a seq, a cursor and a token",
        query("get", {**sender, "t": TARGET, "k": 3, "q": 4, "c": 0x8000000000000001,
                      "tok": TOKEN}))
message("message_get_response_peers",
        "answer to get of kind 1: token, two values with addresses (the second: itself), a node",
        response({**sender, "ip": ASKER4, "tok": TOKEN, "total": 70,
                  "vals": [[ASKER4, PEER], [b"", PEER]], "c": 0xFEDCBA9876543210,
                  "nodes": node4(1)}))
message("message_get_response_entry", "answer to get of kind 3: one value, newest seq, no nodes",
        response({**sender, "ip": ASKER4, "tok": TOKEN, "total": 1, "q": 5, "vals": [ENTRY],
                  "nodes": b""}))
message("message_put_query", "put of two records",
        query("put", {**sender, "tok": TOKEN,
                      "recs": [[TARGET, 1, PEER], [NAME_KEY, 3, ENTRY]]}))
message("message_put_query_handed_on", "put of a part, handed on with a day left of its life",
        query("put", {**sender, "tok": TOKEN, "recs": [[sha1(PART), 5, PART, 86400]]}))
message("message_put_response", "answer to put: first kept, second refused by quota",
        response({**sender, "ip": ASKER4, "codes": [0, 208]}))
message("message_find_query_token", "find with a token, which needs no padding",
        query("find", {**sender, "t": TARGET, "tok": TOKEN}))
message("message_put_response_codes", "answer to put: every code there is, in order",
        response({**sender, "ip": ASKER4, "codes": [0, 203, 205, 206, 207, 208, 209, 302]}))
KINDS = {"peer": (1, TARGET, PEER), "availability": (2, TARGET, AVAILABILITY),
         "entry": (3, NAME_KEY, ENTRY), "item": (4, sha1(public_of(SIGNER), b"h"), ITEM),
         "part": (5, sha1(PART), PART), "drop": (6, TARGET, DROP)}
for kind_name, (kind, key, value) in KINDS.items():
    message(f"message_get_{kind_name}_query", f"get of kind {kind}, padded to 400 bytes",
            padded("get", {**sender, "t": key, "k": kind}, 400))
    newest = {"q": 5} if kind in (3, 4) else {}
    message(f"message_get_{kind_name}_response", f"answer to get of kind {kind}: one value, a node",
            response({**sender, "ip": ASKER4, "tok": TOKEN, "total": 1, **newest,
                      "vals": [[ASKER4, value] if kind < 3 else value], "nodes": node4(1)}))
    message(f"message_put_{kind_name}_query", f"put of kind {kind}",
            query("put", {**sender, "tok": TOKEN, "recs": [[key, kind, value]]}))

message("message_error", "error 203", [1, TXID, [203, "t: missing"], None])

write("record_peer", "kind 1: TCP port 6881, a seed, 2048 pieces", PEER)
write("record_availability", "kind 2: port of the datagram, pieces 0 to 8 of the segment",
      AVAILABILITY)
write("record_availability_gone", "kind 2: withdrawn", GONE)
write("record_entry",
      "kind 3: seed 32 times 01, key of the name grüße.txt, seq 5, expiry 1800000000, body_named",
      ENTRY)
write("body_named", "body of a name or word entry: Grüße.txt, 2^33 bytes, 3 files", NAMED)
write("body_file_sha1", "body of a file's SHA-1 entry: 70000 bytes", UNNAMED)
write("key_availability", "key of availability: infohash a0 … b3, segment 258",
      sha1(b"kadpeer/avail\0", TARGET, struct.pack(">I", 258)))
write("key_name", "key of the exact name grüße.txt (normal form, UTF-8)", NAME_KEY)
write("key_word", "key of the word grüße", sha1(b"kadpeer/word\0", "grüße".encode()))
write("key_file_sha1", "key of a file's SHA-1 a0 … b3", sha1(b"kadpeer/sha1\0", TARGET))
write("record_item", "kind 4: seed 32 times 01, salt h, seq 5, expiry 1800000000, a body", ITEM)
write("record_item_withdrawn", "kind 4: the same signer, no salt, seq 2^40, empty: withdrawn",
      WITHDRAWN)
write("record_part", "kind 5: any bytes", PART)
write("record_drop", "kind 6: mailbox a0 … b3, expiry 1800000000, a body, 18 bits of work", DROP)
write("body_user", "body of a user's entry: the key of seed 32 times 01",
      msgpack.packb({"u": public_of(SIGNER)}))
write("body_group", "body of a listed group's entry: the same key, Grüße, about it",
      msgpack.packb({"g": public_of(SIGNER), "n": "Grüße", "a": "about it"}))
write("key_item", "key of record_item", sha1(public_of(SIGNER), b"h"))
write("key_part", "key of record_part", sha1(PART))
write("key_user_name", "key of the user's name grüße", sha1(b"kadpeer/user\0", "grüße".encode()))
write("key_group_name", "key of the group's name grüße",
      sha1(b"kadpeer/group\0", "grüße".encode()))
write("key_group_part", "key of part 7 of the public list of groups",
      sha1(b"kadpeer/groups16\0", bytes([7])))
write("key_group_list", "key of shard 7 of the public list of groups",
      sha1(b"kadpeer/groups\0", bytes([7])))
