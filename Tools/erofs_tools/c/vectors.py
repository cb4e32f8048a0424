# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Streams of all codecs, made by the C libraries of this machine from data of several kinds, for Platforms/C/check/decode.c."""

import ctypes
import random
import struct
import zlib

from .. import codecs
from ..project import ROOT, Failure


def sources():
    chance = random.Random(7)
    text = (ROOT / "DESIGN.md").read_bytes() + (ROOT / "README.md").read_bytes()
    noise = bytes(chance.getrandbits(8) for _ in range(5000))
    return [text[:70001], b"hello hello hello", b"\x11" * 50001, noise[:3000], bytes(65536),
            text[:3000] + noise + bytes(9000) + text[1000:9000] + b"abc" * 1000,
            b"".join(text[place:place + 40] + noise[place % 4000:place % 4000 + 7] for place in range(0, 40000, 61))]


def library(name):
    try:
        return ctypes.CDLL(name)
    except OSError:
        raise Failure(f"{name} is missing") from None


def checked(good, what):
    if not good:
        raise Failure(f"{what} made no stream")


def lz4(data):
    made = ctypes.create_string_buffer(len(data) * 2 + 100)
    count = library("liblz4.so.1").LZ4_compress_HC(data, made, len(data), len(made), 9)
    checked(count > 0, "liblz4")
    return made.raw[:count]


class Stream(ctypes.Structure):
    """lzma_stream."""
    _fields_ = [("next_in", ctypes.c_void_p), ("avail_in", ctypes.c_size_t), ("total_in", ctypes.c_uint64),
                ("next_out", ctypes.c_void_p), ("avail_out", ctypes.c_size_t), ("total_out", ctypes.c_uint64),
                ("rest", ctypes.c_byte * 200)]


def lzma(data):
    liblzma, stream, options = library("liblzma.so.5"), Stream(), ctypes.create_string_buffer(400)
    checked(liblzma.lzma_lzma_preset(options, 6) == 0, "liblzma")
    checked(liblzma.lzma_microlzma_encoder(ctypes.byref(stream), options) == 0, "liblzma")
    source, made = ctypes.create_string_buffer(data, len(data)), ctypes.create_string_buffer(len(data) * 2 + 200)
    stream.next_in, stream.avail_in = ctypes.addressof(source), len(data)
    stream.next_out, stream.avail_out = ctypes.addressof(made), len(made)
    finish, ended = 3, 1
    checked(liblzma.lzma_code(ctypes.byref(stream), finish) == ended and stream.total_in == len(data), "liblzma")
    liblzma.lzma_end(ctypes.byref(stream))
    return made.raw[:stream.total_out]


def deflate(data):
    made = zlib.compressobj(9, zlib.DEFLATED, -15)
    return made.compress(data) + made.flush()


def zstd(data):
    libzstd, made = library("libzstd.so.1"), ctypes.create_string_buffer(len(data) * 2 + 100)
    libzstd.ZSTD_compress.restype = ctypes.c_size_t
    count = libzstd.ZSTD_compress(made, ctypes.c_size_t(len(made)), data, ctypes.c_size_t(len(data)), 12)
    checked(count < len(made), "libzstd")
    return made.raw[:count]


ENCODERS = {"lz4": lz4, "lzma": lzma, "deflate": deflate, "zstd": zstd}


def write(path):
    """Writes the streams into a file; returns how many there are."""
    records = []
    for codec in codecs.KERNEL:
        for data in sources():
            stored = ENCODERS[codec.word](data)
            records.append(struct.pack("<4I", codec.id, len(stored), len(data), 0) + stored + data)
    path.write_bytes(b"".join(records))
    return len(records)
