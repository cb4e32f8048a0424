# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What is in an ELF file of a little-endian machine, and what it takes."""

import collections
import struct

ARM = 40
SYMBOLS, STRINGS, RELOCATIONS_A, NO_BITS, RELOCATIONS, GROUP = 2, 3, 4, 8, 9, 17
WRITABLE, ALLOCATED = 1, 2
VARIABLE, FUNCTION = 1, 2

Symbol = collections.namedtuple("Symbol", "name address size kind is_global section")
Segment = collections.namedtuple("Segment", "kind flags offset address length memory")


def machine(path):
    """The number of the machine that a file is for."""
    with open(path, "rb") as file:
        return struct.unpack_from("<H", file.read(20), 18)[0]


class Elf:
    """The sections, segments and symbols of an ELF file."""

    def __init__(self, path):
        data = self.data = path.read_bytes()
        wide = data[4] == 2
        self.pointer = 8 if wide else 4
        # On ARM, bit 0 of a function's address says that it is Thumb code.
        self.code = ~1 if struct.unpack_from("<H", data, 18)[0] == ARM else ~0
        header = struct.unpack_from("<QQQIHHHHHH" if wide else "<IIIIHHHHHH", data, 24)
        self.entry, first, offset, _, _, length, number, size, count, names = header
        self.segments = [self.segment(first + i * length, wide) for i in range(number)]
        form = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
        sections = [struct.unpack_from(form, data, offset + i * size) for i in range(count)]

        def string(table, at):
            start = sections[table][4] + at
            return data[start : data.index(b"\0", start)].decode()

        # Bytes and contents by section; those that are for the linker and the debugger only are not in `loaded`.
        self.sections, self.loaded, self.symbols = {}, {}, []
        writable = {i for i, (_, _, flags, *_) in enumerate(sections) if flags & 3 == WRITABLE | ALLOCATED}
        for name, kind, _, _, at, length, link, *_ in sections:
            self.sections[string(names, name)] = (length, b"" if kind == NO_BITS else data[at : at + length])
            if kind not in (0, SYMBOLS, STRINGS, RELOCATIONS_A, RELOCATIONS, GROUP):
                self.loaded[string(names, name)] = length
            if kind != SYMBOLS:
                continue
            for entry in range(at, at + length, 24 if wide else 16):
                if wide:
                    label, info, _, home, value, extent = struct.unpack_from("<IBBHQQ", data, entry)
                else:
                    label, value, extent, info, _, home = struct.unpack_from("<IIIBBH", data, entry)
                self.symbols.append(Symbol(string(link, label), value, extent, info & 15, info >> 4 != 0, home))
        # Address, size and name of each function; names of variables.
        self.functions = [(symbol.address & self.code, symbol.size, symbol.name)
                          for symbol in self.symbols if symbol.kind == FUNCTION]
        self.variables = [symbol.name for symbol in self.symbols
                          if symbol.kind == VARIABLE and symbol.section in writable]

    def segment(self, at, wide):
        if wide:
            kind, flags, offset, address, _, length, memory, _ = struct.unpack_from("<IIQQQQQQ", self.data, at)
        else:
            kind, offset, address, _, length, memory, flags, _ = struct.unpack_from("<IIIIIIII", self.data, at)
        return Segment(kind, flags, offset, address, length, memory)

    def flash(self):
        """Bytes that a part occupies in flash: code, tables, and initial values of variables."""
        kept = (".text", ".rodata", ".data", ".srodata", ".sdata", ".got")
        return sum(length for name, (length, _) in self.sections.items() if name.startswith(kept))

    def writable(self):
        """Bytes of variables. Core has none: all its state is the caller's."""
        kept = (".data", ".bss", ".sdata", ".sbss")
        return {
            name: length
            for name, (length, _) in self.sections.items()
            if name.startswith(kept) and length and not name.startswith(".data.rel.ro")
        }

    def frames(self):
        """Stack bytes of each function by its address, from -fstack-size-section."""
        data = self.sections.get(".stack_sizes", (0, b""))[1]
        frames, at = {}, 0
        while at + self.pointer < len(data):
            address = int.from_bytes(data[at : at + self.pointer], "little") & self.code
            at += self.pointer
            size = shift = 0
            while True:
                byte = data[at]
                at += 1
                size |= (byte & 127) << shift
                shift += 7
                if byte < 128:
                    break
            frames[address] = max(frames.get(address, 0), size)
        return frames
