# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What lies in an ELF file, and what it takes."""

import struct


class Elf:
    """The sections of an ELF file."""

    def __init__(self, path):
        data = path.read_bytes()
        wide = data[4] == 2
        self.pointer = 8 if wide else 4
        # On ARM, bit 0 of a function's address says that it is Thumb code.
        self.code = ~1 if struct.unpack_from("<H", data, 18)[0] == 40 else ~0
        header = struct.unpack_from("<QQQIHHHHHH" if wide else "<IIIIHHHHHH", data, 24)
        offset, size, count, names = header[2], header[7], header[8], header[9]
        form = "<IIQQQQIIQQ" if wide else "<IIIIIIIIII"
        sections = [struct.unpack_from(form, data, offset + i * size) for i in range(count)]

        def string(table, at):
            start = sections[table][4] + at
            return data[start : data.index(b"\0", start)].decode()

        # Bytes and contents by section; address, size and name of every function.
        self.sections, self.functions, self.variables = {}, [], []
        written = [i for i, (_, _, flags, *_) in enumerate(sections) if flags & 3 == 3]
        for name, kind, _, _, at, length, link, *_ in sections:
            self.sections[string(names, name)] = (length, b"" if kind == 8 else data[at : at + length])
            if kind == 2:
                for entry in range(at, at + length, 24 if wide else 16):
                    if wide:
                        label, info, _, home, value, extent = struct.unpack_from("<IBBHQQ", data, entry)
                    else:
                        label, value, extent, info, _, home = struct.unpack_from("<IIIBBH", data, entry)
                    if info & 15 == 2:
                        self.functions.append((value & self.code, extent, string(link, label)))
                    elif info & 15 == 1 and home in written:
                        self.variables.append(string(link, label))

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
