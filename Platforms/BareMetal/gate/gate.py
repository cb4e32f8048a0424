#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds Core for every bare-metal target in Embedded Swift, links each part of it without an allocator, and holds its
text size and stack use against ../sizes.txt.

    gate.py              check; the last line counts what passed and failed
    gate.py --update     write ../sizes.txt from what is measured (limits are still checked)
    gate.py --target T   only that target (may be repeated)
    gate.py --must-fail  check the gate itself: each part of Culprits.swift must be refused, in the words of its comment

What it compiles is in modules.txt, for what in targets.txt, and the parts are the functions `partNAME` of Parts.swift.
variants.txt lists builds with some codecs only, whose one part is that of Firmware.swift.
"""

import argparse
import bisect
import concurrent.futures
import os
import pathlib
import re
import struct
import subprocess
import sys

import registers
from registers import demangle
from registers import tool as toolchain

GATE = pathlib.Path(__file__).resolve().parent
ROOT = GATE.parents[2]
SIZES = GATE.parent / "sizes.txt"
LIMITS = GATE / "limits.txt"
# A part may grow by this much before it fails: a compiler's noise, not a feature.
SLACK = 1.01
SLACK_BYTES = 16


def rows(path):
    """The words of every line that says something."""
    if not path.exists():
        return []
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return [words for words in lines if words]


class Failure(Exception):
    """A command that failed, or a rule that is broken: its text names the culprit."""


def run(*command):
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if re.search(r"^\S.*error:|>>>", line)]
        raise Failure("\n".join(errors[:40]) or done.stderr[-2000:])
    return done.stdout


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


class Calls:
    """Who calls whom in a linked image, read from its disassembly."""

    LINE = re.compile(r"^\s*([0-9a-f]+):(.*)")
    TARGET = re.compile(r"0x([0-9a-f]+) <")
    # An address in a literal pool: on ARM, a function that is called often is called through a register.
    LITERAL = re.compile(r"\.word\s+0x([0-9a-f]+)")
    CALL = re.compile(r"\t(bl|jal|callq?)\s")
    # A jump through a register is a switch's table everywhere but on ARM, which has other instructions for those.
    INDIRECT = re.compile(r"\t(bl?x\s+r\d|jalr\s+(?!.*<)|callq?\s+\*)")

    def __init__(self, image):
        elf = Elf(image)
        functions = sorted(set(elf.functions))
        starts = [start for start, _, _ in functions]
        self.names = {start: name for start, _, name in functions}
        self.edges = {start: set() for start in starts}
        indirect, literals = set(), set()
        for line in run(toolchain("llvm-objdump"), "-d", "--no-show-raw-insn", image).splitlines():
            found = self.LINE.match(line)
            if not found:
                continue
            index = bisect.bisect_right(starts, int(found[1], 16)) - 1
            if index < 0:
                continue
            function, text = starts[index], found[2]
            for target in self.TARGET.findall(text):
                target = int(target, 16) & elf.code
                # A branch to the function's own start is a loop, unless it is a call.
                if target in self.names and (target != function or self.CALL.search(text)):
                    self.edges[function].add(target)
            for word in self.LITERAL.findall(text):
                if int(word, 16) & ~elf.code and int(word, 16) & elf.code in self.names:
                    self.edges[function].add(int(word, 16) & elf.code)
                    literals.add(function)
            if self.INDIRECT.search(text):
                indirect.add(function)
        # What was outlined from several functions calls through the register that they loaded.
        outlined = {start for start, name in self.names.items() if name.startswith("OUTLINED_FUNCTION")}
        self.indirect = indirect - literals - outlined

    def find(self, name):
        return next(address for address, label in self.names.items() if label == name)

    def path(self, start, name):
        """The names on a shortest way from `start` to the function called `name`."""
        came, queue = {start: None}, [start]
        for function in queue:
            if self.names[function] == name:
                names = []
                while function is not None:
                    names.append(self.names[function])
                    function = came[function]
                return names[::-1]
            for target in self.edges[function]:
                if target not in came:
                    came[target] = function
                    queue.append(target)
        return [self.names[start], "...", name]

    def circles(self, start):
        """The functions that `start` reaches, by groups that can call each other: Tarjan's algorithm, callees first."""
        order, low, path, on_path, groups = {}, {}, [], set(), []

        def visit(function):
            order[function] = low[function] = len(order)
            path.append(function)
            on_path.add(function)
            for target in self.edges[function]:
                if target not in order:
                    visit(target)
                    low[function] = min(low[function], low[target])
                elif target in on_path:
                    low[function] = min(low[function], order[target])
            if low[function] == order[function]:
                group = path[path.index(function) :]
                del path[path.index(function) :]
                on_path.difference_update(group)
                groups.append(group)

        visit(start)
        return groups

    def longest(self, own):
        """The most stack that a chain of calls inside a circle takes that enters no function twice.

        All ways are tried; where there are too many, all functions of the circle together are the answer.
        """
        best, tries = 0, 0

        def walk(function, used, size):
            nonlocal best, tries
            tries += 1
            best = max(best, size)
            for target in self.edges[function]:
                if target in own and target not in used and tries < 300_000:
                    walk(target, used | {target}, size + own[target])

        for function in own:
            walk(function, {function}, own[function])
        return best if tries < 300_000 else sum(own.values())

    def deepest(self, start, frames, returns, times):
        """Stack bytes of the deepest chain of calls from `start`.

        A call that pushes its return address adds `returns`; a chain passes at most `times` times through a circle of
        calls, or fails where that is 0.
        """
        depth = {}
        for group in self.circles(start):
            own = {function: frames.get(function, 0) + returns for function in group}
            size = max(own.values())
            if len(group) > 1 or group[0] in self.edges[group[0]]:
                if times == 0:
                    raise Failure(demangle("recursion: " + " -> ".join(self.names[f] for f in [*group, group[0]])))
                size = self.longest(own) * times
            for function in group:
                if function in self.indirect:
                    raise Failure(
                        demangle(f"a call through a pointer in {self.names[function]}: stack use has no bound"))
            below = max((depth[t] for f in group for t in self.edges[f] if t not in own), default=0)
            depth.update({function: size + below for function in group})
        return depth[start]


class Target:
    def __init__(self, name, triple, flags, scratch):
        self.name, self.triple, self.flags = name, triple, flags
        self.folder = scratch / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.swift = ["-target", triple, "-Osize", "-wmo", "-enable-experimental-feature", "Embedded"]
        self.swift += ["-parse-as-library", "-swift-version", "6", "-suppress-warnings"]
        self.swift += ["-Xfrontend", "-disable-stack-protector", "-Xfrontend", "-function-sections"]
        self.swift += ["-D", "EROFS_NARROW_OFFSETS"]
        for flag in [*flags, "-ffreestanding"]:
            self.swift += ["-Xcc", flag]
        self.swift += ["-I", self.folder]
        self.clang = ["-target", triple, *flags, "-Os", "-ffunction-sections", "-fdata-sections", "-Wno-unused-command-line-argument"]

    def module(self, name, sources, package, variant=""):
        """Compiles a module to IR, and that to an object which also states its functions' stack."""
        folder = self.folder / variant
        folder.mkdir(exist_ok=True)
        intermediate = folder / f"{name}.ll"
        run(toolchain("swiftc"), "-I", folder, *self.swift, *package, "-module-name", name, *sources, "-emit-module",
            "-emit-module-path", folder / f"{name}.swiftmodule", "-emit-ir", "-o", intermediate)
        run(toolchain("clang"), *self.clang, "-fstack-size-section", "-Xclang", "-disable-llvm-passes", "-c", "-o",
            folder / f"{name}.o", "-x", "ir", intermediate)
        return folder / f"{name}.o"

    def compile_c(self, source, output):
        run(toolchain("clang"), *self.clang, "-ffreestanding", "-fno-builtin", "-fstack-size-section", "-c", "-o",
            self.folder / output, source)

    def build(self, parts, variants=()):
        modules = [
            (name, sorted((ROOT / folder).rglob("*.swift")), ["-package-name", "swift_erofs"])
            for name, folder in rows(GATE / "modules.txt")
        ]
        objects = [self.module(*module) for module in modules]
        self.objects = {"": [*objects, self.module("Parts", [parts], [])]}
        # What a variant leaves out concerns the last module only.
        name, sources, package = modules[-1]
        for variant, codecs in variants:
            flags = [word for codec in ["EROFS_CHOOSES_CODECS", *codecs] for word in ("-D", codec)]
            own = [self.module(name, sources, package + flags, variant)]
            own.append(self.module("Firmware", [GATE / "Firmware.swift"], [], variant))
            self.objects[variant] = [*objects[:-1], *own]
        self.compile_c(GATE / "support.c", "support.o")

    def link(self, output, entry, extra=(), variant=""):
        objects = self.objects[variant]
        image = self.folder / output
        run(toolchain("ld.lld"), "--gc-sections", "-static", "-e", entry, "--error-limit=0", "-o", image, *objects,
            self.folder / "support.o", *extra)
        return image

    def measure(self, part):
        """(flash, stack) bytes of a part. Fails where it needs a symbol that nobody has."""
        variant = part if part in self.objects else ""
        entry = "partFirmware" if variant else f"part{part}"
        try:
            image = self.link(f"{part}.elf", entry, variant=variant)
        except Failure as failure:
            raise Failure(self.explain(str(failure), entry, variant)) from None
        elf = Elf(image)
        if elf.writable():
            raise Failure(demangle(f"{part} has variables: {elf.writable()} {' '.join(elf.variables)}"))
        if wrong := registers.check(image):
            raise Failure("\n".join(wrong))
        calls = Calls(image)
        returns = 8 if self.name == "x86_64" else 0
        times = {part: int(count) for part, count in rows(GATE / "recursion.txt")}
        depth = times.get("Reader" if variant else part, 0)
        return elf.flash(), calls.deepest(calls.find(entry), elf.frames(), returns, depth)

    def explain(self, text, entry, variant):
        """For each symbol that nobody has, the calls that lead to it from the part's entry."""
        # What frees memory is reached through metadata, so what asks for memory says more.
        missing = sorted(set(re.findall(r"undefined symbol: (\S+)", text)), key=lambda name: (name == "free", name))
        if not missing:
            return text
        stubs = self.folder / f"{entry}.stubs.c"
        stubs.write_text("".join(f"void {name}(void) {{ __asm__ volatile(\"\"); }}\n" for name in missing))
        self.compile_c(stubs, f"{entry}.stubs.o")
        calls = Calls(self.link(f"{entry}.stubs.elf", entry, extra=[self.folder / f"{entry}.stubs.o"], variant=variant))
        ways = [" -> ".join(calls.path(calls.find(entry), name)) for name in missing]
        return demangle("\n".join(f"needs {name}: {way}" for name, way in zip(missing, ways)))


def parts(source=GATE / "Parts.swift"):
    return re.findall(r"func part(\w+)\(", source.read_text())


def variants(target):
    """The variants that are built for a target, each with its codecs."""
    return [(name, codecs) for name, only, *codecs in rows(GATE / "variants.txt") if only == target]


def measured_parts(target):
    return parts() + [name for name, _ in variants(target)]


def check(target):
    """The measures of all parts on one target, and what failed."""
    results, failures = {}, []
    try:
        target.build(GATE / "Parts.swift", variants(target.name))
    except Failure as failure:
        return results, [f"{target.name}: does not build\n{failure}"]
    for part in measured_parts(target.name):
        try:
            results[part] = target.measure(part)
        except Failure as failure:
            failures.append(f"{target.name}: {part}: {failure}")
    return results, failures


def print_table(measured, targets):
    print(f"{'flash / stack, bytes':24}" + "".join(f"{t:>16}" for t in targets))
    for part in dict.fromkeys(part for target in targets for part in measured_parts(target)):
        cells = [measured[t].get(part) for t in targets]
        print(f"  {part:22}" + "".join(f"{'%d / %d' % c if c else '-':>16}" for c in cells))


def compare(measured, targets, compiler):
    """What grew over the checked-in table, and what is over its limit."""
    table = {(part, target): (int(flash), int(stack)) for part, target, flash, stack in rows(SIZES)}
    made_with = re.search(r"Swift (\d[\d.]*\d)", SIZES.read_text()) if SIZES.exists() else None
    same = made_with and made_with[1] == compiler
    if made_with and not same:
        print(f"  (the table was made with Swift {made_with[1]}, this is {compiler}: only limits are held)")
    failures = []
    for target in targets:
        for part, now in measured[target].items():
            old = table.get((part, target))
            if old is None:
                failures.append(f"{target}: {part} is not in {SIZES.relative_to(ROOT)}; --update writes it")
                continue
            for what, was, value in zip(("flash", "stack"), old, now):
                if same and value > was * SLACK + SLACK_BYTES:
                    failures.append(f"{target}: {part}: {what} grew from {was} to {value} bytes; --update if that is meant")
                if value < was / SLACK - SLACK_BYTES:
                    print(f"  {target}: {part}: {what} shrank from {was} to {value} bytes; --update keeps the gain")
    for part, target, *limits in rows(LIMITS):
        parts_here = measured.get(target, {})
        if part not in parts_here or "Caller" not in parts_here:
            continue
        flash, stack = parts_here[part]
        for what, value, limit in zip(("flash", "stack"), (flash - parts_here["Caller"][0], stack), limits):
            if value > int(limit):
                failures.append(f"{target}: {part} takes {value} bytes of {what}, over its limit of {limit}")
            else:
                print(f"  {target}: {part} takes {value} bytes of {what} of the {limit} that it may")
    return failures


def must_fail(target):
    """Holds the gate to its word: what it did not refuse, or refused in other words."""
    culprits = GATE / "Culprits.swift"
    target.build(culprits)
    failures = []
    expected = re.findall(r"^/// (.*)\n@c public func part(\w+)", culprits.read_text(), re.MULTILINE)
    for words, part in expected:
        try:
            failures.append(f"{part} passed, with {target.measure(part)} bytes")
        except Failure as failure:
            print(f"  refused, as it must be: {str(failure).splitlines()[0]}")
            if words not in str(failure):
                failures.append(f"{part}: expected '{words}', got: {failure}")
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{len(expected) - len(failures)} passed, {len(failures)} failed")
    return 1 if failures or not expected else 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--target", action="append")
    parser.add_argument("--must-fail", action="store_true")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / ".build-gate")
    arguments = parser.parse_args()
    version = subprocess.check_output([toolchain("swiftc"), "--version"], text=True, stderr=subprocess.STDOUT)
    compiler = re.search(r"Swift version (\S+)", version)[1]
    targets = [
        Target(name, triple, flags, arguments.scratch)
        for name, triple, *flags in rows(GATE / "targets.txt")
        if not arguments.target or name in arguments.target
    ]
    if arguments.must_fail:
        return must_fail(next(target for target in targets if target.name == "armv7em"))
    measured, failures = {}, []
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for target, (results, failed) in zip(targets, pool.map(check, targets)):
            measured[target.name] = results
            failures += failed
    names = [target.name for target in targets]
    print_table(measured, names)
    if arguments.update and not arguments.target:
        lines = ["# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0"]
        lines += [f"# Bytes of flash and of stack by part and target, -Osize, Swift {compiler}. Written by gate.py --update."]
        for part in dict.fromkeys(part for name in names for part in measured_parts(name)):
            for name in names:
                if part in measured[name]:
                    lines.append("%-16s %-8s %6d %6d" % (part, name, *measured[name][part]))
        SIZES.write_text("\n".join(lines) + "\n")
    failures += compare(measured, names, compiler)
    for failure in failures:
        print(f"FAILED {failure}")
    total = sum(len(measured_parts(target.name)) for target in targets)
    failed = min(total, len(failures))
    print(f"{total - failed} passed, {failed} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
