# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The decoders of Linux, in C, built for the same processors and run on the same extents as ours."""

import re
import struct

from ..command import run
from ..project import BARE_METAL, CACHE, Failure
from ..toolchain import tool
from .machines import SCRATCH
from .shared import NO_IMAGE

MACHINE_SOURCES = ("MemoryFunctions/memory", "MemoryFunctions/arithmetic", "Machine/prepare", "Machine/startup-arm",
                   "Machine/startup-riscv")
# By number of the algorithm: sources, and headers that are the decoder's own; all others are peers/kernel.h.
PEERS = {
    "LZ4": (0, ["lib/lz4/lz4_decompress.c"], ["lz4.h"]),
    "MicroLZMA": (1, ["lib/xz/xz_dec_lzma2.c"], ["xz.h"]),
    "Deflate": (2, [f"lib/zlib_inflate/{name}.c" for name in ("inflate", "inffast", "inftrees")],
                ["zlib.h", "zutil.h", "zconf.h"]),
    "Zstandard": (3, [f"lib/zstd/common/{name}.c" for name in ("entropy_common", "error_private", "fse_decompress", "zstd_common")]
                  + [f"lib/zstd/decompress/{name}.c" for name in ("huf_decompress", "zstd_ddict", "zstd_decompress",
                                                                  "zstd_decompress_block")]
                  + ["lib/xxhash.c"], ["zstd.h", "zstd_lib.h", "zstd_errors.h", "xxhash.h"]),
}
# Where the list of extents lies: behind the image.
LIST = 0x400000


def source():
    """The unpacked source of Linux that `./test linux` fetches, or None."""
    found = sorted(path for path in (CACHE / "linux").glob("source-*") if (path / "lib/xz/xz_dec_lzma2.c").exists())
    return found[-1] if found else None


def headers(linux, own, folder):
    """Fills a folder with the headers that the decoders include: theirs from Linux, ours for the rest."""
    stand_in = f'#include "{BARE_METAL}/peers/kernel.h"\n'
    wanted = ["linux/" + name for name in (
        "bitops compiler errno init kernel limits math64 module printk slab stddef string swab types unaligned vmalloc").split()]
    for name in [*wanted, "asm/page.h"]:
        path = folder / (name if name.endswith(".h") else name + ".h")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(stand_in)
    for name in own:
        (folder / "linux" / name).write_bytes((linux / "include/linux" / name).read_bytes())
    return folder


def build(machine, codec, linux, optimisation):
    """A program that decodes extents of `codec`."""
    number, sources, own = PEERS[codec]
    folder = SCRATCH / "peers" / machine.name / f"{codec}{optimisation}"
    folder.mkdir(parents=True, exist_ok=True)
    common = [tool("clang"), "-target", machine.triple, *machine.c_flags, "-ffreestanding", "-fno-builtin", "-w",
              "-ffunction-sections", "-fdata-sections", "-fno-stack-protector", "-fno-pic", "-I", BARE_METAL / "Machine/include"]
    # As Linux has it, and without its tables for compressing; the zlib of a mainframe is not asked for.
    peer = ["-I", headers(linux, own, folder / "include"), "-D__KERNEL__", "-DCONFIG_XZ_DEC_MICROLZMA", "-DXZ_DEC_SINGLE",
            "-DZSTD_DISABLE_ASM=1",
            f"-DPEER={number}", f"-DIMAGE={machine.image:#x}u", f"-DLIST={machine.image + LIST:#x}u",
            "-include", BARE_METAL / "peers/kernel.h", "-fbuiltin", optimisation]
    objects = []
    for path, flags in [(linux / name, peer) for name in sources] + [(BARE_METAL / "peers/decode.c", peer)] + [
            (BARE_METAL / f"{name}.c", ["-Os"]) for name in MACHINE_SOURCES]:
        objects.append(folder / f"{path.stem}.o")
        run(*common, *flags, "-c", path, "-o", objects[-1])
    script = "virt.ld" if machine.name.startswith("rv") else "mps2.ld"
    program = folder / "decode"
    run(tool("ld.lld"), "--gc-sections", "-static", "-L", BARE_METAL / "linker", "-T", script, NO_IMAGE, *objects, "-o", program)
    return program


def measure(machine, codec, image, extents, linux, optimisation="-O2"):
    """Instructions for each decoded byte, in hundredths, and the hash of what was decoded."""
    program = build(machine, codec, linux, optimisation)
    listed = SCRATCH / "peers" / f"{machine.name}-{codec}.extents"
    listed.write_bytes(struct.pack("<I", len(extents)) + b"".join(struct.pack("<5I", *extent) for extent in extents))
    loads = [(image, machine.image), (listed, machine.image + LIST)]
    status, output = machine.boot(program, [], loads, extra=("-icount", "shift=0"))
    said = re.search(rb"bytes (\d+), instructions (\d+), hash (\d+)", output)
    if status != 0 or not said:
        raise Failure(f"{machine.name}: C's {codec}: status {status}: {output[-200:]}")
    count, instructions, digest = map(int, said.groups())
    return instructions * 100 // count, count, digest
