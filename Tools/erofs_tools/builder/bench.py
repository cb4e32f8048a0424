# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images of the layers of a container image, as they are and compressed with gzip and zstd: how long it takes and how much
memory, beside mkfs.erofs 1.9.4 and beside unpacking the same archives to files with GNU tar.

  Tools/run containers-bench [--quick] [--erofs PROGRAM] [FOLDER...]    one layer of each FOLDER; without: a small Debian's /usr
"""

import argparse
import json
import multiprocessing
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

from .. import images
from ..command import run
from ..project import Failure
from . import containers


# How layers are compressed: the suffix of their files, GNU tar's option, mkfs.erofs's, and the program that compresses.
KINDS = {"plain": ("", [], [], None), "gzip": (".gz", ["-z"], ["--ungzip"], ["gzip", "-6", "-n", "-c"]),
         "zstd": (".zst", ["--zstd"], None, ["zstd", "-3", "-q", "-c"])}


def write(layout, archives, kind):
    """A layout, and the archives as its layers are."""
    suffix, *_, program = KINDS[kind]
    plain = [archive.read_bytes() for archive in archives]
    packed = plain
    if program:
        packed = [subprocess.run([*program, archive], capture_output=True, check=True).stdout for archive in archives]
    for archive, content in zip(archives, packed):
        archive.with_name(archive.name + suffix).write_bytes(content)
    containers.write_layout(layout, plain, [(content, f"+{kind}" if program else "") for content in packed])


def measured(command, **more):
    """Seconds of wall time and of processors, and the most memory of the process in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failure(f"{command[0]}: {message.decode(errors='replace')[-300:]}")
    return time.monotonic() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    parser = argparse.ArgumentParser(prog="Tools/run containers-bench", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one round")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--erofs", type=pathlib.Path, help="the command to measure; the default is built")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("folders", nargs="*", type=pathlib.Path)
    arguments = parser.parse_args()
    os.environ["LLVM_PROFILE_FILE"] = os.devnull
    erofs = arguments.erofs
    if erofs is None:
        build = ["swift", "build", "-c", "release", "--product", "erofs"]
        run(*build)
        erofs = pathlib.Path(run(*build, "--show-bin-path").strip()) / "erofs"
    try:
        peer = images.peer().with_name("mkfs.erofs")
    except Failure as problem:
        peer = None
        print(f"without mkfs.erofs 1.9.4: {problem}", file=sys.stderr)
    folders = arguments.folders
    if not folders:
        # The small Debian that comes with the peers, 119 MB; a machine's own /usr may be of any size.
        small = peer.parents[1] / "tree/usr" if peer else None
        folders = [small / name for name in ("bin", "lib", "share")] if small and small.exists() else [pathlib.Path("/usr/bin")]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        archives = []
        for number, tree in enumerate(folders):
            archives.append(folder / f"{number}.tar")
            # What vanishes meanwhile is left out.
            subprocess.run(["tar", "-c", "-H", "pax", "-f", archives[-1], "-C", tree, "."], check=False,
                           stderr=subprocess.DEVNULL)
        kinds = [kind for kind, (*_, program) in KINDS.items() if not program or shutil.which(program[0])]
        for kind in kinds:
            # In a process of its own: what this one needs counts for all that it starts.
            writer = multiprocessing.Process(target=write, args=(folder / f"layout-{kind}", archives, kind))
            writer.start()
            writer.join()
            if writer.exitcode != 0:
                return 1
        rows = measure(erofs.resolve(), peer, folder, archives, kinds, 1 if arguments.quick else arguments.rounds)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    size = sum(row["bytes"] for row in rows if row["what"] == "archives")
    print(f"{len(archives)} layers, {size / 1e6:.0f} MB of archives; medians; ratios to GNU tar; memory is the most of one "
          "process\n")
    print(f"{'':57} {'seconds':>8} {'ratio':>6} {'CPU':>6} {'ratio':>6} {'MiB':>6} {'MB made':>8}")
    for row in rows:
        if row["what"] != "archives":
            print(shown(row))
    return 0


def shown(row):
    """A line of the table; what was not measured is a dash."""
    figures = ((row["seconds"], 8, ".2f"), (row["ratio"], 6, ".2f"), (row["processors"], 6, ".2f"),
               (row["processors_ratio"], 6, ".2f"), (row["memory"], 6, ".0f"), (row["bytes"] / 1e6, 8, ".1f"))
    return f"{row['what']:57} " + " ".join(f"{'-' if value is None else format(value, form):>{width}}"
                                           for value, width, form in figures)


def measure(erofs, peer, folder, archives, kinds, rounds):
    """All rows take turns, so that what else the machine does is shared among them. Commands are run in a folder of their own, and
    make `out` there."""
    rows = []
    mkfs = folder / "mkfs.erofs"
    shutil.copy(erofs, mkfs)

    def add(kind, what, commands, makes_folder=True):
        rows.append({"kind": kind, "what": f"{kind}: {what}", "commands": commands, "makes_folder": makes_folder, "times": [],
                     "processors": [], "memory": 0, "bytes": 0})

    for kind in kinds:
        suffix, for_tar, for_mkfs, _ = KINDS[kind]
        packed = [path.with_name(path.name + suffix) for path in archives]
        add(kind, "GNU tar, to files", [["tar", "-x", "-p", *for_tar, "-f", path, "-C", "out"] for path in packed])
        for level in ("", "-zlz4") if kind == "plain" else ("",):
            words = ["--quiet", "--tar=f", "--aufs", *([level, "-C65536"] if level else ["-Enoinline_data"])]
            for program, title in ((peer, "mkfs.erofs 1.9.4"), (mkfs, "this project's mkfs.erofs")):
                own = [] if program == mkfs else for_mkfs
                if program and own is not None:
                    add(kind, f"{title}{level and ' '}{level}, an image a layer", [
                        [program, *words, *own, f"out/{number}.erofs", path] for number, path in enumerate(packed)])
            if kind == "plain":
                add(kind, f"the same{level and ' '}{level}, without reading back", [
                    [mkfs, "--no-verify", *words, f"out/{number}.erofs", path] for number, path in enumerate(packed)])
        for form in ("layers", "metadata", "archives", "merged"):
            add(kind, f"erofs oci unpack --form {form}", [
                [erofs, "oci", "unpack", "--form", form, folder / f"layout-{kind}", "out"]], makes_folder=False)
        add(kind, "erofs oci unpack --form merged, -zlz4", [
            [erofs, "oci", "unpack", "--form", "merged", "--mkfs", "-zlz4 -C65536", folder / f"layout-{kind}", "out"]],
            makes_folder=False)
    for number in range(rounds):
        for index, row in enumerate(rows):
            place = folder / f"run-{number}-{index}"
            place.mkdir()
            run_once(row, place)
            # Unpacked files stay: ext4 takes long to find a free inode among those that were deleted within the last minute.
            if not row["what"].endswith("to files"):
                shutil.rmtree(place)
    base = {row["kind"]: row for row in rows if row["what"].endswith("to files")}
    found = [{"what": "archives", "bytes": sum(path.stat().st_size for path in archives)}]
    for row in rows:
        took = [statistics.median(row[key]) for key in ("times", "processors")]
        ratios = [own / statistics.median(base[row["kind"]][key]) for own, key in zip(took, ("times", "processors"))]
        found.append({"what": row["what"], "seconds": took[0], "ratio": ratios[0], "processors": took[1],
                      "processors_ratio": ratios[1], "memory": row["memory"], "bytes": row["bytes"]})
    if shutil.which("mkfs.ext4"):
        found.append(ext4(folder, archives))
    return found


def run_once(row, place):
    """Runs the commands in a folder, where they make `out`."""
    output = place / "out"
    if row["makes_folder"]:
        output.mkdir()
    seconds, processors = 0, 0
    for command in row["commands"]:
        took, own, most = measured([str(word) for word in command], cwd=place)
        seconds, processors, row["memory"] = seconds + took, processors + own, max(row["memory"], most)
    row["times"].append(seconds)
    row["processors"].append(processors)
    row["bytes"] = output.stat().st_size if output.is_file() else sum(path.lstat().st_blocks * 512 for path in output.rglob("*"))


def ext4(folder, archives):
    """What an ext4 of the same files uses, without a journal: unpacked, and copied by mkfs.ext4."""
    plain, disk = folder / "plain", folder / "disk"
    plain.mkdir()
    start = time.monotonic()
    for path in archives:
        run("tar", "-x", "-p", "-f", path, "-C", plain)
    size = sum(path.lstat().st_blocks * 512 for path in plain.rglob("*")) * 5 // 4 + (64 << 20)
    run("mkfs.ext4", "-q", "-F", "-O", "^has_journal", "-m", "0", "-d", plain, disk, f"{size >> 10}k")
    seconds = time.monotonic() - start
    said = dict(line.split(":", 1) for line in run("dumpe2fs", "-h", disk).splitlines() if ":" in line)
    blocks, free, block = (int(said[name]) for name in ("Block count", "Free blocks", "Block size"))
    return {"what": "mkfs.ext4 -d, of the files (used blocks)", "seconds": seconds, "ratio": None, "processors": None,
            "processors_ratio": None, "memory": None, "bytes": (blocks - free) * block}
