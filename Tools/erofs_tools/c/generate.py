# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Turns Core into portable C11: one file for each library, for words of 32 and of 64 bits and both orders of bytes.

    Tools/run c-files FOLDER    FOLDER/erofs.c, erofs_pages.c, nommu_vmap_core.c, and their headers

Swift emits LLVM IR that no optimizer has seen; the toolchain's lld links it and its clang optimizes it as for no processor at
all; a printer (ir.py to library.py) makes C of it, and refuses what it does not know. Whoever uses the C needs none of that.
"""

import argparse
import concurrent.futures
import contextlib
import os
import pathlib
import re
import tempfile
import time

from .. import codecs, project
from ..command import run
from ..project import CACHE, ROOT, Failure, digest, write
from ..toolchain import folder, tool, version
from .ir import Module
from .library import Library

HERE = ROOT / "Platforms/C"
KERNEL = project.LINUX / "Kernel"
FIRMWARE = ROOT / "Platforms/BareMetal"
MACHINE = HERE / "machine.h"
HEADER = FIRMWARE / "CInterface/Header/include/erofs.h"
# A header that needs nothing of the library.
SECTORS = HEADER.with_name("erofs_sectors.h")
LICENCE = "/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */\n"


class Machine:
    """A width of words and an order of bytes, and the processor whose IR stands for all that have them.

    It is the plainest of its width, as far as Core is concerned: no wide copies, no words at any address. clang optimizes it
    for a processor that LLVM has no back end for, so that it knows nothing of its registers and instructions.

    like: the little-endian processor whose standard library a big-endian one takes (see `standard_library`)
    width: bits of a word
    """

    def __init__(self, triple, swift, emulation, nowhere, clang, width, like=None):
        self.triple, self.swift, self.emulation, self.nowhere, self.clang = triple, swift, emulation, nowhere, clang
        self.like, self.bits, self.big = like, width, like is not None


NARROW, WIDE = ("spir-unknown-unknown", "-Oz", 32), ("spir64-unknown-unknown", "-Os", 64)
MACHINES = {
    "32": Machine("riscv32-none-none-eabi", "-Osize", "elf32lriscv", *NARROW),
    "64": Machine("riscv64-none-none-eabi", "-O", "elf64lriscv", *WIDE),
    "32-big": Machine("armebv7-none-none-eabi", "-Osize", "armelfb_linux_eabi", *NARROW, like="riscv32-none-none-eabi"),
    "64-big": Machine("s390x-unknown-none-elf", "-O", "elf64_s390", *WIDE, like="riscv64-none-none-eabi"),
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

    def __init__(self, name, what, modules, headers, entries, needs=(), callback=None, layout="", optional=None):
        self.name, self.what, self.modules, self.headers, self.optional = name, what, modules, headers, optional
        self.entries, self.needs, self.callback, self.layout = entries, needs, callback, layout

    def header_text(self):
        asked = codecs.c_choice()[0] + MACHINE.read_text()
        return "".join(header.read_text() for header in self.headers) + asked.replace(" __attribute__((const))", "")


def parts():
    words = [codec.word for codec in codecs.KERNEL]
    machine = re.findall(r"\berofs_\w+", MACHINE.read_text())
    return [
        Part("nommu_vmap_core", "vmap without an MMU: what mm/nommu_vmap.c calls.", ["PageVectors", "KernelVmap"],
             [KERNEL / "mm/nommu_vmap.h"], ["nommu_vmap_map", "nommu_vmap_unmap"],
             [f"nommu_vmap_{name}" for name in ("page_shift", "address", "allocate_run", "free_run", "allocate_record",
                                                "free_record", "lock", "unlock", "warn_unknown", "warn_count")]),
        Part("erofs_pages", "The decoders of fs/erofs, from page frames to page frames.", ["PageVectors", "Codecs", "KernelPages"],
             [KERNEL / "fs-erofs/pages.h", KERNEL / "fs-erofs/pages_codecs.h"],
             [f"erofs_pages_{word}" for word in ["working_bytes", *words]], ["erofs_pages_spare", *machine], layout="pages",
             optional={f"erofs_pages_{word}": f"EROFS_NO_{word.upper()}" for word in words}),
        Part("erofs", "Compressed EROFS for firmware: erofs.h says how it is used.",
             ["PageVectors", "Codecs", "EROFS", "EROFSFirmware", "EROFSForC"], [HEADER],
             [f"erofs_{word}" for word in ("mount", "open", "open_entry", "follow", "read", "readdir", "listxattr", "getxattr",
                                           "address", "error_detail", "error_text")],
             [*(f"erofs_has_{codec.word}" for codec in codecs.CODECS), *machine],
             callback=("int32_t (*)(void *, uint64_t, void *, size_t)", "i32(ptr,i64,ptr,word)"), layout="erofs"),
    ]


def standard_library(machine, work):
    """Options by which the compiler finds the Embedded standard library, for a big-endian processor too.

    The toolchain has it for little-endian processors only, as a module whose functions are compiled anew into each program. It
    says for which processor it was made, and nothing else in it depends on that but what `littleEndian` and `bigEndian` do, for
    which BigEndian.swift stands in. So a copy of it with another name serves. A little-endian module whose layout is changed
    afterwards does not: the compiler arranges the parts of enumerations by the order of bytes.
    """
    if not machine.big:
        return []
    theirs, ours = folder().parent / "lib/swift", work / "resources"
    (ours / "embedded").mkdir(parents=True)
    for path in theirs.iterdir():
        if path.name != "embedded":
            (ours / path.name).symlink_to(path)
    name, wanted = machine.like.encode(), machine.triple.encode()
    for module in ("Swift", "Synchronization"):
        content = (theirs / f"embedded/{module}.swiftmodule/{machine.like}.swiftmodule").read_bytes()
        if content.count(name) != 1 or len(name) != len(wanted):
            raise Failure(f"module {module} of this toolchain does not say in one place that it is for {machine.like}")
        write(ours / f"embedded/{module}.swiftmodule/{machine.triple}.swiftmodule", content.replace(name, wanted))
    return ["-resource-dir", ours]


def compile_modules(machine, work, names):
    """Bitcode of modules, by name."""
    (work / "codecs.h").write_text(codecs.c_choice()[0])
    (work / "module.modulemap").write_text(
        f'module CEROFS {{ header "{HEADER}" }}\nmodule CodecsInC {{ header "{work / "codecs.h"}" }}\n'
        f'module MachineInC {{ header "{MACHINE}" }}\n')
    # In place of what Core has of its codecs and the kernel's side of its entries.
    made = {"KernelPages": work / "PageEntries.swift", "EROFS": work / "CodecTable.swift"}
    made["KernelPages"].write_text(codecs.kernel_entries())
    made["EROFS"].write_text(codecs.core(in_c=True))
    swift = [tool("swiftc"), "-target", machine.triple, "-wmo", "-enable-experimental-feature", "Embedded", "-parse-as-library",
             "-swift-version", "6", "-strict-memory-safety", "-Xfrontend", "-disable-stack-protector",
             "-Xfrontend", "-function-sections", "-Xfrontend", "-disable-llvm-merge-functions-pass", "-I", work,
             "-I", KERNEL / "Swift", "-package-name", "swift_erofs", "-module-cache-path", work / "modules",
             "-Xcc", "-ffreestanding", machine.swift, *standard_library(machine, work)]
    bitcode = {}
    for name, source in MODULES.items():
        if name not in names:
            continue
        bitcode[name] = work / f"{name}.bc"
        sources = sorted(source.rglob("*.swift")) if source.is_dir() else [source]
        sources = [path for path in sources if path.name != "CodecTable.swift"] + ([made[name]] if name in made else [])
        sources += [HERE / "BigEndian.swift"] if machine.big else []
        run(*swift, "-module-name", name, "-emit-module", "-emit-module-path", work / f"{name}.swiftmodule", "-emit-bc",
            "-Xfrontend", "-disable-llvm-optzns", "-o", bitcode[name], *sources, label=f"compile {name} as for {machine.triple}")
    return bitcode


def ir(part, machine, bitcode, work):
    """Optimized IR of a library, as text. The linker only links: it would optimize for the processor that stands for others."""
    whole, text = work / f"{part.name}.bc", work / f"{part.name}.ll"
    run(tool("ld.lld"), "-m", machine.emulation, "--lto-emit-llvm", "--lto-O0", "--gc-sections", "-e", "0",
        "--unresolved-symbols=ignore-all", *[word for entry in part.entries for word in ("-u", entry)], "-o", whole,
        *(bitcode[name] for name in part.modules))
    # Its output names its input: without a folder, that is the same each time.
    run(tool("clang"), "-target", machine.nowhere, "-x", "ir", whole.name, machine.clang, "-fno-vectorize", "-fno-slp-vectorize",
        "-Wno-override-module", "-S", "-emit-llvm", "-o", text, cwd=work)
    return text.read_text()


def layout(name):
    """What the code takes for granted of the structures of a header; the compiler of C holds it to that."""
    if not name:
        return ""
    chosen = "/* Which codecs there are: EROFS_NO_LZMA and so on leave one out. */\n" + codecs.c_choice()[1]
    chosen = chosen if name == "erofs" else ""
    return (HERE / f"layout-{name}.h").read_text().removeprefix(LICENCE) + chosen + "\n"


def text_of(part, modules):
    """One file of C, of a module for each machine."""
    includes = "".join(f'#include "{header.name}"\n' for header in part.headers[:1])
    bodies = {name: Library(module, part.entries, part.needs, part.header_text(), part.callback,
                            part.optional).print()
              for name, module in modules.items()}
    start = (HERE / "start.h").read_text().removeprefix(LICENCE)
    return (f"{LICENCE}/* {part.what}\n * Made from Swift by Tools/run c-files: change that. */\n\n{includes}\n{start}\n"
            f"{layout(part.layout)}#if EROFS_WORD == 32 && !EROFS_BIG_ENDIAN\n\n{bodies['32']}\n"
            f"#elif EROFS_WORD == 32 /* and big-endian */\n\n{bodies['32-big']}\n"
            f"#elif !EROFS_BIG_ENDIAN /* words of 64 bits */\n\n{bodies['64']}\n"
            f"#else /* words of 64 bits, big-endian */\n\n{bodies['64-big']}\n#endif\n")


def key(part, machine):
    """What the IR of a library is made of."""
    return digest(version()[0], repr(sorted(vars(machine).items())), repr(sorted(part.entries)), codecs.kernel_entries(),
                  codecs.core(in_c=True), codecs.c_choice()[0], *(MODULES[name] for name in part.modules), *part.headers,
                  *HERE.glob("*.swift"), MACHINE, HEADER, KERNEL / "Swift", pathlib.Path(__file__))


def kept(part, name, machine):
    """Where the cache has the IR of a library, or will have it. What nobody has asked for in a month goes."""
    folder = CACHE / "c-ir"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{part.name}-{name}-{key(part, machine)}.ll"
    if path.exists():
        path.touch()
    for old in folder.glob("*.ll"):
        with contextlib.suppress(FileNotFoundError):
            if old.stat().st_mtime < time.time() - 30 * 86400:
                old.unlink()
    return path


def all_ir(chosen, target, machines=MACHINES, fresh=False):
    """IR of libraries as files in a folder, from the cache if it has them: most of the time that C takes is Swift's compiler's.
    Where one is missing, so are mostly others, of the same modules: all are made then, since kernels and firmware ask apart.

    machines: by name
    fresh: whether all of it is made anew
    """
    def of(name):
        machine = machines[name]
        wanted = parts() if machines is MACHINES else chosen
        paths = {part.name: kept(part, name, machine) for part in wanted}
        missing = [part for part in chosen if fresh or not paths[part.name].exists()]
        if missing and not fresh:
            missing = [part for part in wanted if not paths[part.name].exists()]
        with tempfile.TemporaryDirectory() as temporary:
            work = pathlib.Path(temporary)
            bitcode = compile_modules(machine, work, {module for part in missing for module in part.modules})
            made = {part.name: ir(part, machine, bitcode, work).encode() for part in missing}
        for part in chosen:
            write(target / f"{part.name}-{name}.ll", made.get(part.name) or paths[part.name].read_bytes())
        for word, content in made.items():
            path = paths[word]
            if not path.exists():
                # Under its name when it is whole.
                partial = path.with_suffix(f".{os.getpid()}")
                partial.write_bytes(content)
                partial.replace(path)
    with concurrent.futures.ThreadPoolExecutor(min(2, os.cpu_count() or 1)) as pool:
        list(pool.map(of, machines))


def print_all(chosen, source, folder):
    """Writes the files of C, and the headers, from IR in a folder; returns the paths of the first."""
    written = []
    for part in chosen:
        path = folder / f"{part.name}.c"
        try:
            text = text_of(part, {name: Module((source / f"{part.name}-{name}.ll").read_text(), machine.bits, machine.big)
                                  for name, machine in MACHINES.items()})
        except Failure as problem:
            raise Failure(f"{path.name}: {problem}") from None
        write(path, text.encode())
        written.append(path)
        for header in [*part.headers, *([SECTORS] if HEADER in part.headers else [])]:
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
