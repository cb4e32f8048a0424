# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Turns Core into portable C11: one file for each library, for processors with 32-bit and with 64-bit words.

    Tools/run c-files FOLDER    FOLDER/erofs.c, erofs_pages.c, nommu_vmap_core.c, and their headers

Swift emits LLVM IR that no optimizer has seen; the toolchain's lld links it and its clang optimizes it as for no processor at
all; a printer (ir.py to library.py) makes C of it, and refuses what it does not know. Whoever uses the C needs none of that.
"""

import argparse
import concurrent.futures
import os
import pathlib
import tempfile

from .. import codecs, project
from ..command import run
from ..project import ROOT, Failure, write
from ..toolchain import tool
from .ir import Module
from .library import Library

HERE = ROOT / "Platforms/C"
KERNEL = project.LINUX / "Kernel"
FIRMWARE = ROOT / "Platforms/BareMetal"
HEADER = FIRMWARE / "CInterface/Header/include/erofs.h"
LICENCE = "/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */\n"
# The IR is that of the plainest processor of each width, as far as Core is concerned: no wide copies, no words at any address.
# clang optimizes it for a processor that LLVM has no back end for, so that it knows nothing of its registers and instructions.
WIDTHS = {
    32: ("riscv32-none-none-eabi", "-Osize", "elf32lriscv", "spir-unknown-unknown", "-Oz"),
    64: ("riscv64-none-none-eabi", "-O", "elf64lriscv", "spir64-unknown-unknown", "-O2"),
}
# Swift modules: their sources, and what they are compiled with in addition.
MODULES = {
    "PageVectors": ROOT / "Sources/Core/PageVectors",
    "Codecs": ROOT / "Sources/Core/Codecs",
    "EROFS": ROOT / "Sources/Core/EROFS",
    "EROFSFirmware": FIRMWARE / "Library",
    "EROFSForC": FIRMWARE / "CInterface/Swift",
    "KernelPages": KERNEL / "Swift/PageDecoding.swift",
    "KernelVmap": KERNEL / "Swift/NoMMUVirtualMap.swift",
}


class Part:
    """A library: the modules that it is made of, its headers, entries, and what it needs of others."""

    def __init__(self, name, what, modules, headers, entries, needs=(), callback=None, layout=""):
        self.name, self.what, self.modules, self.headers = name, what, modules, headers
        self.entries, self.needs, self.callback, self.layout = entries, needs, callback, layout

    def header_text(self):
        return "".join(header.read_text() for header in self.headers)


def parts():
    words = [codec.word for codec in codecs.KERNEL]
    return [
        Part("nommu_vmap_core", "vmap without an MMU: what mm/nommu_vmap.c calls.", ["PageVectors", "KernelVmap"],
             [KERNEL / "mm/nommu_vmap.h"], ["nommu_vmap_map", "nommu_vmap_unmap"],
             [f"nommu_vmap_{name}" for name in ("address", "allocate_run", "free_run", "allocate_record", "free_record",
                                                "lock", "unlock", "warn_unknown", "warn_count")]),
        Part("erofs_pages", "The decoders of fs/erofs, from page frames to page frames.", ["PageVectors", "Codecs", "KernelPages"],
             [KERNEL / "fs-erofs/pages.h", KERNEL / "fs-erofs/pages_codecs.h"],
             [f"erofs_pages_{word}" for word in ["working_bytes", *words]], ["erofs_pages_spare"], layout="pages"),
        Part("erofs", "Compressed EROFS for firmware: erofs.h says how it is used.",
             ["PageVectors", "Codecs", "EROFS", "EROFSFirmware", "EROFSForC"], [HEADER],
             [f"erofs_{word}" for word in ("mount", "open", "open_entry", "read", "readdir", "address", "error_detail",
                                           "error_text")],
             callback=("int32_t (*)(void *, uint64_t, void *, size_t)", "i32(ptr,i64,ptr,word)"), layout="erofs"),
    ]


def compile_modules(bits, work, names):
    """Bitcode of modules, by name."""
    triple, optimisation, *_ = WIDTHS[bits]
    (work / "module.modulemap").write_text(f'module CEROFS {{ header "{HEADER}" }}\n')
    made = work / "PageEntries.swift"
    made.write_text(codecs.kernel_entries())
    swift = [tool("swiftc"), "-target", triple, "-wmo", "-enable-experimental-feature", "Embedded", "-parse-as-library",
             "-swift-version", "6", "-strict-memory-safety", "-Xfrontend", "-disable-stack-protector",
             "-Xfrontend", "-function-sections", "-Xfrontend", "-disable-llvm-merge-functions-pass", "-I", work,
             "-I", KERNEL / "Swift", "-package-name", "swift_erofs", "-module-cache-path", work / "modules",
             "-Xcc", "-ffreestanding", optimisation]
    bitcode = {}
    for name, source in MODULES.items():
        if name not in names:
            continue
        bitcode[name] = work / f"{name}.bc"
        sources = sorted(source.rglob("*.swift")) if source.is_dir() else [source]
        run(*swift, "-module-name", name, "-emit-module", "-emit-module-path", work / f"{name}.swiftmodule", "-emit-bc",
            "-Xfrontend", "-disable-llvm-optzns", "-o", bitcode[name], *sources, *([made] if name == "KernelPages" else []),
            label=f"compile {name} for C of {bits} bits")
    return bitcode


def ir(part, bits, bitcode, work):
    """Optimized IR of a library, as text."""
    _, _, emulation, nowhere, optimisation = WIDTHS[bits]
    whole, text = work / f"{part.name}.bc", work / f"{part.name}.ll"
    run(tool("ld.lld"), "-m", emulation, "--lto-emit-llvm", "--gc-sections", "-e", "0", "--unresolved-symbols=ignore-all",
        *[word for entry in part.entries for word in ("-u", entry)], "-o", whole, *(bitcode[name] for name in part.modules))
    # Its output names its input: without a folder, that is the same each time.
    run(tool("clang"), "-target", nowhere, "-x", "ir", whole.name, optimisation, "-fno-vectorize", "-fno-slp-vectorize",
        "-Wno-override-module", "-S", "-emit-llvm", "-o", text, cwd=work)
    return text.read_text()


def layout(name):
    """What the code takes for granted of the structures of a header; the compiler of C holds it to that."""
    path = HERE / f"layout-{name}.h"
    return path.read_text().removeprefix(LICENCE) + "\n" if name else ""


def text_of(part, modules):
    """One file of C, of a module for each width."""
    includes = "".join(f'#include "{header.name}"\n' for header in part.headers[:1])
    bodies = {bits: Library(module, part.entries, part.needs, part.header_text(), part.callback).print()
              for bits, module in modules.items()}
    start = (HERE / "start.h").read_text().removeprefix(LICENCE)
    narrow = "UINTPTR_MAX == 0xffffffffu || (defined(__KERNEL__) && !defined(CONFIG_64BIT))"
    return (f"{LICENCE}/* {part.what}\n * Made from Swift by Tools/run c-files: change that. */\n\n{includes}\n{start}\n"
            f"{layout(part.layout)}#if {narrow}\n\n{bodies[32]}\n"
            f"#else /* 64-bit words */\n\n{bodies[64]}\n#endif\n")


def all_ir(chosen, folder):
    """IR of libraries as files in a folder."""
    def of(bits):
        with tempfile.TemporaryDirectory() as temporary:
            work = pathlib.Path(temporary)
            bitcode = compile_modules(bits, work, {name for part in chosen for name in part.modules})
            for part in chosen:
                write(folder / f"{part.name}-{bits}.ll", ir(part, bits, bitcode, work).encode())
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(of, WIDTHS))


def print_all(chosen, source, folder):
    """Writes the files of C, and the headers, from IR in a folder; returns the paths of the first."""
    written = []
    for part in chosen:
        path = folder / f"{part.name}.c"
        try:
            text = text_of(part, {bits: Module((source / f"{part.name}-{bits}.ll").read_text(), bits) for bits in WIDTHS})
        except Failure as problem:
            raise Failure(f"{path.name}: {problem}") from None
        write(path, text.encode())
        written.append(path)
        for header in part.headers:
            write(folder / header.name, header.read_bytes())
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ir", type=pathlib.Path, help="a folder with the IR: it is made unless it is there")
    parser.add_argument("folder", type=pathlib.Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        source = arguments.ir.resolve() if arguments.ir else pathlib.Path(temporary)
        if not any(source.glob("*.ll")):
            all_ir(parts(), source)
        for path in print_all(parts(), source, arguments.folder.resolve()):
            print(f"{path.name}: {len(path.read_text().splitlines())} lines")
