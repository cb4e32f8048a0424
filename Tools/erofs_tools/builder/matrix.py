# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images made by `mkfs.erofs` of this project, with the command lines that others use, read by what this project did not
make: the running kernel, and the newest fsck.erofs. Each has to find the whole tree: contents, metadata, attributes. And
what is left of builds that fail.

  Tools/run mkfs-matrix [PROGRAM]    PROGRAM is the built `erofs`; without it, the one of the unit tests

With --roots only root file systems are made into container images of several layers: one of busybox, each --root FOLDER, and
with --debootstrap one that debootstrap makes, in which dpkg removes a package and brings it back.
With --archives only what is made of tar archives is tested, and with --hostile N that many of those have wrong bytes. With
--layers only what is made of other images and of container images is tested.
"""

import argparse
import contextlib
import os
import pathlib
import random
import re
import shlex
import shutil
import socket
import stat
import subprocess
import sys
import tempfile

from .. import images
from ..command import run
from ..project import ROOT, Failure
from ..results import Results
from . import adding, archives, containers, faults, layers, random_lines
from .readers import can_mount, difference, fsck_reads, fsck_takes, kernel_reads, listing

# Options of mkfs.erofs, a line for each image. ORDER is a file with paths of the tree, BLOB a file for chunks.
LINES = """
-b4096
-b512
-b1024 -E^inline_data
-Eforce-inode-extended
-E48bit
-Edot-omitted
--chunksize=4096
--chunksize=65536 -Eforce-chunk-indexes
--chunksize=65536 -E48bit
-zlz4
-zlz4hc,12
-b512 -zlz4hc
-b1024 -zlz4hc -C4096 -Efragments
-b2048 -zzstd -Eztailpacking
-zlz4hc,12 -C16384 --max-extent-bytes=65536
-zlz4hc,12 -C1048576
-zlz4hc -m4096
-zlz4hc --zD
-zlzma,6 -C65536 -m65536:zstd --zD -Efragments,dedupe
-b1024 -zzstd -m4096 -Edot-omitted,ztailpacking --xattr-prefix=trusted.overlay.
--xattr-inode-digest --root-xattr-isize=200
-zlz4hc -Eall-fragments --xattr-inode-digest -x0
-zlz4hc -Elegacy-compress
-zlz4hc -C16384 -Elegacy-compress
-zlz4hc -Eztailpacking
-zlz4hc -C65536 -Eztailpacking
-zlz4hc -Eztailpacking,legacy-compress
-zlz4hc -Efragments
-zlz4hc -C65536 -Efragments
-zlz4hc -C65536 -Eall-fragments
-zlz4hc -C65536 -Ededupe
-zlz4hc -C65536 -Ededupe,fragments
-zlz4hc -Ededupe,all-fragments
-zlz4hc -C65536 -Ededupe,ztailpacking
-x1 -Exattr-name-filter --xattr-prefix=trusted.overlay. -zlz4hc
-x1 --xattr-prefix=trusted.overlay. -zlz4hc -Efragments
-E48bit -zlz4hc -C65536
-zlzma -C4096 -Eztailpacking
-zlzma,109 -C65536
-zlzma,109 -C1048576 -Eall-fragments
-zlzma,lc=0,lp=2,pb=0 -C131072 -Efragments
-zlzma,dictsize=16384 -C16384 --max-extent-bytes=65536
-b1024 -zlzma -C65536 -Eztailpacking
-E48bit -zlzma -C65536 -Ededupe
-zdeflate,9 -C65536
-zlibdeflate,12 -C32768 -Eztailpacking
-zzstd,19
-zzstd,22 -C65536
-zzstd -C16384 -Efragments
-E48bit -zzstd -C1048576
-E48bit -zzstd -C65536 -Efragments
-Eall-fragments,fragdedupe=inode -C 1048576 -z lzma,level=6
-z zstd,8 -Ededupe,all-fragments -C 65536
-zlz4hc,level=12 -C65536 --max-extent-bytes=1048576 -Efragments=65536,ztailpacking,dedupe -Uclear
-zlz4hc -C16384 -Efragments,dedupe --order=ORDER
-zlz4 -C65536 -E48bit,dedupe
-zlz4 -C1048576 -E48bit
-zlz4 -Efragments=65536
-b2048 -zdeflate,1 -C65536 -E48bit --max-extent-bytes=12288
--chunksize=4096 --blobdev=BLOB
--chunksize=65536 --blobdev=BLOB -E48bit
-b1024 --chunksize=1024 --blobdev=BLOB -Ededupe
"""

# What mkfs.erofs 1.9.4 makes wrong images of, or none: most of it needs a file of `sizes` or the directory `many`, too.
FAULTS_OF_THE_PEER = """
-zlz4 -Eztailpacking
-zlz4 -Eztailpacking,fragments
--MZ -zlz4
--MZ --zD -zlz4 -b512
-zzstd --max-extent-bytes=4096
-zzstd,19 -C16384 --max-extent-bytes=65536
-E48bit -zlibdeflate,9 -C65536
-E48bit -zlibdeflate -Efragments,dedupe
-zzstd -C131072
-zzstd,19 -C131072 -Efragments,dedupe
"""


def make_tree(root):
    """Every kind of inode, name and content, as far as the user may make it."""
    chance = random.Random(11)
    root.mkdir()
    (root / "sources").mkdir()
    for number, path in enumerate(sorted((ROOT / "Sources/Core").rglob("*.swift"))):
        target = root / "sources" / f"{number}-{path.name}"
        target.write_bytes(path.read_bytes())
        os.utime(target, (0, 1_700_000_000))
    (root / "sizes").mkdir()
    for size in (0, 1, 511, 512, 4032, 4095, 4096, 4097, 8193, 65536, 300_001):
        (root / f"sizes/noise-{size}").write_bytes(chance.randbytes(size))
        (root / f"sizes/zeros-{size}").write_bytes(bytes(size))
        (root / f"sizes/text-{size}").write_bytes("".join(chance.choice("etaoin \n") for _ in range(size)).encode())
    (root / "sizes/repeated-then-noise").write_bytes(b"a" * 40 + chance.randbytes(4030))
    # Of different offsets of a page.
    (root / "sizes/repeated-noise").write_bytes(chance.randbytes(41_462) * 9 + chance.randbytes(17_000))
    (root / "names").mkdir()
    for name in ("a" * 255, "-first", "!before dots", "über", "new\nline", " "):
        (root / "names" / name).write_text(name)
    (root / "many").mkdir()
    for number in range(600):
        (root / f"many/{number:04}-{'x' * (number % 50)}").write_text(str(number % 7))
    os.symlink("sizes", root / "link")
    os.symlink("t" * 3000, root / "long-link")
    os.link(root / "sizes/text-4097", root / "names/hard")
    os.mkfifo(root / "fifo")
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as end, contextlib.chdir(root):
        end.bind("socket")
    with open(root / "sparse", "wb") as file:
        file.truncate(5_000_000)
        file.seek(2_000_000)
        file.write(b"in the middle")
    os.utime(root / "fifo", ns=(0, 1_234_567_890_123_456_789))
    os.utime(root / "link", (0, -86_400), follow_symlinks=False)
    os.utime(root / "socket", (0, 5_000_000_000))
    for number in range(5):
        os.setxattr(root / f"many/000{number}-{'x' * number}", "user.shared", b"value of several")
    os.setxattr(root / "sizes", "user.large", chance.randbytes(1000))
    if os.geteuid() == 0:
        os.mknod(root / "character", 0o600 | stat.S_IFCHR, os.makedev(4, 70_000))
        os.mknod(root / "block", 0o660 | stat.S_IFBLK, os.makedev(259, 3))
        os.chown(root / "names/über", 100_000, 65_536)
        os.setxattr(root / "names", "trusted.overlay.opaque", b"y")
        os.chmod(root / "sizes/text-1", 0o6755)


def lines(results, options_of_images, mkfs, fsck, mounts, tree, folder, order=None):
    """An image for each line of options: made, and read by the kernel and by fsck.erofs."""
    wanted = listing(tree)
    for line in filter(None, options_of_images.splitlines()):
        image = folder / "image"
        blob = folder / "blob" if "BLOB" in line else None
        options = shlex.split(line.replace("ORDER", str(order)).replace("BLOB", str(blob)))
        what = f"mkfs.erofs {line} of {tree.name}"
        made = subprocess.run([mkfs, "--quiet", *options, image, tree], capture_output=True, text=True)
        if not results.check(what, made.returncode == 0, made.stderr.strip()):
            continue
        if mounts:
            wrong = kernel_reads(image, folder, wanted, blob)
            results.check(f"{what}: the kernel's tree", not wrong, wrong)
            if blob:
                both = folder / "both"
                both.write_bytes(image.read_bytes() + blob.read_bytes())
                wrong = kernel_reads(both, folder, wanted)
                results.check(f"{what}: the kernel's tree of both in one file", not wrong, wrong)
        if fsck and " -m" not in f" {line}":
            reads = fsck_reads if can_compare(line) else fsck_takes
            wrong = reads(fsck, image, folder, wanted, blob)
            results.check(f"{what}: fsck.erofs", not wrong, wrong)


def can_compare(line):
    """Whether fsck.erofs 1.9.4 restores all of a tree: not tails in a metabox, nor a hole at the end of a file with records of 8
    bytes for its chunks, or with encoded extents; and only the superuser gets back owners."""
    return os.geteuid() == 0 and not re.search(r"(^| )-m|--blobdev|force-chunk-indexes|48bit", line)


def references(results, mkfs, fsck, mounts, folder):
    """The options and the tree of the reference images, where that folder is. The tree has what mkfs.erofs 1.9.4 loses, too."""
    shared = images.shared()
    if not (shared / "matrix.txt").exists() or os.geteuid() != 0:
        results.skip("the tree of the reference images, with their options", "needs root and the folder of reference images")
        return
    tree = folder / "references"
    run(sys.executable, shared / "make-tree.py", tree)
    options = (line.partition(" ")[2].replace("@BLOB", "BLOB") for line in (shared / "matrix.txt").read_text().splitlines())
    lines(results, "\n".join(each or "-b4096" for each in options), mkfs, fsck, mounts, tree, folder)


def roots(results, arguments, folder, mounts):
    if not (mounts and layers.has_overlay()):
        results.skip("roots in several layers", "needs root, and a kernel with EROFS and overlayfs")
        return
    small = containers.busybox_root(folder)
    if not small:
        results.skip("a root of busybox in several layers", "no such program")
    for base in [*([small] if small else []), *arguments.root]:
        containers.root(results, arguments.program.resolve(), base.resolve(), folder, listing, difference)
    if arguments.debootstrap:
        try:
            base = containers.debootstrap_root(folder)
        except Failure as problem:
            results.skip("a root by debootstrap", str(problem).splitlines()[-1])
            return
        containers.root(results, arguments.program.resolve(), base, folder, listing, difference, containers.PACKAGE_STEPS)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=pathlib.Path, default=ROOT / ".build-unit/release/erofs")
    parser.add_argument("--archives", action="store_true")
    parser.add_argument("--layers", action="store_true")
    parser.add_argument("--roots", action="store_true")
    parser.add_argument("--root", action="append", default=[], type=pathlib.Path, metavar="FOLDER")
    parser.add_argument("--debootstrap", action="store_true")
    parser.add_argument("--hostile", type=int, default=300, metavar="N")
    arguments = parser.parse_args()
    # One that was built for coverage would leave its counts here.
    os.environ["LLVM_PROFILE_FILE"] = os.devnull
    results = Results()
    try:
        fsck = images.peer().with_name("fsck.erofs")
    except Failure as problem:
        fsck = None
        results.skip("fsck.erofs reads the images", str(problem).splitlines()[-1])
    mounts = can_mount()
    if not mounts:
        results.skip("the kernel reads the images", "needs root and a kernel with EROFS")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        tree = folder / "tree"
        make_tree(tree)
        wanted = listing(tree)
        files = sorted(path.relative_to(tree) for path in (tree / "sizes").iterdir())
        order = folder / "order"
        order.write_text("".join(f"{path}\n" for path in [*reversed(files), "sparse", "link"]))
        mkfs = folder / "mkfs.erofs"
        shutil.copy(arguments.program.resolve(), mkfs)
        peer = fsck and fsck.with_name("mkfs.erofs")
        roots(results, arguments, folder, mounts)
        if arguments.roots:
            return results.end()
        if layers.check(results, mkfs, folder, listing, difference, mounts, peer):
            containers.check(results, arguments.program.resolve(), folder, listing, difference)
        else:
            results.skip("images of container images are what overlayfs shows", "the kernel cannot say it")
        layers.hostile(results, mkfs, folder, arguments.hostile // 3)
        if arguments.layers:
            return results.end()
        archives.check(results, mkfs, tree, folder, kernel_reads, listing, mounts)
        if peer:
            archives.as_the_peer(results, mkfs, tree, folder, peer)
        archives.large(results, mkfs, folder, mounts)
        archives.hostile(results, mkfs, folder, arguments.hostile)
        if arguments.archives:
            return results.end()
        lines(results, LINES + FAULTS_OF_THE_PEER, mkfs, fsck, mounts, tree, folder, order)
        references(results, mkfs, fsck, mounts, folder)
        random_lines.check(results, mkfs, fsck, mounts, folder)
        adding.check(results, mkfs, tree, folder, listing, difference, mounts)
        faults.check(results, mkfs, tree, folder, os.geteuid() == 0)
    return results.end()
