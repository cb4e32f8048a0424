# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What the firmware takes: flash, memory, instructions. Figures repeat: nothing here is timed.

    Tools/run measure               print the table, and hold all of it to Platforms/BareMetal/firmware.txt
    Tools/run measure --machine M   only that machine (may be repeated; else all with room for an image)
    Tools/run measure --check       for ./test: less of it; the last line counts what passed and failed
    Tools/run measure --update      write that file from what is measured

Each program is built with one codec, and once with all of them. --check builds all of them for one machine, and those with
LZ4 for the others: what concerns one codec differs from there by no more than the processors do.
"""

import argparse
import concurrent.futures
import os
import re
import shutil

from .. import images
from ..elf import Elf
from ..project import BARE_METAL, Failure, rows
from ..results import Results
from . import peers
from .machines import BASIC, CODECS, MACHINES, SMALLEST

TABLE = BARE_METAL / "firmware.txt"
FILE = "/contents/text-150000"
IMAGES = {name: codec.image for name, codec in CODECS.items()}
BUILDS = (*CODECS, "All")
NAMES = [name for name, machine in MACHINES.items() if machine.image]
# The builds that --check holds to the table.
HELD = {name: BUILDS if name == "cortex-m3" else BUILDS[:1] for name in NAMES}
# What a table says may be exceeded by so much: a compiler's noise, not a feature.
SLACK = 1.01
WHAT = {
    "flash": "bytes of text, tables and first values of program Smallest: startup, reader, codec",
    "basic": "those with the trait BasicImages",
    "arena": "bytes of arena that reading a file whole takes, from mapped flash, its bytes decoded where they are wanted",
    "stack": "bytes of stack, painted, for mounting, opening and reading; the file system itself lies there too",
    "ram": "both together, and variables: all but the image and the file's own bytes",
    "per-byte": "instructions for each decoded byte, reader included",
    "c-per-byte": "those of Linux's decoder in C (-O2) with this memcpy, for the same extents one after another, without a reader",
}


def compare_with_c(machine, codec, program, words, image, linux):
    """Hundredths of an instruction for each byte that Linux's decoder takes; it must decode the same bytes."""
    status, output = machine.boot(program, [*words, "extents=1"], [(image, machine.image)])
    extents = [tuple(map(int, line.split()[1:])) for line in output.decode().splitlines() if line.startswith("extent ")]
    if status != 0 or not extents:
        raise Failure(f"{machine.name}: no extents of {image.stem}: {output[-200:]}")
    value, count, digest = peers.measure(machine, codec, image, extents, linux)
    return value, (count, digest)


def measure(machine, builds, linux=None):
    """{(figure, codec or All): value}"""
    figures, decoded = {}, {}
    references = images.References()
    for codec in builds:
        traits = [*(CODECS if codec == "All" else (codec,)), *SMALLEST]
        smallest, program = machine.build_shared("Smallest", "Measure", traits=traits)
        figures["flash", codec] = Elf(smallest).flash()
        figures["basic", codec] = Elf(*machine.build_shared("Smallest", traits=[*traits, BASIC])).flash()
        if codec == "All":
            continue
        image = references.image(IMAGES[codec])
        if not image:
            raise Failure(f"{IMAGES[codec]} is not among the images that come with the project: set EROFS_SHARED")
        words = [f"image={machine.image},{image.stat().st_size}", f"path={FILE}"]
        status, output = machine.boot(program, words, [(image, machine.image)], extra=("-icount", "shift=0"))
        said = re.search(rb"arena (\d+), stack (\d+), variables (\d+), bytes (\d+), instructions (\d+)", output)
        if status != 0 or not said:
            raise Failure(f"{machine.name}: {image.stem}: status {status}: {output[-300:]}")
        arena, stack, variables, count, instructions = map(int, said.groups())
        figures["arena", codec], figures["stack", codec] = arena, stack
        figures["ram", codec] = arena + stack + variables
        figures["per-byte", codec] = instructions * 100 // count
        if linux:
            figures["c-per-byte", codec], decoded[codec] = compare_with_c(machine, codec, program, words, image, linux)
    # The images hold the same file.
    if len(set(decoded.values())) > 1:
        raise Failure(f"{machine.name}: C's decoders do not agree: {decoded}")
    return figures


def compare(machine, figures, builds):
    """What is over the checked-in table, and how many figures were held to it."""
    table = {(figure, codec): int(value) for name, figure, codec, value in rows(TABLE)
             if name == machine.name and codec in builds and not figure.startswith("c-")}
    failures = [f"{machine.name}: {figure} of {codec} is {figures.get((figure, codec))}, the table says {value}"
                for (figure, codec), value in table.items()
                if not 0 <= figures.get((figure, codec), -1) <= value * SLACK + 8]
    if not table:
        failures.append(f"{machine.name}: the table says nothing of it")
    return failures, max(1, len(table))


def show(measured):
    for figure, words in WHAT.items():
        print(f"  {figure}: {words}")
    for name, figures in measured.items():
        print(f"  {name:16}" + "".join(f"{codec:>12}" for codec in BUILDS))
        for figure in WHAT:
            values = [figures.get((figure, codec)) for codec in BUILDS]
            texts = ["" if v is None else f"{v / 100:.2f}" if figure.endswith("per-byte") else str(v) for v in values]
            print(f"    {figure:14}" + "".join(f"{text:>12}" for text in texts))


def update(measured):
    lines = ["# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0",
             "# What the firmware takes: machine, figure, codec, value. Written by Tools/run measure --update, which says what",
             "# the figures are. ./test firmware holds cortex-m3 to them, and the builds with LZ4 on the others; "
             "./bench firmware all."]
    table = {tuple(row[:3]): row[3] for row in rows(TABLE)}
    table |= {(name, *key): value for name, figures in measured.items() for key, value in figures.items()}
    lines += ["%-12s %-10s %-10s %8s" % (*key, table[key]) for key in sorted(table, key=lambda key: (
        NAMES.index(key[0]), BUILDS.index(key[2]), list(WHAT).index(key[1])))]
    TABLE.write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", action="append", choices=NAMES)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--update", action="store_true")
    options = parser.parse_args()
    names = options.machine or NAMES
    results = Results()
    if missing := sorted({MACHINES[name].qemu[0] for name in names if not shutil.which(MACHINES[name].qemu[0])}):
        results.skip("firmware's figures", f"no {', '.join(missing)}")
        return results.end()
    references = images.References()
    if options.check and not all(references.image(name) for name in IMAGES.values()):
        results.skip("firmware's figures", "not all images are among those that come with the project")
        return results.end()
    linux = None if options.check else peers.source()
    if not linux and not options.check:
        print("  (no decoders in C beside ours: ./test linux or ./bench linux fetches the source of Linux)")
    measured, failures, held = {}, [], 0
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        builds = {name: HELD[name] if options.check else BUILDS for name in names}
        made = {name: pool.submit(measure, MACHINES[name], builds[name], linux) for name in names}
        for name in names:
            try:
                measured[name] = made[name].result()
            except Failure as failure:
                failures.append(str(failure))
                held += 1
                continue
            if not options.update:
                failed, count = compare(MACHINES[name], measured[name], builds[name])
                failures, held = failures + failed, held + count
    show(measured)
    if options.update:
        update(measured)
    results.table(max(held, 1), failures)
    return results.end()
