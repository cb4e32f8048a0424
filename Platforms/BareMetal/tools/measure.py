#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What the firmware takes: flash, memory, instructions. Figures repeat: nothing here is timed.

    measure.py               print the table
    measure.py --machine M   only that machine (may be repeated; else all with room for an image)
    measure.py --check       hold the machines of ../firmware.txt to it; the last line counts what passed and failed
    measure.py --update      write ../firmware.txt from what is measured
"""

import argparse
import pathlib
import re
import shutil
import sys

from machines import BARE_METAL, MACHINES, SCRATCH, Failure, reference_images

from gate import Elf, rows

TABLE = BARE_METAL / "firmware.txt"
FILE = "/contents/text-150000"
IMAGES = {"LZ4": "lz4hc-64k-tail", "MicroLZMA": "lzma-1k-64k-tail", "DEFLATE": "libdeflate-32k-tail",
          "Zstandard": "zstd-48bit-64k"}
# What a table says may be exceeded by so much: a compiler's noise, not a feature.
SLACK = 1.01
WHAT = {
    "flash": "bytes of text, tables and first values of program Smallest: startup, reader, all codecs",
    "arena": "bytes that reading the file takes, from mapped flash",
    "stack": "bytes of stack, painted, for mounting, opening and reading",
    "per-byte": "instructions for each decoded byte, reader included, in hundredths",
}


def measure(machine):
    """{(figure, codec or -): value}"""
    smallest, program = machine.build("Smallest", "Measure")
    figures = {("flash", "-"): Elf(smallest).flash()}
    folder, _ = reference_images()
    for codec, name in IMAGES.items():
        image = folder / f"{name}.erofs"
        words = [f"image={machine.image},{image.stat().st_size}", f"path={FILE}"]
        status, output = machine.boot(program, words, [(image, machine.image)], extra=("-icount", "shift=0"))
        said = re.search(rb"arena (\d+), stack (\d+), variables \d+, bytes (\d+), instructions (\d+)", output)
        if status != 0 or not said:
            raise Failure(f"{machine.name}: {name}: status {status}: {output[-300:]}")
        arena, stack, count, instructions = map(int, said.groups())
        figures["arena", codec], figures["stack", codec] = arena, stack
        figures["per-byte", codec] = instructions * 100 // count
    return figures


def compare(machine, figures):
    """What is over the checked-in table, and how many figures were held to it."""
    table = {(figure, codec): int(value) for name, figure, codec, value in rows(TABLE) if name == machine.name}
    failures = [f"{machine.name}: {figure} of {codec} is {figures.get((figure, codec))}, the table says {value}"
                for (figure, codec), value in table.items() if not 0 < figures.get((figure, codec), 0) <= value * SLACK + 8]
    return failures, len(table)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", action="append", choices=MACHINES)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    names = options.machine or (
        list(dict.fromkeys(row[0] for row in rows(TABLE))) if options.check
        else [name for name, machine in MACHINES.items() if machine.image])
    if missing := {MACHINES[name].qemu[0] for name in names if not shutil.which(MACHINES[name].qemu[0])}:
        print(f"  SKIPPED firmware's figures: no {', '.join(sorted(missing))}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    SCRATCH.mkdir(exist_ok=True)
    measured, failures, held = {}, [], 0
    for name in names:
        try:
            measured[name] = measure(MACHINES[name])
        except Failure as failure:
            failures.append(str(failure))
            held += 1
            continue
        if options.check:
            failed, count = compare(MACHINES[name], measured[name])
            failures, held = failures + failed, held + count
    for figure, words in WHAT.items():
        print(f"  {figure}: {words}")
    for name, figures in measured.items():
        print(f"  {name:16}" + "".join(f"{codec:>12}" for codec in ("-", *IMAGES)))
        for figure in WHAT:
            values = [figures.get((figure, codec)) for codec in ("-", *IMAGES)]
            print(f"    {figure:14}" + "".join(f"{'' if v is None else v / 100 if figure == 'per-byte' else v:>12}" for v in values))
    if options.update:
        lines = ["# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0",
                 "# What the firmware takes: machine, figure, codec, value. Written by tools/measure.py --update, which says what",
                 "# the figures are; ./test firmware holds it to them."]
        old = {tuple(row[:3]): row[3] for row in rows(TABLE)} if TABLE.exists() else {}
        old |= {(name, figure, codec): value for name, figures in measured.items() for (figure, codec), value in figures.items()}
        lines += ["%-12s %-10s %-10s %8s" % (*key, value) for key, value in old.items()]
        TABLE.write_text("\n".join(lines) + "\n")
    for failure in failures:
        print(f"  FAILED {failure}")
    if options.check:
        print(f"{held - len(failures)} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
