# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What happens to an image that cannot be completed: the disk is full, the builder is killed, the source cannot be read. What
had the name before remains, and nothing else is left behind."""

import random
import subprocess
import time

from ..command import run

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
    unreadable(results, mkfs, tree, folder)
