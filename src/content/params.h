/* Every limit of this library, with its unit, its reason and where it comes from. */
#pragma once

/* Containers inside containers. A .torrent needs 5 [BEP 3]; the unknown "file tree" of a newer one
 * nests as deep as its folders do [BEP 52]; libtorrent takes 100. */
#define BENCODE_DEPTH_MAX 100u
