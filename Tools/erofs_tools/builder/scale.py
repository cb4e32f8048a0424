# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Large trees: how the time and the memory that `erofs mkfs` takes grow with what it is given.

  Tools/run mkfs-scale [--files N] [--gigabytes N] [--tebibytes N] [PROGRAM]    the default is the one that the unit tests use

  files   a tenth of N small files, and N of them, not compressed, and with LZMA, all of it packed and without repetitions;
          mkfs.erofs 1.9.4 beside it, where that can be had
  sparse  a file of so many gigabytes in which a thousand places have 4 KiB of data
  holes   files of 8 TiB, and one of what is left, that have data at their ends only, so many TiB in all; in /dev/shm

What is in the last two is compared, as the running kernel shows it, with the files. That needs root, and a kernel with EROFS.
"""

import argparse
import os
import pathlib
import random
import shutil
import sys
import tempfile

from .. import images
from ..command import run
from ..project import ROOT, Failure
from ..results import Results
from .bench import measured
from .readers import can_mount

PACKED = ("-zlzma,6", "-C1048576", "-Eall-fragments,dedupe")
PER_FOLDER = 1000
# Other file systems have no files of so many bytes.
HUGE_FILES = pathlib.Path("/dev/shm")


def small_files(folder, count):
    """Files of 5 to 160 bytes, a thousand in a directory."""
    for number in range(count):
        if number % PER_FOLDER == 0:
            place = folder / f"{number // PER_FOLDER:05}"
            place.mkdir(parents=True)
        (place / f"file-{number}").write_text(f"{number} " * (1 + number % 20))


def sparse_file(path, size, pieces, seed=1):
    """A file of holes, but for `pieces` blocks of data.

    Returns their places."""
    chance = random.Random(seed)
    places = sorted({0, size - 4096} | {chance.randrange(size >> 12) << 12 for _ in range(pieces - 2)})
    with open(path, "wb") as file:
        for place in places:
            file.seek(place)
            file.write(chance.randbytes(4096))
        file.truncate(size)
    return places


def differs(one, other, places):
    """Whether files differ in size, in the blocks at `places`, or in those behind them."""
    if one.stat().st_size != other.stat().st_size:
        return f"{other}: {other.stat().st_size} bytes, not {one.stat().st_size}"
    with open(one, "rb") as wanted, open(other, "rb") as found:
        for place in places:
            if os.pread(wanted.fileno(), 8192, place) != os.pread(found.fileno(), 8192, place):
                return f"{other}: differs at byte {place}"
    return ""


def files(results, program, peer, folder, count):
    for number in (count // 10, count):
        tree = folder / "tree"
        small_files(tree, number)
        for options in ((), PACKED):
            for name, command in (("erofs mkfs", [program, "mkfs"]), ("mkfs.erofs 1.9.4", [peer])):
                # The other one takes ten minutes for a million, packed.
                if command[0] is None or (options and name != "erofs mkfs"):
                    continue
                image = folder / "image"
                took = results.attempt(f"{name} {' '.join(options)}, {number} files", measured,
                                       [*command, "--quiet", "-T0", *options, image, tree])
                if took is None:
                    continue
                seconds, cpu, memory = took
                print(f"    {seconds:.1f} s, of processors {cpu:.1f}, {seconds * 1e6 / number:.0f} us a file, "
                      f"{memory:.0f} MiB, image {image.stat().st_size / 1e6:.1f} MB", flush=True)
                image.unlink()
        shutil.rmtree(tree)


def holes(results, program, folder, name, sizes, pieces, option_sets, mounts):
    tree, mount = folder / "tree", folder / "mount"
    tree.mkdir()
    mount.mkdir()
    places = {}
    for number, size in enumerate(sizes):
        places[f"f{number}"] = sparse_file(tree / f"f{number}", size, pieces, number)
    for options in option_sets:
        image = folder / "image"
        what = f"{name}, {' '.join(options) or 'not compressed'}"
        took = results.attempt(what, measured, [program, "mkfs", "--quiet", "-T0", *options, image, tree])
        if took is None:
            continue
        seconds, cpu, memory = took
        print(f"    {seconds:.1f} s, of processors {cpu:.1f}, {memory:.0f} MiB, image {image.stat().st_size / 1e6:.1f} MB",
              flush=True)
        if mounts:
            run("mount", "-t", "erofs", "-o", "ro,loop", image, mount)
            try:
                wrong = [found for file in places if (found := differs(tree / file, mount / file, places[file]))]
                results.check(f"{what}: the kernel's files", not wrong, "; ".join(wrong))
            finally:
                run("umount", mount)
        image.unlink()
    shutil.rmtree(tree)
    mount.rmdir()


def has_room(sizes):
    """Whether files of terabytes can be made, and images of them."""
    try:
        with tempfile.TemporaryFile(dir=HUGE_FILES) as file:
            file.truncate(sum(sizes) + (1 << 30))
    except OSError:
        return False
    return True


def main():
    parser = argparse.ArgumentParser(prog="Tools/run mkfs-scale", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=pathlib.Path, default=ROOT / ".build-unit/release/erofs")
    parser.add_argument("--files", type=int, default=1_000_000)
    parser.add_argument("--gigabytes", type=float, default=20)
    parser.add_argument("--tebibytes", type=int, default=24)
    arguments = parser.parse_args()
    os.environ["LLVM_PROFILE_FILE"] = os.devnull
    results = Results(live=True)
    mounts = can_mount()
    if not mounts:
        results.skip("the kernel reads images of large files", "needs root and a kernel with EROFS")
    try:
        peer = images.peer().with_name("mkfs.erofs")
    except Failure as problem:
        peer = None
        print(f"without mkfs.erofs 1.9.4: {problem}", file=sys.stderr)
    program = arguments.program.resolve()
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        if arguments.gigabytes:
            size = int(arguments.gigabytes * 10**9) // 4096 * 4096
            holes(results, program, folder, f"{arguments.gigabytes:g} GB with holes", [size], 1000,
                  ((), ("--chunksize=1048576",), ("-zlz4hc", "-C65536", "-E48bit"), PACKED), mounts)
        if arguments.files:
            files(results, program, peer, folder, arguments.files)
    if arguments.tebibytes:
        whole, rest = divmod(arguments.tebibytes, 8)
        sizes = [8 << 40] * whole + [rest << 40] * (rest > 0)
        if has_room(sizes):
            with tempfile.TemporaryDirectory(dir=HUGE_FILES) as name:
                holes(results, program, pathlib.Path(name), f"{arguments.tebibytes} TiB of holes", sizes, 2,
                      (("-E48bit",), ("--chunksize=16777216",), ("-zlz4hc", "-C65536", "-E48bit")), mounts)
        else:
            results.skip(f"files of {arguments.tebibytes} TiB", f"{HUGE_FILES} is no file system that holds them")
    return results.end()
