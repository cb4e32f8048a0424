# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The decoders and the virtual map as C beside Swift's objects, Linux's decoders in C, and the C libraries: ./bench c

Bytes of text, with the tables, of the four decoders and of the map, and instructions for each decoded byte of text under QEMU,
contiguous. -Os* is -Os without three optimizations of GCC's, which firmware may leave out (Documentation/Firmware.md). Below, what
of the C is over Swift's object of that processor by more than 5 %. `./bench c --write` puts the figures into
Platforms/C/figures.txt. Linux's decoders are those of the source that `./test linux` unpacks; the C libraries are liblz4, liblzma,
libdeflate and libzstd, whose text is not counted, as most of it is for compressing.
"""

import argparse
import pathlib
import re
import subprocess
import tempfile

from .. import codecs
from ..command import run
from ..firmware import peers
from ..kernel import objects
from ..project import BARE_METAL, ROOT, Failure
from . import corpora, generate, vectors

HERE = ROOT / "Platforms/C/bench"
TABLE = ROOT / "Platforms/C/figures.txt"
KERNEL = ROOT / "Platforms/Linux/Kernel/fs-erofs"
# The compiler, QEMU's command, and the name that the Swift objects of the same processor have.
PROCESSORS = {
    "cortex-m3": ("arm-none-eabi-gcc -mcpu=cortex-m3 -mthumb", "qemu-arm", "cortex-m3"),
    "rv32": ("riscv64-unknown-elf-gcc -march=rv32imac -mabi=ilp32", "qemu-riscv32", "rv32"),
    "rv64": ("riscv64-unknown-elf-gcc -march=rv64imac -mabi=lp64 -mcmodel=medany", "qemu-riscv64", "rv64"),
    # Big-endian: Swift does not know it.
    "68020": ("m68k-linux-gnu-gcc -mcpu=68020", "qemu-m68k", None),
    "x86-64": ("gcc", "qemu-x86_64", "x86-64"),
}
COMMON = ["-ffreestanding", "-fno-pie", "-fno-stack-protector", "-fno-asynchronous-unwind-tables", "-ffunction-sections",
          "-fdata-sections", "-w"]
# Of all that GCC does at -Os, DEFLATE on RISC-V is the slower for these.
WITHOUT = ["-fno-tree-dominator-opts", "-fno-code-hoisting", "-fno-tree-reassoc"]
SMALL = {"C, -Os": ["-Os"], "C, -Os*": ["-Os", *WITHOUT]}
NAMES = {"lz4": "LZ4", "lzma": "MicroLZMA", "deflate": "Deflate", "zstd": "Zstandard"}


def text(command, *paths):
    """Bytes of code and constants of objects."""
    lines = run(command.split()[0].removesuffix("gcc") + "size", *paths).splitlines()[1:]
    return sum(int(line.split()[0]) for line in lines)


def limit(file, compiler, options):
    """Bytes of text that the table has for a file that is compiled like this; None where it has none."""
    for processor, (command, _, _) in PROCESSORS.items():
        if file == "erofs_pages.c" and f"{compiler} {options.removeprefix('-Os ')}" == command and TABLE.exists():
            found = re.search(rf"^{processor}: C, -Os +(\d+) ", TABLE.read_text(), re.MULTILINE)
            return int(found[1]) if found else None
    return None


class Bench:
    def __init__(self, work):
        self.work, self.plugin, self.linux = work, work / "count.so", peers.source()
        run("gcc", "-O2", "-shared", "-fPIC", HERE / "count.c", "-o", self.plugin)
        data = vectors.sources()[0]
        (work / "decoded").write_bytes(data)
        self.bytes = len(data)
        for word, encode in vectors.ENCODERS.items():
            (work / f"{word}.stored").write_bytes(encode(data))
        self.c = work / "c"
        part = [part for part in generate.parts() if part.name != "erofs"]
        generate.all_ir(part, work / "ir")
        generate.print_all(part, work / "ir", self.c)

    def compile(self, command, source, target, *options):
        run(*command.split(), *COMMON, *options, "-c", source, "-o", target)
        return target

    def instructions(self, processor, word, pieces, *options):
        """Instructions for each byte: of two rounds without those of one."""
        command, qemu, _ = PROCESSORS[processor]
        counts = []
        data = self.compile(command, HERE / "data.S", self.work / "data.o", f'-DSTORED="{self.work / word}.stored"',
                            f'-DDECODED="{self.work / "decoded"}"')
        copies = [self.compile(command, BARE_METAL / "MemoryFunctions/memory.c", self.work / "memory.o", "-Os",
                               "-I", BARE_METAL / "MemoryFunctions/include", "-fno-tree-loop-distribute-patterns")]
        for rounds in (1, 2):
            main = self.compile(command, HERE / "decode.c", self.work / "main.o", "-O2", f"-DROUNDS={rounds}", *options)
            program = self.work / "decode"
            # Without a libc, but where there is one to compare with.
            alone = ["-nostdlib", "-Wl,-e,_start"] if command != "gcc" else []
            run(*command.split(), *alone, "-static", "-no-pie", "-Wl,--gc-sections,--build-id=none", main, data, *pieces,
                *(copies if alone else []), "-lgcc", "-o", program)
            done = subprocess.run([*qemu.split(), "-plugin", self.plugin, program], capture_output=True, text=True, timeout=120)
            found = re.search(r"instructions (\d+)", done.stderr)
            if done.returncode or not found:
                raise Failure(f"{processor}: {word}: status {done.returncode} {done.stderr[-300:]}")
            counts.append(int(found[1]))
        return (counts[1] - counts[0]) / self.bytes

    def ours(self, processor, pieces):
        return [self.instructions(processor, codec.word, pieces, f"-DDECODE=erofs_pages_{codec.word}", "-I", KERNEL)
                for codec in codecs.KERNEL]

    def swift(self, processor):
        """Swift's objects of a processor: that of the decoders, and what it needs, and that of the map."""
        folder = self.work / f"swift-{processor}"
        if processor == "x86-64":
            made = corpora.swift_objects(folder, ("erofs_pages", "nommu_vmap_core"))
            return made["erofs_pages"], made["nommu_vmap_core"][:1]
        objects.build(processor, folder, lambda text: None)
        return [folder / f"pages-{'-'.join(codec.word for codec in codecs.KERNEL)}.o"], [folder / "vmap.o"]

    def rows(self, processor):
        """Who, bytes of the decoders and of the map, and instructions for each codec."""
        command, _, swift = PROCESSORS[processor]
        for who, options in {**SMALL, "C, -O2": ["-O2"]}.items():
            path, vmap = (self.compile(command, self.c / f"{name}.c", self.work / f"{name}.o", *options, "-std=c11")
                          for name in ("erofs_pages", "nommu_vmap_core"))
            yield who, text(command, path), text(command, vmap), self.ours(processor, [path])
        if swift:
            paths, vmap = self.swift(swift)
            yield "Swift", text(command, paths[0]), text(command, *vmap), self.ours(processor, paths)
        if processor == "x86-64":
            yield "C libraries", None, None, [
                self.instructions(processor, codec.word, [f"-l{codec.word}"], f"-DLIBRARY={codec.id}")
                for codec in codecs.KERNEL]
            return
        for optimisation in ("-O2", "-Os") if self.linux else ():
            total, figures = 0, []
            for codec in codecs.KERNEL:
                number, sources, own = peers.PEERS[NAMES[codec.word]]
                options = ["-I", peers.headers(self.linux, own, self.work / f"include-{codec.word}"), "-D__KERNEL__",
                           "-DCONFIG_XZ_DEC_MICROLZMA", "-DXZ_DEC_SINGLE", "-DZSTD_DISABLE_ASM=1", f"-DPEER={number}",
                           *([] if swift is None else ["-D__LITTLE_ENDIAN=1234"]),
                           "-include", BARE_METAL / "peers/kernel.h", "-I", BARE_METAL / "peers", "-fbuiltin"]
                pieces = [self.compile(command, self.linux / name, self.work / f"linux-{codec.word}-{index}.o", optimisation,
                                       *options) for index, name in enumerate(sources)]
                total += text(command, *pieces)
                figures.append(self.instructions(processor, codec.word, pieces, *options))
            yield f"Linux, {optimisation}", total, None, figures


def table(bench, chosen):
    yield f"{'':22}{'text':>8}{'vmap':>8}" + "".join(f"{codec.word:>9}" for codec in codecs.KERNEL)
    over = {small: [] for small in SMALL}
    for processor in chosen:
        rows = {}
        for who, size, vmap, figures in bench.rows(processor):
            rows[who] = [size, vmap, *figures]
            yield f"{processor + ': ' + who:22}{size or '':>8}{vmap or '':>8}" + "".join(f"{figure:>9.2f}" for figure in figures)
        for small, found in over.items():
            for name, c, swift in zip(("text", "vmap", *NAMES), rows[small], rows.get("Swift", ())):
                if c > swift * 1.05:
                    found.append(f"{processor} {name} {(c / swift - 1) * 100:.0f} %")
    yield f"-Os*: -Os {' '.join(WITHOUT)}"
    for small, found in over.items():
        yield f"{small}, over Swift by more than 5 %: {', '.join(found) or 'nothing'}"


def main():
    parser = argparse.ArgumentParser(prog="bench c", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="puts the figures into Platforms/C/figures.txt")
    parser.add_argument("processors", nargs="*", metavar="PROCESSOR", help=f"{', '.join(PROCESSORS)}: all of them")
    arguments = parser.parse_args()
    lines = []
    with tempfile.TemporaryDirectory() as work:
        for line in table(Bench(pathlib.Path(work)), arguments.processors or PROCESSORS):
            print(line, flush=True)
            lines.append(line)
    if arguments.write:
        head = "\n".join(f"# {line}".rstrip() for line in __doc__.strip().split("\n")[:1])
        TABLE.write_text(f"# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0\n{head}\n" + "\n".join(lines) + "\n")
