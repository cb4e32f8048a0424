# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Compiles Core and the kernel's side of it to one object that a kernel built with GCC links.

    Tools/run swift-object CPU FOLDER     FOLDER/vmap.o, FOLDER/pages-lz4.o, pages-lz4-lzma.o and so on, one for each set of
                                algorithms, for rv64, rv32 or cortex-m3

An object has the entries named here as its only global symbols, and needs nothing but what is allowed here; it has no
floating point, no variables but its own state, and asks for no memory. What breaks that fails here: the linker of a
relocatable kernel would not say a word. Symbols have names that a backtrace can print.
"""

import argparse
import itertools
import os
import pathlib
import re

from .. import codecs, project
from ..command import run
from ..elf import Elf
from ..gate import registers
from ..processors import IN_SWIFT, LINUX, PROCESSORS
from ..project import ROOT, Failure, digest, write
from ..toolchain import demangle, tool, version

SOURCES = project.LINUX / "Kernel"
CORE = {"PageVectors": "Sources/Core/PageVectors", "Codecs": "Sources/Core/Codecs"}
# What the compilers may call in a kernel, and each kernel has.
KERNEL = {"memcpy", "memmove", "memset"}
# The algorithm that every kernel has, and those that it may leave out, in the order of their names in an object's.
FIRST, *OPTIONAL = (codec.word for codec in codecs.KERNEL)
# Core's modules, the file of the kernel's side, the functions of the kernel's C that it calls, and the objects that are made
# of it: their entries, by name.
PARTS = {
    "pages": (["PageVectors", "Codecs"], "PageDecoding.swift", {"erofs_pages_spare"},
              {"-".join(["pages", FIRST, *more]): [f"erofs_pages_{name}" for name in ("working_bytes", FIRST, *more)]
               for count in range(len(OPTIONAL) + 1) for more in itertools.combinations(OPTIONAL, count)}),
    "vmap": (["PageVectors"], "NoMMUVirtualMap.swift",
             {f"nommu_vmap_{name}" for name in ("page_shift", "address", "allocate_run", "free_run", "allocate_record",
                                                "free_record", "lock", "unlock", "warn_unknown", "warn_count")},
             {"vmap": ["nommu_vmap_map", "nommu_vmap_unmap"]}),
}
FLOATING = re.compile(r"\t(f[a-z]+\.[sd]|c\.f[a-z]+|flw|fsw|fld|fsd|v(add|mul|ldr|str|mov|push|pop|cvt)[a-z0-9.]*)\s")


def is_mangled(symbol):
    """Whether kallsyms would drop it; what marks ARM code and data is not a name, and labels of the compiler's are gone."""
    return symbol.startswith("$") and not re.match(r"\$[atdx](\.|$)", symbol)


def readable(symbols):
    """A name of letters, digits and underscores for each mangled one, as short as it can be told apart."""
    names, taken = {}, set()
    plain = demangle("\n".join(symbols)).splitlines()
    for symbol, text in zip(symbols, plain):
        text = re.sub(r"^(generic|function signature|merged|specialized|closure #\d+ .* in|static|private|outlined|of|"
                      r"arg\[\d+\][^ ]*|specialization|<[^<>]*>|\s)+", "", text)
        text = re.sub(r"\(in _[0-9A-F]+\)|<.*?>|\(.*?\)|->.*", "", text)
        name = "swift_" + re.sub(r"\W+", "_", text).strip("_")[:80]
        unique, number = name, 1
        while unique in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique)
        names[symbol] = unique
    return names


def check(path, cpu, entries, allowed):
    """Fails where the finished object has something that it must not have; returns the sizes of its sections."""
    problems = []
    binutils = LINUX[cpu].compiler
    elf = Elf(path)
    named = [symbol for symbol in elf.symbols if symbol.name]
    missing = {symbol.name for symbol in named if not symbol.section}
    if missing - allowed:
        problems.append(f"needs {', '.join(sorted(missing - allowed))}")
    shown = {symbol.name for symbol in named if symbol.section and symbol.is_global}
    if shown != set(entries):
        problems.append(f"shows {', '.join(sorted(shown ^ set(entries)))}")
    if any(is_mangled(symbol.name) for symbol in named):
        problems.append("has names that kallsyms drops")
    code = run(f"{binutils}objdump", "-d", path)
    if found := FLOATING.search(code):
        problems.append(f"has floating point: {found[0].strip()}")
    strange = {name for name, size in elf.loaded.items() if size and name not in (".text", ".rodata", ".data", ".bss")}
    if strange:
        problems.append(f"has sections that the kernel's script does not know: {', '.join(sorted(strange))}")
    if binutils.startswith("arm"):
        # What the object is for went with its attributes.
        problems += registers.words(registers.disassembly(path, "--triple=thumbv7m"))
    if problems:
        raise Failure(f"{path.name}: " + "; ".join(problems))
    return elf.loaded


def link(whole, pieces, entries, cpu):
    """One object of what the entries need of the pieces."""
    binutils = LINUX[cpu].compiler
    keep = [word for entry in entries for word in ("-u", entry)]
    run(f"{binutils}ld", "-r", "--gc-sections", *(["-m", "elf32lriscv"] if cpu == "rv32" else []), *keep,
        "-T", SOURCES / "Swift/object.lds", "-o", whole, *pieces)
    mangled = sorted({symbol.name for symbol in Elf(whole).symbols if is_mangled(symbol.name)})
    renames = whole.with_suffix(".names")
    renames.write_text("".join(f"{old} {new}\n" for old, new in (readable(mangled) if mangled else {}).items()))
    run(f"{binutils}objcopy", "--strip-unneeded", f"--redefine-syms={renames}",
        *[f"--keep-global-symbol={entry}" for entry in entries], whole)


def flags(cpu):
    """Options of clang for code of a kernel."""
    return [*PROCESSORS[cpu].flags, *LINUX[cpu].flags]


def optimisation(cpu):
    # Text is dear where words are short; a 64-bit kernel has the fast ways of the decoders.
    return os.environ.get("EROFS_SWIFT_OPTIMISE", "-O" if cpu == "rv64" else "-Osize")


def key(cpu):
    """What the objects for a processor are made of: their sources and options, and this file wherever it is."""
    here = pathlib.Path(__file__).read_bytes()
    return digest(version()[0], optimisation(cpu), PROCESSORS[cpu].triple, *flags(cpu), here, codecs.kernel_entries(),
                  SOURCES / "Swift", SOURCES / "fs-erofs/pages.h", SOURCES / "fs-erofs/pages_codecs.h",
                  SOURCES / "mm/nommu_vmap.h", *(ROOT / folder for folder in CORE.values()))


def build(cpu, folder, say):
    """Makes all objects for a processor in a folder, and says how large they are."""
    folder.mkdir(parents=True, exist_ok=True)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    triple, allowed = PROCESSORS[cpu].triple, KERNEL | LINUX[cpu].calls
    swift = [tool("swiftc"), "-target", triple, "-wmo", "-enable-experimental-feature", "Embedded", "-parse-as-library",
             "-swift-version", "6", "-strict-memory-safety", "-Xfrontend", "-disable-stack-protector",
             "-Xfrontend", "-function-sections", "-I", work, "-I", SOURCES / "Swift", "-package-name", "swift_erofs",
             "-module-cache-path", work / "modules", optimisation(cpu)]
    for flag in [*flags(cpu), "-ffreestanding"]:
        swift += ["-Xcc", flag]
    if LINUX[cpu].architecture == "arm":
        # With -Osize it makes functions that do not keep r10; see gate/registers.py.
        swift += ["-Xllvm", "-arm-load-store-opt=false"]
    objects = {}
    for name, source in CORE.items():
        objects[name] = work / f"{name}.o"
        run(*swift, "-module-name", name, "-emit-module", "-emit-module-path", work / f"{name}.swiftmodule", "-c",
            "-o", objects[name], *sorted((ROOT / source).rglob("*.swift")), label=f"compile {name} for a kernel on {cpu}")
    objects["aeabi"] = work / "aeabi.o"
    run(tool("clang"), "-target", triple, *flags(cpu), "-Os", "-ffreestanding", "-fno-builtin", "-ffunction-sections", "-c", "-o",
        objects["aeabi"], SOURCES / "Swift/aeabi.c")
    made = work / "PageEntries.swift"
    made.write_text(codecs.kernel_entries())
    for name, (modules, source, needs, parts) in PARTS.items():
        kernel_side = work / f"{name}-kernel.o"
        run(*swift, "-module-name", f"Kernel{name.capitalize()}", "-c", "-o", kernel_side, SOURCES / "Swift" / source,
            *([made] if name == "pages" else []))
        pieces = [kernel_side, *(objects[module] for module in [*modules, *(["aeabi"] if LINUX[cpu].calls else [])])]
        for part, entries in parts.items():
            whole = work / f"{part}.o"
            link(whole, pieces, entries, cpu)
            sections = check(whole, cpu, entries, allowed | needs)
            # make looks at the time: an object that is the same stays as it was.
            write(folder / whole.name, whole.read_bytes())
            say(f"{whole.name}: " + ", ".join(f"{size} B {section}" for section, size in sections.items() if size))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cpu", choices=IN_SWIFT)
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    build(arguments.cpu, arguments.folder.resolve(), print)
