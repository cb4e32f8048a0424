# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""./bench linux [--cpu CPU] [TABLE...]: figures of the kernels, each from one run.

    speed    instructions per page read from a cold cache, by codec and cluster: page vectors, and the kernel's own decoders
             over a vmap that copies back
    size     kernel images and memory in use at the prompt, by algorithm: page vectors, and the kernel's own decoders
    ram      the smallest memory in which a root comes to the prompt and is read whole, by CPU, decoder and codec
    stacks   how much of its kernel stack the process that used most of it used, by codec; of rv64 and m68k
    checks   Tools/run linux --full: all images, races of five minutes, 200 broken images a decoder, 20 boots
"""

import argparse
import pathlib
import re
import subprocess
import tempfile

from .. import images
from ..command import run
from ..processors import LINUX
from ..project import ROOT, Failure
from . import build as kernels
from . import guests, instructions, linux, machine
from .guests import CODECS, boot


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def speed(folder, cpu):
    counts = instructions.a_page(folder, cpu)
    rows = [("instructions a page", "pages", "kernel's", "ratio", "pages, random", "kernel's", "ratio")]
    for name in dict.fromkeys(name for _, name, _ in counts):
        row = [name]
        for way in ("sequential", "random"):
            ours, theirs = counts["pages", name, way], counts["vmap", name, way]
            row += [f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f}"]
        rows.append(row)
    print(f"{cpu}, Linux 7.2, -icount")
    table(rows)


def image_bytes(folder, cpu, image):
    """What a boot loader writes to flash or memory: of a kernel that is linked only, without its names."""
    if LINUX[cpu].image == "vmlinux":
        own = pathlib.Path(folder) / "binary"
        run(f"{LINUX[cpu].compiler}objcopy", "-O", "binary", image, own)
        image = own
    return image.stat().st_size


def size(folder, cpu):
    rows = [("bytes; KiB", "image: pages", "kernel's", "loaded: pages", "kernel's", "less", "in use: pages", "kernel's")]
    binutils = LINUX[cpu].compiler
    first, *others = CODECS
    for algorithms in ([first], *([first, other] for other in others), list(CODECS)):
        sizes, loaded, used = [], [], []
        # The root is of the last algorithm, so that its tables are there.
        base = images.make(pathlib.Path(folder) / "root.erofs", machine.userspace(cpu) / "root", *CODECS[algorithms[-1]],
                            "-C65536", "-Eztailpacking")
        for decoder in ("pages", "vmap"):
            image = kernels.build(cpu, decoder, algorithms=tuple(algorithms))
            sizes.append(image_bytes(folder, cpu, image))
            # Text, data and what begins as zeros: an image is padded between them.
            loaded.append(int(run(f"{binutils}size", kernels.vmlinux(image)).splitlines()[1].split()[3]))
            output = boot(cpu, image, base, seconds=linux.HANGS, ram="8M", commands=["free"], append="quiet")
            # total used free shared cache available. What a cache holds can be had back.
            free = re.search(r"Mem: +\d+ +\d+ +(\d+) +\d+ +(\d+) +\d+", output)
            used.append(f"{(8 << 10) - int(free[1]) - int(free[2]):,}" if free else "does not boot")
        rows.append([" ".join(algorithms), *(f"{bytes:,}" for bytes in [*sizes, *loaded]), f"{loaded[1] - loaded[0]:,}", *used])
    print(f"{cpu}, Linux 7.2: kernels (image, and text, data and zeros as loaded), and at the prompt of 8 MiB what is in use, the "
          "kernel included, without what is only cached")
    table(rows)


def ram(folder, cpu):
    rows = [("smallest memory, KiB", "pages", "vmap", "vmap-copyback")]
    for codec in ("lz4", "lzma"):
        row = [f"{cpu} {codec} 64k"]
        for decoder in ("pages", "vmap", "vmap-copyback"):
            # Results near the limit are not monotonic, so every size is tried, from above, until one fails.
            least = None
            for kibibytes in (12288, 10240, 8192, 7168, 6144, 5632, 5120, *range(4608, 2047, -64)):
                right, _, _ = linux.prompt(folder, cpu, decoder, codec, f"{kibibytes}K", 3, seconds=120)
                if right != 3:
                    break
                least = kibibytes
            row.append(f"{least:,}" if least else "over 12,288")
        rows.append(row)
    print(f"{cpu}: 3 boots of 3 at that size and at every size above it, in steps of 64 KiB up to 4,608 and of 512 to 2,048 "
          "up to 12,288")
    table(rows)


# Where stacks are measured, and with how much memory: those of rv64 were made smaller, ColdFire's are a page. Both have 8 KiB.
STACKED = {"rv64": "3584K", "m68k": "8M"}


def stacks(folder, cpu):
    if cpu not in STACKED:
        return
    rows = [("bytes of kernel stack", "size", "most used", "thread")]
    kernel = kernels.build(cpu, "pages", extra=("stacks",))
    for codec, options in CODECS.items():
        base, _ = guests.userspace_root(folder, cpu, [*options, "-C65536", "-Eztailpacking"])
        # A thread that ends says so where it is the one that went deepest so far: each of these is a process.
        output = boot(cpu, kernel, base, seconds=linux.HANGS, ram=STACKED[cpu], append="loglevel=8",
                      commands=["sum -b /files >/dev/null", "cat /files/all >/dev/null"])
        left = [(int(found[2]), found[1]) for found in
                re.finditer(r"(\S+) \(\d+\) used greatest stack depth: (\d+) bytes left", output)]
        if not left:
            raise Failure(f"no thread said what it has left:\n{output[-2000:]}")
        least, thread = min(left)
        rows.append([codec, "8,192", f"{8192 - least:,}", thread])
    table(rows)


TABLES = {"speed": speed, "size": size, "ram": ram, "stacks": stacks}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", choices=LINUX, help="only this one; all of them without it")
    parser.add_argument("tables", nargs="*", choices=[[], *TABLES, "checks"])
    arguments = parser.parse_args()
    for name in arguments.tables or (*TABLES, "checks"):
        if name == "checks":
            subprocess.run([ROOT / "Tools/run", "linux", "--full"], check=True)
            continue
        for cpu in [arguments.cpu] if arguments.cpu else LINUX:
            with tempfile.TemporaryDirectory() as folder:
                TABLES[name](folder, cpu)
