# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds the firmware for every machine, boots it under QEMU, and holds it to what it promises.

    Tools/run firmware               for ./test: the last line counts what passed, failed and was skipped
    Tools/run firmware --machine M   only that machine (may be repeated)
    Tools/run firmware --all         every image in every configuration, rather than each in one of them on each machine
    Tools/run firmware --rounds N    broken images on each machine (1,000)
    Tools/run firmware --broken      nothing but broken images
"""

import argparse
import concurrent.futures
import os
import pathlib
import shutil
import tempfile

from .. import images
from ..project import Failure
from ..results import Results
from . import hostile, linking, made, reading, reports, variants
from .machines import MACHINES

PRODUCTS = ("TrapCheck", "Walk", "WalkBlocks", "Shell", "BadImages")


def check(machine, index, options, folder, rows, small, scratch):
    results = Results()
    if options.broken and machine.image is None:
        return results
    products = ("BadImages",) if options.broken else ("TrapCheck",) if machine.image is None else PRODUCTS
    try:
        programs = dict(zip(products, machine.build(*products)))
    except Failure as failure:
        results.check(machine.name, False, str(failure))
        return results
    if options.broken:
        results.add(hostile.broken(machine, programs, small, options.rounds))
        results.add(hostile.known(machine, programs, scratch))
        return results
    results.add(hostile.traps(machine, programs["TrapCheck"]))
    if machine.image is not None:
        results.add(reading.reading(machine, programs, folder, rows, index, options.all))
        results.add(reading.in_place(machine, programs, folder, rows))
        results.add(reading.memory(machine, programs, folder, rows))
        # The code is the reader's, the same for all machines.
        if machine.name == "cortex-m3":
            results.add(reading.flattened(machine, programs, folder, rows, scratch))
            results.add(variants.memory_limit(machine, programs, scratch))
        results.add(linking.shell(machine, programs, folder))
        results.add(hostile.broken(machine, programs, small, options.rounds))
        results.add(hostile.known(machine, programs, scratch))
        results.add(linking.examples(machine, scratch))
    print(f"  {machine.name}: {results.passed} passed, {len(results.failures)} failed")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", action="append", choices=MACHINES)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--broken", action="store_true")
    options = parser.parse_args()
    results = Results()
    chosen = [(index, machine) for index, machine in enumerate(MACHINES.values())
              if not options.machine or machine.name in options.machine]
    if missing := sorted({machine.qemu[0] for _, machine in chosen if not shutil.which(machine.qemu[0])}):
        results.skip("firmware under QEMU", f"no {', '.join(missing)}")
        return results.end()
    references = images.References()
    folder, rows = references.folder, reports.expected(references)
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = pathlib.Path(scratch)
        small = made.small_images(scratch)
        made.example_image(scratch)
        work = [(check, machine, index, options, folder, rows, small, scratch) for index, machine in chosen]
        if not options.machine and not options.broken:
            work += [(variants.codecs, folder, rows, scratch), (variants.basic_images, folder, rows, scratch),
                     (variants.small_system, scratch), (linking.documentation,), (linking.linking, scratch)]
        for each in pool.map(lambda task: task[0](*task[1:]), work):
            results.add(each)
    return results.end()
