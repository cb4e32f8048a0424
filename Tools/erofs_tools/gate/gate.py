# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds Core for every bare-metal target in Embedded Swift, links each part of it without an allocator, and holds its
text size and stack use against sizes.txt.

    Tools/run gate              check; the last line counts what passed and failed
    Tools/run gate --update     write sizes.txt from what is measured (limits are still checked)
    Tools/run gate --target T   only that target (may be repeated)
    Tools/run gate --must-fail  check the gate itself: each part of Culprits.swift must be refused, in the words of its
                                comment; and the one that LLVM makes wrong code of must come out right as firmware

sizes.txt is in Platforms/BareMetal, all other files are in its folder `gate`. What is compiled is in modules.txt, for what in
targets.txt, and the parts are the functions `partNAME` of Parts.swift, and one for each codec. variants.txt lists builds that
leave something out, whose one part is that of Firmware.swift. They are compiled and linked with the options of
Platforms/BareMetal/toolsets, as firmware is: to bitcode, of which the linker makes one piece of code.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re

from .. import codecs
from ..command import run
from ..elf import Elf
from ..processors import PROCESSORS
from ..project import BARE_METAL, ROOT, Failure, rows
from ..results import Results
from ..toolchain import demangle, tool, version
from . import registers
from .calls import Calls

GATE = BARE_METAL / "gate"
SIZES = BARE_METAL / "sizes.txt"
LIMITS = GATE / "limits.txt"
PARTS = GATE / "Parts.swift"
# What every program brings that Core is linked into.
MEMORY_FUNCTIONS = BARE_METAL / "MemoryFunctions"
SUPPORT = ("memory", "arithmetic")
TOOLSETS = BARE_METAL / "toolsets"
PACKAGE = ["-package-name", "swift_erofs"]
# A part may grow by this much before it fails: a compiler's noise, not a feature.
SLACK = 1.01
SLACK_BYTES = 16


def toolset(name, tool_name, board=False):
    """The options that a toolset of firmware has for a tool; without the board, which is its memory and where that is
    described, unless that is wanted."""
    words = json.loads((TOOLSETS / f"{name}.json").read_text())[tool_name]["extraCLIOptions"]
    if board:
        return words
    at_board = [at for at, word in enumerate(words) if word in ("-L", "-T")]
    return [word for at, word in enumerate(words) if at not in at_board and at - 1 not in at_board
            and not word.startswith("--orphan-handling")]


def conditions(sources):
    """The words that the conditions of sources ask about."""
    lines = (line for file in sources for line in file.read_text().splitlines() if line.lstrip().startswith(("#if", "#elseif")))
    return {word for line in lines for word in re.findall(r"\w+", line)}


class Target:
    """Core and its parts, built for a target of targets.txt."""

    def __init__(self, name, cpu, scratch):
        # The toolset of firmware has the name of the processor.
        self.name, self.cpu = name, cpu
        triple, flags = PROCESSORS[cpu].triple, PROCESSORS[cpu].flags
        self.folder = scratch / name
        self.folder.mkdir(parents=True, exist_ok=True)
        self.swift = ["-target", triple, "-Osize", "-wmo", "-enable-experimental-feature", "Embedded"]
        self.swift += ["-parse-as-library", "-swift-version", "6", "-suppress-warnings"]
        self.swift += ["-Xfrontend", "-disable-stack-protector", "-Xfrontend", "-function-sections"]
        self.swift += ["-D", "EROFS_NARROW_OFFSETS"]
        for flag in [*flags, "-ffreestanding"]:
            self.swift += ["-Xcc", flag]
        self.swift += ["-I", self.folder]
        self.clang = ["-target", triple, *flags, "-Os", "-ffunction-sections", "-fdata-sections",
                      "-Wno-unused-command-line-argument"]

    def bitcode(self, name, sources, package, folder, imported=()):
        """Compiles a module as firmware's toolset does: to bitcode. The modules that it imports are in folders."""
        folder = self.folder / folder
        folder.mkdir(exist_ok=True)
        options = toolset("common", "swiftCompiler")
        search = [word for place in dict.fromkeys([folder, *imported]) for word in ("-I", place)]
        run(tool("swiftc"), *search, *self.swift, *options, *package, "-module-name", name,
            *sources, "-emit-module", "-emit-module-path", folder / f"{name}.swiftmodule", "-c", "-o", folder / f"{name}.o",
            label=f"compile {name} for {self.name}, {folder.name}")
        return folder / f"{name}.o"

    def variant(self, name, words, modules, made):
        """The objects of a variant. A module is compiled once for the words that it, or one that it imports, asks about:
        most variants share all but the reader."""
        objects, relevant, folders = [], set(), []
        for module, sources, package in modules:
            relevant |= {"EROFS_CHOOSES_CODECS", *words} & conditions(sources)
            key = module, "-".join(["bitcode", *sorted(relevant)])
            if key not in made:
                flags = [flag for word in sorted(relevant) for flag in ("-D", word)]
                made[key] = self.bitcode(module, sources, package + flags, key[1], folders)
            objects.append(made[key])
            folders.insert(0, made[key].parent)
        return [*objects, self.bitcode("Firmware", [GATE / "Firmware.swift"], [], name, folders)]

    def module(self, name, sources, package):
        """Compiles a module to IR, and that to an object which also states its functions' stack."""
        folder = self.folder
        intermediate = folder / f"{name}.ll"
        run(tool("swiftc"), "-I", folder, *self.swift, *package, "-module-name", name, *sources, "-emit-module",
            "-emit-module-path", folder / f"{name}.swiftmodule", "-emit-ir", "-o", intermediate,
            label=f"compile {name} for {self.name}")
        run(tool("clang"), *self.clang, "-fstack-size-section", "-Xclang", "-disable-llvm-passes", "-c", "-o",
            folder / f"{name}.o", "-x", "ir", intermediate)
        return folder / f"{name}.o"

    def compile_c(self, source, output, *flags):
        run(tool("clang"), *self.clang, *flags, "-ffreestanding", "-fno-builtin", "-fstack-size-section", "-c", "-o",
            self.folder / output, source)

    def compile_support(self):
        """All that Core may ask of the firmware that it is linked into: copies, and the arithmetic that small processors
        do in software. No allocator, no 64-bit division. It lies in a section of its own, so that no part's size counts
        it; what is not here fails the link."""
        for name in SUPPORT:
            self.compile_c(MEMORY_FUNCTIONS / f"{name}.c", f"{name}.o", "-fno-function-sections")
            run(tool("llvm-objcopy"), "--rename-section", ".text=.support", self.folder / f"{name}.o")

    def build(self, parts, variants=()):
        modules = [
            (name, sorted((ROOT / folder).rglob("*.swift")), PACKAGE)
            for name, folder in rows(GATE / "modules.txt")
        ]
        objects = [self.module(*module) for module in modules]
        sources = [parts]
        if parts == PARTS:
            sources.append(self.folder / "CodecParts.swift")
            sources[-1].write_text(codecs.gate_parts())
        self.objects = {"": [*objects, self.module("Parts", sources, [])]}
        made = {}
        for variant, words in variants:
            self.objects[variant] = self.variant(variant, words, modules, made)
        self.compile_support()

    def link(self, output, entry, extra=(), variant=""):
        objects = self.objects[variant]
        image = self.folder / output
        if variant:
            extra = [*extra, *toolset("common", "linker"), *toolset(self.cpu, "linker"), "-mllvm", "-stack-size-section"]
        run(tool("ld.lld"), "--gc-sections", "-static", "-e", entry, "--error-limit=0", "-o", image, *objects,
            *(self.folder / f"{name}.o" for name in SUPPORT), *extra)
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


def parts():
    return re.findall(r"func part(\w+)\(", PARTS.read_text() + codecs.gate_parts())


def variants(target):
    """The variants that are built for a target, each with its conditions; a row with EACH is one for each codec."""
    traits = [codec.trait for codec in codecs.CODECS]
    found = []
    for name, only, *words in rows(GATE / "variants.txt"):
        if only != target:
            continue
        for trait in traits if "EACH" in words else [""]:
            chosen = {"EACH": [trait], "ALL": traits}
            found.append((name.replace("EACH", trait), [one for word in words for one in chosen.get(word, [word])]))
    return found


def measured_parts(target):
    return parts() + [name for name, _ in variants(target)]


def check(target):
    """The measures of all parts on one target, and what failed."""
    results, failures = {}, []
    try:
        target.build(PARTS, variants(target.name))
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
    failures += [*cured(target, culprits), *found_registers(target)]
    results = Results()
    results.table(len(expected) + 2, failures)
    results.check("Culprits.swift", expected, "has no parts")
    return results.end()


def cured(target, culprits):
    """What LLVM makes wrong code of comes out right with the options that firmware is linked with."""
    (name, folder), *_ = rows(GATE / "modules.txt")
    pages = target.bitcode(name, sorted((ROOT / folder).rglob("*.swift")), PACKAGE, "culprits")
    target.objects["culprits"] = [pages, target.bitcode("Culprits", [culprits], [], "culprits")]
    return registers.check(target.link("Cured.elf", "partRegister", variant="culprits"))


def found_registers(target):
    """Of the functions in registers.s, those that do not keep their caller's registers are found, and no others."""
    target.compile_c(GATE / "registers.s", "registers.o")
    found = {name for name, _ in registers.unsaved(registers.disassembly(target.folder / "registers.o"))}
    wrong = set(re.findall(r"^(wrong\w*):", (GATE / "registers.s").read_text(), re.MULTILINE))
    return [f"registers.s: found {sorted(found)}, must be {sorted(wrong)}"] if found != wrong or not wrong else []


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--target", action="append")
    parser.add_argument("--must-fail", action="store_true")
    parser.add_argument("--scratch", type=pathlib.Path, default=ROOT / ".build-gate")
    arguments = parser.parse_args()
    _, compiler = version()
    listed = dict(rows(GATE / "targets.txt"))
    if unknown := set(arguments.target or ()) - listed.keys():
        parser.error(f"no target {', '.join(sorted(unknown))}; there are {', '.join(listed)}")
    targets = [Target(name, cpu, arguments.scratch) for name, cpu in listed.items()
               if not arguments.target or name in arguments.target]
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
        lines += [f"# Bytes of flash and of stack by part and target, -Osize, Swift {compiler}. Written by Tools/run gate "
                  "--update."]
        for part in dict.fromkeys(part for name in names for part in measured_parts(name)):
            for name in names:
                if part in measured[name]:
                    lines.append("%-16s %-8s %6d %6d" % (part, name, *measured[name][part]))
        SIZES.write_text("\n".join(lines) + "\n")
    failures += compare(measured, names, compiler)
    results = Results()
    results.table(sum(len(measured_parts(target.name)) for target in targets), failures)
    return results.end()
