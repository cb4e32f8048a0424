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


def killed(results, mkfs, tree, folder, times=40):
    """SIGKILL at random moments of a build, up to its end."""
    output = folder / "killed"
    output.mkdir()
    image = output / "image"
    command = [mkfs, "--quiet", *OPTIONS, image, tree]
    start = time.monotonic()
    subprocess.run(command, check=True)
    whole, seconds = image.read_bytes(), time.monotonic() - start
    chance = random.Random(5)
    wrong = ""
    for _ in range(times):
        image.write_bytes(OLD)
        with subprocess.Popen(command) as builder:
            time.sleep(chance.uniform(0, 1.1 * seconds))
            builder.kill()
        if left(output) != ["image"] or image.read_bytes() not in (OLD, whole):
            wrong = wrong or f"{left(output)}, {image.stat().st_size} bytes"
    results.check(f"killed at {times} random moments: the old image or the whole new one, and nothing else", not wrong, wrong)


def single_calls(results, mkfs, folder):
    """Each call that reads or writes fails once, the first, the second and so on, until a build makes no more."""
    library, output, mark = folder / "failing.so", folder / "failing", folder / "failed"
    run(tool("clang"), "-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o", library, FAILING, "-ldl")
    tree = folder / "few"
    (tree / "inner").mkdir(parents=True)
    for number, size in enumerate((1, 700, 5000, 70000, 200000)):
        (tree / f"inner/{number}").write_bytes(bytes(random.Random(number).choices(b"abcdefgh", k=size)))
    (tree / "noise").write_bytes(random.Random(9).randbytes(30000))
    (tree / "link").symlink_to("inner/3")
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
    if is_root:
        disk_full(results, mkfs, tree, folder)
    else:
        results.skip("a full disk", "needs root, for a file system of its own")
    killed(results, mkfs, tree, folder)
    single_calls(results, mkfs, folder)
    unreadable(results, mkfs, tree, folder)
