# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images that are added to, and images that get the contents of their files later, as the running kernel reads them."""

import os
import pathlib
import random
import shutil
import subprocess

from ..command import run

DISK_BYTES = 400 << 20
BASE_BYTES = 32 << 20


def built(results, what, *command):
    made = subprocess.run([str(word) for word in command], capture_output=True, text=True)
    return results.check(what, made.returncode == 0, made.stderr.strip()[-300:])


def fill(image, list_file, tree, block_size=4096):
    """Writes what files contain where the list of blocks says."""
    with open(image, "r+b") as output:
        for line in list_file.read_text().splitlines():
            path, place = line.rsplit(" ", 1)
            first, _, last = place.partition("-")
            content = (tree / path.lstrip("/")).read_bytes()
            room = (int(last or first) - int(first) + 1) * block_size
            assert room - block_size < len(content) <= room, line
            output.seek(int(first) * block_size)
            output.write(content)


def left_out(results, mkfs, tree, folder, kernel_reads, listing):
    """Contents that come later, alone and in what is added to an image."""
    whole = listing(tree)
    empty = {path: line if len(line) < 9 else line[:8] for path, line in whole.items()}
    image, blocks, base = folder / "later", folder / "later-blocks", folder / "later-base"
    (base / "old").mkdir(parents=True)
    (base / "old/text").write_text("what was there before\n" * 1000)
    for added in (False, True):
        option = "--incremental" if added else "--clean"
        for value in ("rvsp", "0"):
            what = f"mkfs.erofs {option}={value}"
            image.unlink(missing_ok=True)
            if added and not built(results, f"{what}: what is added to", mkfs, "--quiet", "-zlz4", image, base):
                continue
            before = image.stat().st_size if added else 0
            if not built(results, what, mkfs, "--quiet", f"{option}={value}", f"--block-list-file={blocks}", image, tree):
                continue
            wanted = dict(whole)
            if value == "rvsp":
                if added:
                    lines = [line for line in blocks.read_text().splitlines() if not line.startswith("/old/")]
                    blocks.write_text("".join(f"{line}\n" for line in lines))
                fill(image, blocks, tree)
            else:
                size = image.stat().st_size - before
                results.check(f"{what}: no contents", size < 64 << 10, f"{size} bytes")
                wanted = None
            wrong = kernel_reads(image, folder, wanted, added, empty)
            results.check(f"{what}: the kernel's tree", not wrong, wrong)


def shared(results, mkfs, folder):
    """On a file system that can share blocks, an image that something is added to takes the space of what is added."""
    if not shutil.which("mkfs.xfs"):
        results.skip("blocks that images share", "no mkfs.xfs")
        return
    disk, mount = folder / "disk.xfs", folder / "xfs"
    with open(disk, "wb") as file:
        file.truncate(DISK_BYTES)
    mount.mkdir()
    run("mkfs.xfs", "-q", "-m", "reflink=1", disk)
    if subprocess.run(["mount", "-o", "loop", disk, mount], capture_output=True).returncode != 0:
        results.skip("blocks that images share", "this kernel has no XFS")
        return
    try:
        base, more = folder / "shared-base", folder / "shared-more"
        base.mkdir()
        more.mkdir()
        (base / "noise").write_bytes(random.Random(3).randbytes(BASE_BYTES))
        (more / "added").write_bytes(random.Random(4).randbytes(100_000))
        image, old = mount / "image", mount / "old"
        run(mkfs, "--quiet", "-zlz4", image, base)
        os.link(image, old)
        before = old.read_bytes()

        def free():
            run("sync", "-f", mount)
            state = os.statvfs(mount)
            return state.f_bfree * state.f_frsize

        start = free()
        run(mkfs, "--quiet", "-zlz4", "--incremental", image, more)
        taken = start - free()
        results.check("--incremental on XFS: the old image's blocks are shared", taken < BASE_BYTES // 8, f"{taken} bytes more")
        results.check("--incremental on XFS: the old image is as it was", old.read_bytes() == before)
        results.check("--incremental on XFS: the new one has all of it", image.stat().st_size > BASE_BYTES + 100_000)
        print(f"  an image of {len(before)} bytes on XFS, 100,000 bytes added: {taken} bytes more on the disk")
    finally:
        run("umount", mount)


def check(results, mkfs, tree, folder, listing, difference, mounts):
    if not mounts:
        results.skip("contents that come later, as the kernel reads them", "needs root and a kernel with EROFS")
        return

    def kernel_reads(image, folder, whole, added, empty):
        view = folder / "later-view"
        view.mkdir(exist_ok=True)
        run("mount", "-t", "erofs", "-o", "loop,ro", image, view)
        try:
            found = listing(view)
            if added:
                old = [path for path in found if pathlib.PurePath(path).parts[:1] == ("old",)]
                text = (view / "old/text").read_text()
                if len(old) != 2 or text != "what was there before\n" * 1000:
                    return f"what was there before: {old}"
                found = {path: line for path, line in found.items() if path not in old}
            # The directory `old` counts as a link of the root.
            if whole is not None:
                return difference({**whole, ".": 0}, {**found, ".": 0})
            zeros = [path for path, line in found.items()
                     if len(line) > 8 and (view / path).read_bytes().count(0) != line[7]]
            short = {path: line[:8] for path, line in found.items()}
            return f"not zeros: {zeros}" if zeros else difference({**empty, ".": 0}, {**short, ".": 0})
        finally:
            run("umount", view)

    # Some of them have names elsewhere, too, which count as links.
    run("cp", "-a", "--no-preserve=links", tree / "sizes", folder / "later-tree")
    left_out(results, mkfs, folder / "later-tree", folder, kernel_reads, listing)
    shared(results, mkfs, folder)
