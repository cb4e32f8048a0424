# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds the programs for all processors in a folder and tests them. The last line counts.

    Tools/run userspace [--folder FOLDER] [--seed N] [PART...]

On this machine they are compared with dash and GNU's tools (compare), given hostile input (hostile), typed at (terminal) and
shown trees and devices that are hard (trees); for other processors the commands are compared, under QEMU's user emulation,
where a program cannot start another one. Without a name all parts run, which hold the roots of rv32 to their size, too. The
programs on a kernel without an MMU are for `Tools/run linux`.
"""

import argparse
import concurrent.futures
import os
import pathlib
import platform
import random
import shutil

from ..processors import PROCESSORS
from ..project import ROOT
from ..results import Results
from . import build, compare, hostile, terminal, trees

# The root file system of rv32, as its README promises it.
LIMIT = 65536


def on_host(results, folder, parts, seed):
    """All that the programs do, on this machine."""
    if (platform.machine(), platform.system()) != ("x86_64", "Linux"):
        results.skip("userspace against dash and GNU", "this machine does not run x86-64 programs for Linux")
    elif not os.access("/bin/dash", os.X_OK):
        results.skip("userspace against dash and GNU", "there is no dash")
    else:
        checks = {"compare": lambda: compare.check(folder), "hostile": lambda: hostile.check(folder, 15, seed),
                  "terminal": lambda: terminal.check(folder), "trees": lambda: trees.check(folder)}
        for name in parts:
            one = checks[name]()
            print(f"  {name}{f' (seed {seed})' if name == 'hostile' else ''}: {one.counts()}", flush=True)
            results.add(one)


def sizes(results, folder):
    print(f"  rv32: program {(folder / 'userspace').stat().st_size} bytes")
    for name in ("root.erofs", "root-lzma.erofs"):
        size = (folder / name).stat().st_size
        print(f"  rv32: {name}: {size} bytes")
        results.check(f"{name} of rv32", size <= LIMIT, f"has {size} bytes, more than {LIMIT}")


PARTS = ("compare", "hostile", "terminal", "trees")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / ".build-userspace")
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    parser.add_argument("--case", type=int, action="append", help="of cases.txt, the line that it begins on; shows what it says")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS])
    arguments = parser.parse_args()
    folder, results = arguments.folder.resolve(), Results()
    here = arguments.parts or arguments.case
    cpus = ["x86_64"] if here else build.CPUS
    # One compiler for each processor of this machine: a program is compiled as a whole, by one thread.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        made = {cpu: pool.submit(build.build, cpu, folder / cpu) for cpu in cpus}
    built = [cpu for cpu in cpus if results.attempt(f"the userspace builds for {cpu}", made[cpu].result,
                                                    default=False) is not False]
    if "x86_64" in built:
        if arguments.case:
            results.add(compare.check(folder / "x86_64", numbers=arguments.case, verbose=True))
        else:
            on_host(results, folder / "x86_64", arguments.parts or PARTS, arguments.seed)
    for cpu in built:
        emulator = PROCESSORS[cpu].user.split()
        if emulator and not shutil.which(emulator[0]):
            results.skip(f"userspace for {cpu}", f"there is no {emulator[0]}")
        elif emulator:
            one = compare.check(folder / cpu, emulator)
            print(f"  {cpu} against GNU: {one.counts()}", flush=True)
            results.add(one)
    if "rv32" in built:
        sizes(results, folder / "rv32")
    return results.end()
