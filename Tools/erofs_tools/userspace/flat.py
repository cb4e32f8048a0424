# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Programs as bFLT files, version 4, of text alone.

The first 64 bytes of a program, where the ELF header is, become the bFLT header, so that all addresses stay as they are.
"""

import random
import struct

from ..elf import Elf
from ..project import Failure

LOADED, WRITABLE = 1, 2
# The kernel copies the text to memory, for each process; without it, it maps the text from the file for all of them.
COPIED = 1


def convert(source, target, stack):
    """Writes the program of one read-only segment of an ELF file as bFLT, with so many bytes of stack."""
    elf = Elf(source)
    segments = [segment for segment in elf.segments if segment.kind == LOADED]
    if (len(segments) != 1 or segments[0].offset or segments[0].address or segments[0].length != segments[0].memory
            or segments[0].flags & WRITABLE):
        raise Failure(f"{source} is not one read-only segment from 0 on: {segments}")
    write(target, elf.entry, elf.data[:segments[0].length], stack)


def convert_whole(source, target, stack, room=0):
    """The same of a program with variables that relocates itself, of either order of bytes: all of it is text that is copied,
    with `room` more bytes behind it (a multiple of 16) that compress well."""
    data = source.read_bytes()
    wide, order = data[4] == 2, "<" if data[5] == 1 else ">"
    entry, first = struct.unpack_from(order + ("QQ" if wide else "II"), data, 24)
    size, count = struct.unpack_from(f"{order}HH", data, 54 if wide else 42)
    memory = bytearray()
    for at in range(first, first + count * size, size):
        if wide:
            kind, _, offset, address, _, length, whole, _ = struct.unpack_from(f"{order}IIQQQQQQ", data, at)
        else:
            kind, offset, address, _, length, whole, _, _ = struct.unpack_from(f"{order}8I", data, at)
        if kind == LOADED:
            memory.extend(bytes(max(0, address + whole - len(memory))))
            memory[address:address + length] = data[offset:offset + length]
    memory.extend(bytes(-len(memory) % 4))
    chance = random.Random(1)
    words = [chance.randbytes(16) for _ in range(256)]
    write(target, entry, bytes(memory) + b"".join(chance.choices(words, k=room // 16)), stack, COPIED)


def write(target, entry, memory, stack, flags=0):
    """Writes a bFLT file of what a program's memory is to begin with."""
    length = (len(memory) + 3) & ~3
    # magic, version, entry, starts of data and its end, end of bss, stack, relocations, their number, flags, date.
    header = struct.pack(">4s10I", b"bFLT", 4, entry, length, length, length, stack, length, 0, flags, 0)
    target.write_bytes(header.ljust(64, b"\0") + memory[64:].ljust(length - 64, b"\0"))
    target.chmod(0o755)
