# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run mount-bench [--quick] [--rounds N] [--erofs PROGRAM] [IMAGE...]: `erofs mount` against erofsfuse and the kernel's
own EROFS, in turns.

Each figure is of a fresh mount, with the image's own pages evicted from the page cache. What is measured:

  tar      seconds to read everything in the order of the tree, by tar
  random   reads of 4 KiB in a second, at random places of files of 256 KiB and more, without readahead; of a fresh mount
  again    the same at other places after that, when a daemon's caches are full; the kernel has none of these pages
  find     seconds to list all names with their types
  ls       seconds to list all names with their attributes
  cpu      seconds of processors that the daemon used for tar
  memory   the most memory that the daemon had resident after tar and random reads, in MiB

As root, where /dev/fuse is. Ratios are round by round, erofs to the other; the table has their medians.
"""

import argparse
import os
import pathlib
import random
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from .. import images
from ..command import run, say
from ..project import CACHE, INSTALL, Failure

CODECS = {
    "lz4hc": ["-zlz4hc", "-C65536"],
    "deflate": ["-zdeflate,9", "-C65536"],
    "zstd": ["-zzstd", "-C65536"],
    "lzma": ["-zlzma", "-C65536"],
    "lz4hc, 1 MiB": ["-zlz4hc", "-C1048576"],
    "zstd, 1 MiB": ["-zzstd", "-C1048576"],
    "lzma, 1 MiB": ["-zlzma", "-C1048576"],
    "lzma, all fragments, 1 MiB": ["-zlzma", "-C1048576", "-Eall-fragments"],
}
QUICK = ["lz4hc"]
LARGE = 256 << 10
READ = 4096
# A random read of a large pcluster may take a tenth of a second without a cache.
MOST_READS, MOST_SECONDS = 4000, 10


class Mount:
    """An image, mounted in one way."""

    def __init__(self, way, command, image, directory):
        self.way, self.image, self.directory = way, image, directory
        evict(image)
        if way == "kernel":
            run("mount", "-t", "erofs", "-o", "ro,loop", image, directory)
            self.daemon = None
            return
        self.daemon = subprocess.Popen([*command, "-f", str(image), str(directory)], stdin=subprocess.DEVNULL,
                                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        end = time.monotonic() + 30
        while not os.path.ismount(directory):
            if self.daemon.poll() is not None or time.monotonic() > end:
                self.daemon.kill()
                raise Failure(f"{way} does not mount {image}")
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        run("umount", self.directory)
        if self.daemon:
            self.daemon.wait(30)

    def memory(self):
        """The most that was resident, in MiB."""
        if not self.daemon:
            return None
        status = pathlib.Path(f"/proc/{self.daemon.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) / 1024

    def processor(self):
        """Seconds of processors that the daemon has used."""
        if not self.daemon:
            return None
        fields = pathlib.Path(f"/proc/{self.daemon.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def evict(path):
    """Drops what the page cache has of a file."""
    file = os.open(path, os.O_RDONLY)
    os.fsync(file)
    os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(file)


def timed(command):
    start = time.monotonic()
    done = subprocess.run(command, shell=True, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    if done.returncode:
        raise Failure(f"{command}: {done.stderr.strip()[:300]}")
    return time.monotonic() - start


def places(tree, seed):
    """Places in large files of a tree, the same ones each time: (path from the root, offset)."""
    files = sorted((str(path.relative_to(tree)), path.stat().st_size) for path in pathlib.Path(tree).rglob("*")
                   if path.is_file() and not path.is_symlink() and path.stat().st_size >= LARGE)
    dice = random.Random(seed)
    chosen = dice.choices(files, weights=[size for _, size in files], k=MOST_READS)
    return [(path, dice.randrange(size // READ) * READ) for path, size in chosen]


def random_reads(directory, chosen):
    """Reads in a second. The kernel's pages of the files are dropped before."""
    opened = {}
    for path in {path for path, _ in chosen}:
        opened[path] = os.open(directory / path, os.O_RDONLY)
        os.posix_fadvise(opened[path], 0, 0, os.POSIX_FADV_DONTNEED)
        os.posix_fadvise(opened[path], 0, 0, os.POSIX_FADV_RANDOM)
    start, count = time.monotonic(), 0
    for path, offset in chosen:
        if len(os.pread(opened[path], READ, offset)) != READ:
            raise Failure(f"a short read of {path}")
        count += 1
        if count % 16 == 0 and time.monotonic() - start > MOST_SECONDS:
            break
    seconds = time.monotonic() - start
    for file in opened.values():
        os.close(file)
    return count / seconds


def measure(way, command, image, directory, chosen):
    figures = {}
    with Mount(way, command, image, directory) as mount:
        figures["tar"] = timed(f"tar -C {directory} -cf - . | cat")
        memory = mount.memory()
        if mount.daemon:
            figures["cpu"] = mount.processor()
    with Mount(way, command, image, directory) as mount:
        figures["random"] = random_reads(directory, chosen[0])
        figures["again"] = random_reads(directory, chosen[1])
        if memory is not None:
            figures["memory"] = max(memory, mount.memory())
    with Mount(way, command, image, directory):
        figures["find"] = timed(f"find {directory} -type f")
    with Mount(way, command, image, directory):
        figures["ls"] = timed(f"ls -lR {directory}")
    return figures


def table(name, ways, rounds, measured):
    print(f"\n{name}: medians of {rounds} rounds; ratios of erofs to the other: least, median, most\n")
    print(f"  {'':8}" + "".join(f"{way:>12}" for way in ways) + "".join(f"{'to ' + way:>24}" for way in ways[1:]))
    for what in ("tar", "cpu", "random", "again", "find", "ls", "memory"):
        digits = 0 if what in ("random", "again") else 1 if what == "memory" else 3
        cells, ratios = "", ""
        for way in ways:
            values = [figures[what] for figures in measured[way] if what in figures]
            cells += f"{statistics.median(values):12.{digits}f}" if values else f"{'-':>12}"
            if way == ways[0]:
                continue
            pairs = [a[what] / b[what] for a, b in zip(measured[ways[0]], measured[way]) if what in a and what in b]
            ratios += (f"{min(pairs):9.2f}{statistics.median(pairs):8.2f}{max(pairs):7.2f}" if pairs else f"{'-':>24}")
        print(f"  {what:8}{cells}{ratios}", flush=True)


def peer():
    """erofsfuse as a command; None if it cannot be had."""
    try:
        folder = pathlib.Path(run(INSTALL / "peers.sh").strip())
        program = folder / "root/usr/bin/erofsfuse"
        if program.exists():
            loader, libraries = ((folder / name).read_text().strip() for name in ("loader", "libraries"))
            return [loader, "--library-path", libraries, str(program)], folder / "tree"
    except Failure as problem:
        say(f"  no newest erofsfuse: {str(problem).splitlines()[-1]}")
    return None, None


def main():
    parser = argparse.ArgumentParser(prog="Tools/run mount-bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one codec, one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--erofs", type=pathlib.Path, help="the command to measure; the default is built")
    parser.add_argument("--codec", action="append", choices=CODECS, help="only this; may be repeated")
    arguments = parser.parse_args()
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        print("mount-bench needs root and /dev/fuse", file=sys.stderr)
        return 1
    rounds = 1 if arguments.quick else arguments.rounds
    program = arguments.erofs
    if program is None:
        build = ["swift", "build", "-c", "release", "--product", "erofs"]
        run(*build)
        program = pathlib.Path(run(*build, "--show-bin-path").strip()) / "erofs"
    fuse, tree = peer()
    ways = {"erofs": [str(program.resolve()), "mount"]}
    if fuse:
        ways["erofsfuse"] = fuse
    ways["kernel"] = None
    tree = tree or pathlib.Path("/usr/bin")
    folder = CACHE / "bench" / ("mount" if fuse else "mount-system")
    folder.mkdir(parents=True, exist_ok=True)
    chosen = places(tree, 1), places(tree, 2)
    for name in arguments.codec or (QUICK if arguments.quick else CODECS):
        image = folder / f"{''.join(CODECS[name]).replace(',', '-')}.erofs"
        if not image.exists():
            images.make(image.with_suffix(".partial"), tree, *CODECS[name], program=images.peer())
            image.with_suffix(".partial").rename(image)
        measured = {way: [] for way in ways}
        directory = pathlib.Path(tempfile.mkdtemp(prefix="erofs-mount-"))
        try:
            for number in range(rounds):
                order = list(ways)
                for way in order if number % 2 == 0 else reversed(order):
                    measured[way].append(measure(way, ways[way], image, directory, chosen))
        finally:
            if os.path.ismount(directory):
                run("umount", "-l", directory)
            shutil.rmtree(directory)
        table(f"{name} ({image.stat().st_size / 1e6:.1f} MB)", list(ways), rounds, measured)
    return 0
