#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""make-flat.py STACK ELF OUTPUT: a program of one read-only segment as a bFLT file, version 4, of text alone.

The segment's first 64 bytes, where the ELF header is, become the bFLT header, so that all addresses stay as they are.
"""

import pathlib
import struct
import sys


def main():
    stack, source, target = int(sys.argv[1]), pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    data = source.read_bytes()
    wide = data[4] == 2
    machine, = struct.unpack_from("<H", data, 18)
    if wide:
        entry, headers = struct.unpack_from("<QQ", data, 24)
        size, count = struct.unpack_from("<HH", data, 54)
    else:
        entry, headers = struct.unpack_from("<II", data, 24)
        size, count = struct.unpack_from("<HH", data, 42)
    segments = []
    for at in range(headers, headers + size * count, size):
        if wide:
            kind, flags, offset, address, _, length, memory, _ = struct.unpack_from("<IIQQQQQQ", data, at)
        else:
            kind, offset, address, _, length, memory, flags, _ = struct.unpack_from("<IIIIIIII", data, at)
        if kind == 1:
            segments.append((offset, address, length, memory, flags))
    if len(segments) != 1 or segments[0][:2] != (0, 0) or segments[0][2] != segments[0][3] or segments[0][4] & 2:
        sys.exit(f"make-flat.py: {source} is not one read-only segment from 0 on: {segments}")
    length = (segments[0][2] + 3) & ~3
    # magic, version, entry, starts of data and its end, end of bss, stack, relocations, their number, flags, date.
    header = struct.pack(">4s10I", b"bFLT", 4, entry, length, length, length, stack, length, 0, 0, 0)
    target.write_bytes(header.ljust(64, b"\0") + data[64 : segments[0][2]].ljust(length - 64, b"\0"))
    target.chmod(0o755)


if __name__ == "__main__":
    main()
