#!/usr/bin/env python3
"""Checksums of random blocks of every type, as others decode them: the table of blocks.rs.

    checksums.py [ORACLE.py]

F32 to TQ2_0 by the package `gguf` (PyPI), the types that it does not have by `decode` of ORACLE.py.
Blocks are bytes of splitmix64, with half-float scales made finite; a checksum is the CRC-32 of the
weights as f32, every NaN the same one.
"""
import importlib.util
import sys
import zlib

import numpy as np

BLOCKS = 1000
# name: number, weights and bytes of a block, offset of the scale
TYPES = {
    "F32": (0, 1, 4, None),
    "F16": (1, 1, 2, None),
    "BF16": (30, 1, 2, None),
    "Q8_0": (8, 32, 34, 0),
    "Q6_K": (14, 256, 210, 208),
    "TQ1_0": (34, 256, 54, 52),
    "TQ2_0": (35, 256, 66, 64),
    "Q2_0 (groups of 64)": (42, 64, 18, 0),
    "Q2_0 (groups of 128)": (42, 128, 34, 0),
    "PQ2_0": (142, 128, 34, 0),
    "PTQ1_0": (143, 128, 28, 26),
}


def random_bytes(seed, count):
    mask, out = (1 << 64) - 1, bytearray()
    while len(out) < count:
        seed = (seed + 0x9E3779B97F4A7C15) & mask
        z = (seed ^ seed >> 30) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ z >> 27) * 0x94D049BB133111EB & mask
        out += (z ^ z >> 31).to_bytes(8, "little")
    return np.frombuffer(bytes(out[:count]), np.uint8).copy()


def blocks(number, size, scale):
    raw = random_bytes(number * 1000 + size, BLOCKS * size)
    if scale is not None:
        # Exponents below 16.
        raw.reshape(BLOCKS, size)[:, scale + 1] &= 0xBF
    return raw


def crc(weights):
    words = np.ascontiguousarray(weights, "<f4").reshape(-1).view("<u4").copy()
    words[np.isnan(words.view("<f4"))] = 0x7FC00000
    return zlib.crc32(words.tobytes())


def main():
    from gguf import quants
    from gguf.constants import GGMLQuantizationType

    oracle = None
    if len(sys.argv) > 1:
        spec = importlib.util.spec_from_file_location("oracle", sys.argv[1])
        oracle = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(oracle)
    for name, (number, per, size, scale) in TYPES.items():
        raw = blocks(number, size, scale)
        if number < 42:
            raw = raw.view("<f4") if number == 0 else raw.view("<f2") if number == 1 else raw
            weights = quants.dequantize(raw, GGMLQuantizationType(number))
        elif oracle is not None:
            kind = "Q2_0_g128" if (number, per) == (42, 128) else number
            weights = oracle.decode(kind, raw.tobytes(), BLOCKS * per)
        else:
            continue
        print(f'("{name}", 0x{crc(weights):08x}),')


main()
