# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""A program of one read-only segment as a bFLT file, version 4, of text alone.

The segment's first 64 bytes, where the ELF header is, become the bFLT header, so that all addresses stay as they are.
"""

import struct

from ..elf import Elf
from ..project import Failure

LOADED, WRITABLE = 1, 2


def convert(source, target, stack):
    """Writes the program of an ELF file as bFLT, with so many bytes of stack."""
    elf = Elf(source)
    segments = [segment for segment in elf.segments if segment.kind == LOADED]
    if (len(segments) != 1 or segments[0].offset or segments[0].address or segments[0].length != segments[0].memory
            or segments[0].flags & WRITABLE):
        raise Failure(f"{source} is not one read-only segment from 0 on: {segments}")
    end = segments[0].length
    length = (end + 3) & ~3
    # magic, version, entry, starts of data and its end, end of bss, stack, relocations, their number, flags, date.
    header = struct.pack(">4s10I", b"bFLT", 4, elf.entry, length, length, length, stack, length, 0, 0, 0)
    target.write_bytes(header.ljust(64, b"\0") + elf.data[64:end].ljust(length - 64, b"\0"))
    target.chmod(0o755)
