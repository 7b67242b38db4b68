/* Every limit of io, with its unit, its reason and where it comes from. */
#pragma once

/* libuv gives each datagram of a batch 64 KiB of the space, whatever it needs: this is 8 datagrams
 * in one system call. Only pages that a datagram reaches become resident: 8 of 4 KiB. */
#define UDP_BATCH_BYTES (8 * 65536)

/* Asked of the system for what has arrived and is not read yet: 300 datagrams of 1,200 bytes and
 * what the system adds to each; a lookup's answers come in bursts. */
#define UDP_SYSTEM_BUFFER_BYTES (1 << 20)

/* Bytes that wait while the system's own buffer is full: some 200 datagrams. More would be late
 * anyway: queries time out after 2 s. */
#define UDP_QUEUE_BYTES (256u << 10)

/* Addresses taken from one name: well-known names that stand for a pool have about a dozen. */
#define RESOLVE_ADDRESSES_MAX 16
