# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images of the layers of a container image: how long it takes and how much memory, beside mkfs.erofs 1.9.4 and beside unpacking
the same archives to files with GNU tar.

  Tools/run containers-bench [--quick] [--erofs PROGRAM] [FOLDER...]    one layer of each FOLDER; the default is of /usr
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


def write(layout, archives):
    containers.write_layout(layout, [archive.read_bytes() for archive in archives])


def measured(command, **more):
    """Seconds of wall time, and the most memory of the process in MiB."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, **more)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise Failure(f"{command[0]}: {message.decode(errors='replace')[-300:]}")
    return time.monotonic() - start, usage.ru_maxrss / 1024


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
    folders = arguments.folders or [pathlib.Path("/usr/bin"), pathlib.Path("/usr/share"), pathlib.Path("/usr/include")]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        archives = []
        for number, tree in enumerate(folders):
            archives.append(folder / f"{number}.tar")
            # What vanishes meanwhile is left out.
            subprocess.run(["tar", "-c", "-H", "pax", "-f", archives[-1], "-C", tree, "."], check=False,
                           stderr=subprocess.DEVNULL)
        layout = folder / "layout"
        # In a process of its own: what this one needs counts for all that it starts.
        writer = multiprocessing.Process(target=write, args=(layout, archives))
        writer.start()
        writer.join()
        if writer.exitcode != 0:
            return 1
        rows = measure(erofs.resolve(), peer, folder, archives, layout, 1 if arguments.quick else arguments.rounds)
    if arguments.json:
        print(json.dumps(rows, indent=2))
        return 0
    size = sum(row["bytes"] for row in rows if row["what"] == "archives")
    print(f"{len(archives)} layers, {size / 1e6:.0f} MB of archives; medians; memory is the most of one process\n")
    print(f"{'':44} {'seconds':>8} {'MiB':>6} {'MB made':>8}")
    for row in rows:
        if row["what"] != "archives":
            print(f"{row['what']:44} {row['seconds']:8.2f} {row['memory']:6.0f} {row['bytes'] / 1e6:8.1f}")
    return 0


def measure(erofs, peer, folder, archives, layout, rounds):
    output, plain = folder / "output", folder / "plain"
    rows = [{"what": "archives", "bytes": sum(path.stat().st_size for path in archives)}]

    def row(what, prepare, commands):
        times, memory = [], 0
        for _ in range(rounds):
            shutil.rmtree(output, ignore_errors=True)
            output.unlink(missing_ok=True)
            prepare()
            seconds = 0
            for command in commands:
                took, most = measured([str(word) for word in command])
                seconds, memory = seconds + took, max(memory, most)
            times.append(seconds)
        made = output.stat().st_size if output.is_file() else sum(
            path.lstat().st_blocks * 512 for path in output.rglob("*"))
        rows.append({"what": what, "seconds": statistics.median(times), "memory": memory, "bytes": made})

    mkfs = folder / "mkfs.erofs"
    shutil.copy(erofs, mkfs)
    each = [(output / f"{path.stem}.erofs", path) for path in archives]
    row("GNU tar, to files", output.mkdir, [["tar", "-x", "-p", "-f", path, "-C", output] for path in archives])
    for level in ("", "-zlz4"):
        words = ["--quiet", "--tar=f", "--aufs", *([level, "-C65536"] if level else ["-Enoinline_data"])]
        for program, title in ((peer, "mkfs.erofs 1.9.4"), (mkfs, "this project's mkfs.erofs")):
            if program:
                row(f"{title}{level and ' '}{level}, an image a layer", output.mkdir, [[program, *words, *pair] for pair in each])
        row("the same, without reading back", output.mkdir, [[mkfs, "--no-verify", *words, *pair] for pair in each])
    for form in ("layers", "metadata", "merged"):
        row(f"erofs oci unpack --form {form}", lambda: None, [[erofs, "oci", "unpack", "--form", form, layout, output]])
    row("erofs oci unpack --form merged, -zlz4", lambda: None,
        [[erofs, "oci", "unpack", "--form", "merged", "--mkfs", "-zlz4 -C65536", layout, output]])
    if shutil.which("mkfs.ext4"):
        rows.append(ext4(folder, archives))
    return rows


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
    return {"what": "mkfs.ext4 -d, of the files (used blocks)", "seconds": seconds, "memory": 0, "bytes": (blocks - free) * block}
