/* Every limit of io, with its unit, its reason and where it comes from. */
#pragma once

/* Datagrams received in one system call, and answered in one. libuv gives each of them 64 KiB of
 * space, whatever it needs; only pages that a datagram reaches become resident, one for each. */
#define UDP_BATCH      8
#define UDP_SLOT_BYTES 65536

/* A datagram up to this size leaves together with others: the longest of the DHT. */
#define UDP_TOGETHER_BYTES 1200

/* Asked of the system for what has arrived and is not read yet: 300 datagrams of 1,200 bytes and
 * what the system adds to each; a lookup's answers come in bursts. */
#define UDP_SYSTEM_BUFFER_BYTES (1 << 20)

/* Bytes that wait while the system's own buffer is full: some 200 datagrams. More would be late
 * anyway: queries time out after 2 s. */
#define UDP_QUEUE_BYTES (256u << 10)

/* A listener that found no descriptor for a connection: before it listens again. */
#define LISTENER_REST_MS 100

/* Addresses taken from one name: well-known names that stand for a pool have about a dozen. */
#define RESOLVE_ADDRESSES_MAX 16
