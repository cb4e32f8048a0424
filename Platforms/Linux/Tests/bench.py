#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""bench.py [TABLE...]: figures of the kernels, each from one run.

    speed    instructions per page read from a cold cache, by codec and cluster: page vectors, and the kernel's own decoders
             over a vmap that copies back
    size     kernel images and memory in use, by algorithm: page vectors, and the kernel's own decoders
    ram      the smallest memory in which a root is read whole, by CPU and decoder
    checks   linux.py --full
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
import guests  # noqa: E402
from guests import boot, kernels, machine, program, root  # noqa: E402

CODECS = {"lz4": ["-zlz4hc,12"], "lzma": ["-zlzma"], "deflate": ["-zdeflate,9"], "zstd": ["-zzstd,19"]}


def table(rows):
    widths = [max(len(str(row[i])) for row in rows) for i in range(len(rows[0]))]
    for row in rows:
        print("  ".join(str(cell).ljust(width) if i == 0 else str(cell).rjust(width)
                        for i, (cell, width) in enumerate(zip(row, widths))).rstrip())
    print(flush=True)


def sample(folder):
    """A tree with one file: text and machine code, both of the kernel."""
    tree = kernels.source("7.2")
    text = bytearray()
    for path in sorted((tree / "Documentation").rglob("*.rst")):
        text += path.read_bytes()
        if len(text) >= 1_500_000:
            break
    image = kernels.build("rv64", "stock").read_bytes()
    place = pathlib.Path(folder) / "sample"
    place.mkdir()
    (place / "file").write_bytes(text[:1_500_000] + image[:800_000])
    return place


def speed(folder, cpu):
    tree = sample(folder)
    images = []
    for codec, options in CODECS.items():
        for cluster in (4096, 65536):
            path = pathlib.Path(folder) / f"{codec}-{cluster >> 10}k"
            images.append((path.name, guests.image(path, tree, *options, f"-C{cluster}")))
    data = pathlib.Path(folder) / "data"
    base = root(folder, program(cpu, "timer"), [("images", guests.disk(data, images))])
    counts = {}
    for decoder in ("pages", "vmap"):
        output = boot(cpu, kernels.build(cpu, decoder, extra=("ramdisk",)), base, seconds=300, data=[data], icount=3,
                      append="nommu_vmap=copyback", arguments=machine.disk(cpu, 1))
        for name, way, pages, count in re.findall(r"TIME (\S+) (\S+) pages (\d+) instructions (\d+)", output):
            counts[decoder, name, way] = int(count) // int(pages)
        if "\nEND\n" not in output:
            sys.exit(f"the machine stopped:\n{output[-2000:]}")
    rows = [("instructions a page", "pages", "kernel's", "ratio", "pages, random", "kernel's", "ratio")]
    for name, _ in images:
        row = [name]
        for way in ("sequential", "random"):
            ours, theirs = counts["pages", name, way], counts["vmap", name, way]
            row += [f"{ours:,}", f"{theirs:,}", f"{ours / theirs:.2f}"]
        rows.append(row)
    print(f"{cpu}, Linux 7.2, -icount")
    table(rows)


def size(folder, cpu):
    rows = [("image, bytes", "pages", "kernel's", "less", "in use, pages", "kernel's")]
    for algorithms in (["lz4"], ["lz4", "lzma"], ["lz4", "deflate"], ["lz4", "zstd"], list(CODECS)):
        row = [" ".join(algorithms)]
        sizes, used = [], []
        # The root is of the last algorithm, so that its tables are there.
        base = root(folder, program(cpu, "reader"), [("images", b""), ("expected", b"")], CODECS[algorithms[-1]] + ["-C65536"])
        for decoder in ("pages", "vmap"):
            image = kernels.build(cpu, decoder, algorithms=tuple(algorithms))
            sizes.append(image.stat().st_size)
            output = boot(cpu, image, base, seconds=60, ram="16M")
            free = re.search(r"MemFree: *(\d+) kB", output)
            used.append(f"{(16 << 10) - int(free[1]):,} KiB" if free else "does not boot")
        rows.append([*row, *(f"{bytes:,}" for bytes in sizes), f"{sizes[1] - sizes[0]:,}", *used])
    print(f"{cpu}, Linux 7.2: kernel image; memory in use of 16M, kernel included")
    table(rows)


def boots(cpu, kernel, base, files, ram, append):
    output = boot(cpu, kernel, base, seconds=60, ram=ram, append=append)
    return f"right {files} wrong 0 failed 0\n" in output and "\nEND\n" in output and not re.search("allocation failure|Out of memory|panic|BUG", output)


def ram(folder, cpu):
    rows = [("smallest memory, KiB", "pages", "vmap", "vmap-copyback")]
    for codec in ("lz4", "lzma"):
        base, files = guests.readable_root(folder, cpu, [*CODECS[codec], "-C65536"])
        row = [f"{cpu} {codec} 64k"]
        for decoder in ("pages", "vmap", "vmap-copyback"):
            image = kernels.build(cpu, decoder.partition("-")[0])
            mode = f"nommu_vmap={decoder.partition('-')[2]}" if "-" in decoder else ""
            # Results near the limit are not monotonic, so every size is tried, from above, until one fails.
            least = None
            for kibibytes in range(4096, 2559, -128):
                if not boots(cpu, image, base, files, f"{kibibytes}K", mode):
                    break
                least = kibibytes
            row.append(f"{least:,}" if least else "over 4,096")
        rows.append(row)
    table(rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", choices=["rv64", "rv32"], default="rv64")
    parser.add_argument("tables", nargs="*", choices=[[], "speed", "size", "ram", "checks"])
    arguments = parser.parse_args()
    for name in arguments.tables or ("speed", "size", "ram", "checks"):
        if name == "checks":
            subprocess.run([sys.executable, guests.HERE / "linux.py", "--full"], check=True)
            continue
        with tempfile.TemporaryDirectory() as folder:
            {"speed": speed, "size": size, "ram": ram}[name](folder, arguments.cpu)


if __name__ == "__main__":
    main()
