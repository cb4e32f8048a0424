# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What happens to an image that cannot be completed: the disk is full, the builder is killed, a call fails, the source cannot be
read. What had the name before remains, and nothing else is left behind."""

import os
import pathlib
import random
import subprocess
import time

from ..command import run
from ..toolchain import tool

FAILING = pathlib.Path(__file__).with_name("failing.c")

OLD = b"an older image"
OPTIONS = ("-zlzma", "-C65536", "-Efragments,dedupe")


def left(folder):
    return sorted(path.name for path in folder.iterdir())


def disk_full(results, mkfs, tree, folder):
    """A file system of 256 KiB, of which the image, or its temporary data, takes more."""
    disk = folder / "disk"
    disk.mkdir()
    run("mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", disk)
    try:
        for options in ((), OPTIONS):
            (disk / "image").write_bytes(OLD)
            made = subprocess.run([mkfs, "--quiet", *options, disk / "image", tree], capture_output=True, text=True)
            what = f"disk full, {' '.join(options) or 'not compressed'}"
            results.check(f"{what}: status 1", made.returncode == 1, f"status {made.returncode}")
            results.check(f"{what}: says so", "No space left on device" in made.stderr and str(disk) in made.stderr, made.stderr)
            results.check(f"{what}: the old image", left(disk) == ["image"] and (disk / "image").read_bytes() == OLD,
                          f"{left(disk)}")
    finally:
        run("umount", disk)


# $1: the folder with the builder and its source; the rest are options. Nothing can be written to where temporary files usually
# are, and the folder is at a place that is elsewhere.
NO_TEMPORARY_FILES = """
set -e
mount --bind "$1" /mnt
shift
for place in /tmp /var/tmp /dev/shm ${TMPDIR:-/tmp}; do mount -t tmpfs -o ro tmpfs "$place"; done
exec /mnt/mkfs.erofs --quiet "$@" /mnt/beside/image /mnt/few
"""


def temporary_data(results, mkfs, few, folder):
    """What waits for its place in the image waits on the file system of the image, never in /tmp."""
    (folder / "beside").mkdir()
    for options in (OPTIONS, (*OPTIONS, "--memory=1M"), ("-zzstd", "-Eall-fragments", "--zD", "-m4096")):
        made = subprocess.run(["unshare", "--mount", "sh", "-c", NO_TEMPORARY_FILES, "sh", folder, *options], capture_output=True,
                              text=True)
        results.check(f"no place for temporary files, {' '.join(options)}: an image", made.returncode == 0, made.stderr[-300:])
        results.check(f"no place for temporary files, {' '.join(options)}: nothing beside it", left(folder / "beside") == ["image"],
                      f"{left(folder / 'beside')}")


def few_files(folder):
    """A tree that a build with OPTIONS takes little time for, so that there can be hundreds of them."""
    tree = folder / "few"
    (tree / "inner").mkdir(parents=True)
    for number, size in enumerate((1, 700, 5000, 70000, 200000)):
        (tree / f"inner/{number}").write_bytes(bytes(random.Random(number).choices(b"abcdefgh", k=size)))
    (tree / "noise").write_bytes(random.Random(9).randbytes(30000))
    (tree / "link").symlink_to("inner/3")
    return tree


def killed(results, mkfs, tree, folder, times=200):
    """SIGKILL at random moments of a build, up to its end."""
    output = folder / "killed"
    output.mkdir()
    image = output / "image"
    command = [mkfs, "--quiet", *OPTIONS, image, tree]
    start = time.monotonic()
    subprocess.run(command, check=True)
    whole, seconds = image.read_bytes(), time.monotonic() - start
    chance = random.Random(5)
    wrong, replaced = "", 0
    for _ in range(times):
        image.write_bytes(OLD)
        with subprocess.Popen(command) as builder:
            time.sleep(chance.uniform(0, 1.1 * seconds))
            builder.kill()
        content = image.read_bytes()
        replaced += content == whole
        if left(output) != ["image"] or content not in (OLD, whole):
            wrong = wrong or f"{left(output)}, {len(content)} bytes"
    results.check(f"killed at {times} random moments: the old image or the whole new one, and nothing else", not wrong, wrong)
    print(f"  {times} builds killed; {replaced} of them had replaced the image")


def single_calls(results, mkfs, tree, folder):
    """Each call that reads or writes fails once, the first, the second and so on, until a build makes no more."""
    library, output, mark = folder / "failing.so", folder / "failing", folder / "failed"
    run(tool("clang"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, FAILING, "-ldl")
    output.mkdir()
    image = output / "image"
    command = [mkfs, "--quiet", "--workers=1", "-T0", *OPTIONS, image, tree]
    subprocess.run(command, check=True)
    whole = image.read_bytes()
    for kind in ("read", "write"):
        number, failed, wrong = 1, 0, ""
        while True:
            image.write_bytes(OLD)
            mark.unlink(missing_ok=True)
            made = subprocess.run(command, capture_output=True, text=True, timeout=120,
                                  env={**os.environ, "LD_PRELOAD": str(library), "FAIL_KIND": kind,
                                       "FAIL_NUMBER": str(number), "FAIL_MARK": str(mark)})
            if not mark.exists():
                break
            content = image.read_bytes()
            # A failure may do no harm: then the image is the one that it has to be.
            good = made.returncode == 1 and made.stderr and content == OLD or made.returncode == 0 and content == whole
            failed += made.returncode != 0
            if not good or left(output) != ["image"]:
                wrong = wrong or f"call {number}: status {made.returncode}, {left(output)}, {made.stderr.strip()[-200:]}"
            number += 1
        if number == 1:
            results.skip(f"a {kind} that fails", "no library can be preloaded into a static program")
            continue
        results.check(f"each of {number - 1} calls to {kind} fails, {failed} of which end the build", failed and not wrong, wrong)
        print(f"  {number - 1} calls to {kind} failed, one in each build; {failed} builds ended for it")


def unreadable(results, mkfs, tree, folder):
    missing = folder / "not-there"
    made = subprocess.run([mkfs, "--quiet", folder / "unmade", missing], capture_output=True, text=True)
    results.check("no source: status 1, and its name", made.returncode == 1 and str(missing) in made.stderr, made.stderr)
    results.check("no source: no image", not (folder / "unmade").exists())
    made = subprocess.run([mkfs, "--quiet", folder / "no-folder/image", tree], capture_output=True, text=True)
    results.check("no folder for the image: status 1, and its name",
                  made.returncode == 1 and "no-folder" in made.stderr, made.stderr)


def check(results, mkfs, tree, folder, is_root):
    few = few_files(folder)
    if is_root:
        disk_full(results, mkfs, tree, folder)
        temporary_data(results, mkfs, few, folder)
    else:
        results.skip("a full disk, and no place for temporary files", "needs root, for a file system of its own")
    killed(results, mkfs, few, folder)
    single_calls(results, mkfs, few, folder)
    unreadable(results, mkfs, tree, folder)
