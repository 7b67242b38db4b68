/* Every limit of this library, with its unit, its reason and where it comes from. What others must
 * know to size their buffers stands in metainfo.h, magnet.h and names.h. */
#pragma once

/* Containers inside containers. A .torrent needs 5 [BEP 3]; the unknown "file tree" of a newer one
 * nests as deep as its folders do [BEP 52]; libtorrent takes 100. */
#define BENCODE_DEPTH_MAX 100u

/* Open files of all storages together: every transfer reads a few, and the usual limit of a process
 * is 1,024, most of which the connections want. */
#define STORAGE_DESCRIPTORS 64u

/* Bytes read at a time when hashing whole files: long enough that a call costs nothing beside its
 * SHA-1, short enough for the stack and the CPU's cache. */
#define HASHER_CHUNK_BYTES (64u << 10)
/* Of each piece side by side: those of 16 stay in the cache of one core. */
#define HASHER_SLICE_BYTES (32u << 10)
/* Of the pieces a worker takes at a time, at least: a few ms of SHA-1. */
#define HASHER_PORTION_BYTES (8u << 20)

/* Read and written at a time where bytes are copied from file to file. */
#define STORAGE_COPY_BYTES (1u << 20)
/* Copied by one job, and synced: a slow disk takes a second for it, and a daemon ends within 5. */
#define STORAGE_COPY_STEP  (32u << 20)
#define STORAGE_COPY_FILES 64u /* likewise: each is synced */

/* Modes before the umask. */
#define STORAGE_FILE_MODE   0644
#define STORAGE_FOLDER_MODE 0755

/* A .torrent around its info dictionary: trackers, comment, web seeds and the hash trees of newer
 * ones, which are as large as the piece hashes again [BEP 52]. */
#define TORRENT_FILE_BYTES_MAX (64u << 20)
/* What is kept of it; more are passed over. */
#define TORRENT_TRACKERS_MAX 64u
#define TORRENT_NODES_MAX    32u
#define TORRENT_TEXT_MAX     4096u /* bytes of a comment or a tracker's address */

#define TORRENT_PEERS_KEY "kadpeer-peers"

/* Bytes of all files: what an off_t can address, with room to add a piece. */
#define METAINFO_TOTAL_MAX ((uint64_t)INT64_MAX - (64u << 20))
