# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The program for a processor that Swift has no compiler for: made into C, as Core is (../c), and compiled by GCC.

Swift compiles it as for a big-endian ARM; linux.h knows that this is not what it will run on. There are variables then, the
tables of addresses that position-independent code has, so the program is copied for each process, and relocates itself.
"""

import pathlib
import shutil

from ..c import generate
from ..c.ir import Module
from ..c.library import Library
from ..c.values import ctype
from ..command import run
from ..processors import LINUX, PROCESSORS
from ..project import write
from ..toolchain import tool
from . import flat

MACHINE = generate.MACHINES["32-big"]
ENTRY = "program_start"
MADE_BY = [pathlib.Path(__file__), *sorted(pathlib.Path(generate.__file__).parent.glob("*.py")),
           *(generate.HERE / name for name in ("start.h", "BigEndian.swift"))]
# What the program calls of start.c, and what compilers call.
HEADER = """\
void program_start(long *stack);
long linux_call(long a, long b, long c, long d, long e, long f, long number);
long linux_open(const unsigned char *path, int flags, int mode);
long linux_stat(const unsigned char *path, int flags, void *into);
long linux_signal(int signal, long disposition);
long linux_vfork(void *child, void *context);
int memcmp(const void *a, const void *b, __SIZE_TYPE__ count);
__SIZE_TYPE__ strlen(const char *string);
__SIZE_TYPE__ wcslen(const unsigned *string);
"""
NEEDS = ("linux_call", "linux_open", "linux_stat", "linux_signal", "linux_vfork", "memcmp", "strlen", "wcslen")


class Program(Library):
    """A program has functions that are called by their address, of any type, where a library has one that it is given."""

    def symbol(self, name, tokens):
        if name in self.module.functions:
            return f"((u8 *)(uword){self.names[name]})"
        return super().symbol(name, tokens)

    def indirect(self, address, result, kinds, tokens):
        parameters = ", ".join(ctype(self.types, kind) for kind in kinds) or "void"
        return f"(({ctype(self.types, result)} (*)({parameters}))(uword){address})"


def compile_program(cpu, sources, bridge, work):
    """Makes the program in a folder, from nothing, and returns the path of its ELF file."""
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    swift = [word for flag in ("-ffreestanding", f"-DLINUX_{cpu.upper()}") for word in ("-Xcc", flag)]
    run(tool("swiftc"), "-target", MACHINE.triple, *swift, "-swift-version", "6", "-wmo", "-parse-as-library", MACHINE.swift,
        "-enable-experimental-feature", "Embedded", "-Xfrontend", "-disable-stack-protector", "-Xfrontend", "-function-sections",
        "-Xfrontend", "-disable-llvm-merge-functions-pass", "-import-objc-header", bridge / "linux.h",
        "-module-cache-path", work / "modules", "-module-name", "Userspace", "-emit-bc", "-Xfrontend", "-disable-llvm-optzns",
        *generate.standard_library(MACHINE, work), "-o", work / "userspace.bc", *sorted(sources.rglob("*.swift")),
        generate.HERE / "BigEndian.swift", label=f"compile the userspace for {cpu}")
    run(tool("ld.lld"), "-m", MACHINE.emulation, "--lto-emit-llvm", "--lto-O0", "--gc-sections", "-e", "0",
        "--unresolved-symbols=ignore-all", "-u", ENTRY, "-o", work / "whole.bc", work / "userspace.bc")
    run(tool("clang"), "-target", MACHINE.nowhere, "-x", "ir", "whole.bc", MACHINE.clang, "-fno-vectorize", "-fno-slp-vectorize",
        "-Wno-override-module", "-S", "-emit-llvm", "-o", work / "whole.ll", cwd=work)
    module = Module((work / "whole.ll").read_text(), MACHINE.bits, MACHINE.big)
    start = (generate.HERE / "start.h").read_text().removeprefix(generate.LICENCE)
    text = f"{generate.LICENCE}{HEADER}\n{start}\n{Program(module, [ENTRY], NEEDS, HEADER).print()}"
    write(work / "userspace.c", text.encode())
    compiler = f"{LINUX[cpu].compiler}gcc"
    flags = [*PROCESSORS[cpu].c_flags, "-Os", "-ffreestanding", "-fno-builtin", "-fPIE", "-fvisibility=hidden",
             "-fno-stack-protector", "-ffunction-sections", "-fdata-sections", "-fomit-frame-pointer",
             "-fno-asynchronous-unwind-tables"]
    objects = []
    for source in (bridge / "start.c", work / "userspace.c"):
        objects.append(work / f"{source.stem}.o")
        run(compiler, *flags, "-Wall", "-c", "-o", objects[-1], source)
    run(compiler, *PROCESSORS[cpu].c_flags, "-nostdlib", "-pie", "-s", "-Wl,--gc-sections,--no-dynamic-linker,--build-id=none",
        "-Wl,-z,norelro,-e,_start", "-o", work / "userspace.elf", *objects)
    return work / "userspace.elf"


def build(cpu, folder, sources, bridge, stack):
    """FOLDER/userspace.elf, and FOLDER/userspace.flat, which a kernel without an MMU takes."""
    shutil.copy(compile_program(cpu, sources, bridge, folder / "objects"), folder / "userspace.elf")
    flat.convert_whole(folder / "userspace.elf", folder / "userspace.flat", stack)
