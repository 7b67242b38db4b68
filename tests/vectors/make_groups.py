#!/usr/bin/python3
"""Writes the golden vectors of users and groups (docs/protocol.md section 6) beside it, by
python3-msgpack and python3-cryptography, from the layouts and not from our code. The build does
not run it.

The group has the root secret 32 times ee, its epoch 3 the secret 32 times 11. The one member's root
secret is 01 00 55 and zeros; he is called 1."""
import base64
import hashlib
import hmac
import struct

import msgpack
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import ChaCha20Poly1305

from make import write


def hmac256(key, data):
    return hmac.new(key, data, hashlib.sha256).digest()


def expand(key, info, length):
    out, block, i = b"", b"", 1
    while len(out) < length:
        block = hmac256(key, block + info + bytes([i]))
        out += block
        i += 1
    return out[:length]


def hkdf(ikm, salt, info):
    return expand(hmac256(salt or bytes(32), ikm), info, 32)


def sha256(data):
    return hashlib.sha256(data).digest()


def raw(private):
    return private.public_key().public_bytes(serialization.Encoding.Raw,
                                             serialization.PublicFormat.Raw)


class Pair:
    """A signing key and a mailbox key."""

    def __init__(self, root, salt, name):
        self.sign_key = Ed25519PrivateKey.from_private_bytes(
            hkdf(root, salt, b"grp1/" + name + b"-ed25519"))
        self.box = X25519PrivateKey.from_private_bytes(
            hkdf(root, salt, b"grp1/" + name + b"-x25519"))
        self.public = raw(self.sign_key)
        self.box_public = raw(self.box)

    def sign(self, data):
        return self.sign_key.sign(data)


def dh(private, public):
    return private.exchange(X25519PublicKey.from_public_bytes(public))


def box(to, info, plain, ephemeral):
    """HPKE base mode [RFC 9180]: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305."""
    kem, suite = b"KEM\x00\x20", b"HPKE\x00\x20\x00\x01\x00\x03"
    private = X25519PrivateKey.from_private_bytes(ephemeral)
    enc = raw(private)

    def extract(suite_id, salt, label, ikm):
        return hmac256(salt or bytes(32), b"HPKE-v1" + suite_id + label + ikm)

    def expand_label(suite_id, prk, label, data, length):
        return expand(prk, struct.pack(">H", length) + b"HPKE-v1" + suite_id + label + data, length)

    shared = expand_label(kem, extract(kem, b"", b"eae_prk", dh(private, to)), b"shared_secret",
                          enc + to, 32)
    context = b"\0" + extract(suite, b"", b"psk_id_hash", b"") + \
        extract(suite, b"", b"info_hash", info)
    secret = extract(suite, shared, b"secret", b"")
    key = expand_label(suite, secret, b"key", context, 32)
    nonce = expand_label(suite, secret, b"base_nonce", context, 12)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plain, b"")


def epoch_key(use):
    return hkdf(SECRET, sha256(b"grp1" + GROUP.public + struct.pack(">I", EPOCH)), use)


def seal(key, kind, signer, plain):
    z = bytes(range(24))
    okm = expand(key, b"aead" + z, 44)
    aad = b"grp1/" + kind + GROUP.public + struct.pack(">I", EPOCH) + signer
    return z + ChaCha20Poly1305(okm[:32]).encrypt(okm[32:], plain, aad)


def padded(data):
    size, i = 256, 0
    while size < len(data):
        i += 1
        size = -int(-256 * 2 ** (i / 4) // 1)
    return data + bytes(size - len(data))


def pack(value):
    return msgpack.packb({"v": 1, **value}, use_bin_type=True)


def drop(plain):
    return plain + bytes(512 - len(plain))


EPOCH, SECRET, TIME = 3, bytes([0x11] * 32), 1800000000
GROUP = Pair(bytes([0xEE] * 32), b"", b"group")
ROOT = bytes([1, 0, 0x55]) + bytes(29)
USER, MEMBER = Pair(ROOT, b"", b"user"), Pair(ROOT, GROUP.public, b"member")
EPHEMERAL, TOKEN = bytes([0x77] * 32), bytes([0x99] * 16)
JOIN = USER.sign(b"grp1/join" + GROUP.public + MEMBER.public + MEMBER.box_public)
EPOCH_BYTES, TIME_BYTES = struct.pack(">I", EPOCH), struct.pack(">Q", TIME)

write("group_user", "USER: mira, mailbox 32 times a1", pack({"n": "mira", "x": bytes([0xA1] * 32)}))
write("group_head", "HEAD: epoch 3, roster of 1001 bytes in 2 parts, join on request, 2 key pages",
      pack({"e": 3, "h": bytes([0xB1] * 32), "l": 1001, "i": False,
            "p": bytes([1] * 20 + [2] * 20), "x": bytes([0xC1] * 32), "j": 1, "k": 2,
            "m": epoch_key(b"mark")[:8]}))

tag = hmac256(hkdf(dh(GROUP.box, MEMBER.box_public), GROUP.public, b"grp1/tag"), EPOCH_BYTES)[:8]
write("group_keypage", "KEYPAGE: the member's box alone, ephemeral key 32 times 77",
      b"\1" + tag + box(MEMBER.box_public,
                        b"grp1/box" + GROUP.public + EPOCH_BYTES + MEMBER.public, SECRET,
                        EPHEMERAL))

roster = pack({"n": "night shift", "a": "what we read", "e": EPOCH, "t": TIME, "h": True,
               "o": bytes([0x0F] * 32), "m": [[MEMBER.public, MEMBER.box_public, USER.public, JOIN,
                                               1, 1, "1"]]})
write("group_roster", "ROSTER, sealed with z 00 … 17: the member as owner, one old secret 32 times 0f",
      seal(epoch_key(b"roster"), b"roster", GROUP.public, padded(roster)))

ENTRY = ["a/b.txt", bytes([1] * 20), 1 << 33, bytes([2] * 32), bytes([3] * 20), 1 << 18,
         bytes([4] * 32)]
LIST = seal(epoch_key(b"shelf"), b"list", MEMBER.public, padded(pack({"f": [ENTRY]})))
write("group_shelf", "SHELF: one file",
      EPOCH_BYTES + seal(epoch_key(b"shelf"), b"shelf", MEMBER.public,
                         padded(pack({"f": [ENTRY]}))))
write("group_shelf_pointer", "SHELF: a pointer to group_shelf_list",
      EPOCH_BYTES + seal(epoch_key(b"shelf"), b"shelf", MEMBER.public,
                         padded(pack({"h": sha256(LIST), "s": hashlib.sha1(LIST).digest(),
                                      "l": len(LIST)}))))
write("group_shelf_list", "list blob: the one file of group_shelf", LIST)

proof = MEMBER.sign(b"grp1/pop" + GROUP.public + USER.public + TIME_BYTES)
request = pack({"u": USER.public, "m": MEMBER.public, "x": MEMBER.box_public, "j": JOIN, "p": proof,
                "n": "1", "c": "hello", "k": TOKEN, "t": TIME})
write("drop_request", "join request: note hello, token 16 times 99, ephemeral key 32 times 77",
      box(GROUP.box_public, b"grp1/req" + GROUP.public, drop(request), EPHEMERAL))
leave = pack({"m": MEMBER.public, "t": TIME,
              "g": MEMBER.sign(b"grp1/leave" + GROUP.public + TIME_BYTES)})
write("drop_leave", "leave notice, ephemeral key 32 times 77",
      box(GROUP.box_public, b"grp1/leave" + GROUP.public, drop(leave), EPHEMERAL))
write("drop_handover", "the group's root secret for the member, ephemeral key 32 times 77",
      box(MEMBER.box_public, b"grp1/give" + GROUP.public + MEMBER.public,
          drop(pack({"r": bytes([0xEE] * 32)})), EPHEMERAL))

ADDRESSES = b"\6" + bytes([192, 0, 2, 1]) + struct.pack(">H", 6881) + \
    b"\x12" + bytes.fromhex("20010db8000000000000000000000001") + struct.pack(">H", 6882)
spelled = GROUP.public + TOKEN + ADDRESSES
spelled += sha256(spelled)[:4]
text = base64.b32encode(spelled).decode().rstrip("=").lower().encode()
write("invite_text", "invite, its ASCII: token 16 times 99, 192.0.2.1:6881, [2001:db8::1]:6882", text)

nonce = bytes(range(0x20, 0x30))
write("psk_identity", "PSK identity: nonce 20 … 2f, of the minute of 1800000000",
      nonce + hmac256(epoch_key(b"pskid"), nonce + struct.pack(">Q", TIME // 60))[:16])
write("channel_auth", "AUTH of the member as client, 32 exported bytes 5a",
      pack({"m": MEMBER.public, "g": MEMBER.sign(b"grp1/auth\0" + bytes([0x5A] * 32))}))
