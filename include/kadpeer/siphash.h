/* SipHash-2-4: a short keyed hash for tokens, samples and tables (Aumasson, Bernstein 2012). */
#pragma once

#include <stdint.h>

#include "kadpeer/bytes.h"

uint64_t siphash(const uint8_t key[16], struct bytes data);
