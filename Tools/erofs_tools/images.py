# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The one way to find images, and the programs that make them."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import tempfile
import threading

from .command import run, say
from .project import CACHE, INSTALL, ROOT, Failure


class References:
    """The reference images, unpacked, and the manifest of what they must read as: the whole set where EROFS_SHARED, or a
    folder `shared` beside the project, has it, else those that come with the project.

    They are unpacked once, where the tests in Swift have them too: in the cache, by the content of their archive.
    """

    def __init__(self):
        shared = pathlib.Path(os.environ.get("EROFS_SHARED") or ROOT.parent / "shared") / "images"
        source = shared if (shared / "images.tar.zst").exists() else FIXTURES
        self.folder = unpacked(source)
        self.manifest = self.folder / "manifest.jsonl"
        self.images = sorted(self.folder.glob("*.erofs"))

    def rows(self):
        return [json.loads(line) for line in self.manifest.read_text(encoding="utf-8").splitlines()]

    def image(self, name):
        """An image by name; None where it is not among those that come with the project."""
        path = self.folder / f"{name}.erofs"
        return path if path.exists() else None


FIXTURES = ROOT / "Tests/Fixtures/images"


def unpacked(source):
    """The folder with the images of an archive, and their manifest."""
    archive = source / "images.tar.zst"
    folder = CACHE / f"images-{hashlib.sha256(archive.read_bytes()).hexdigest()[:16]}"
    if folder.exists():
        return folder
    CACHE.mkdir(parents=True, exist_ok=True)
    partial = pathlib.Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=CACHE))
    try:
        run("tar", "--zstd", "-xf", archive, "-C", partial)
        shutil.copy(source / "manifest.jsonl", partial)
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            pass  # Another process was first.
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return folder


CRAFTED_LOCK = threading.Lock()


def crafted():
    """The folder of what Tests/WriteTestImages writes, which says what that is. It is built as the unit tests are, because
    those build it too."""
    with CRAFTED_LOCK:
        return written_by_swift()


@functools.lru_cache(maxsize=None)
def written_by_swift():
    from .stages import UNIT  # Not at the top: stages knows all tools.
    product = "WriteTestImages"
    # Where it is built, SwiftPM lets one process at a time in.
    run("swift", "build", "--product", product, *UNIT)
    program = pathlib.Path(run("swift", "build", *UNIT, "--show-bin-path").strip()) / product
    folder = CACHE / f"crafted-{hashlib.sha256(program.read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = pathlib.Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=CACHE))
        # Code that counts what it covers would leave a file here.
        run(program, partial, env={**os.environ, "LLVM_PROFILE_FILE": os.devnull})
        partial.chmod(0o755)
        try:
            partial.rename(folder)
        except OSError:
            shutil.rmtree(partial)  # Another process was first.
    return folder


def broken():
    """The broken images, sorted by name, as (name, path, what firmware says of it)."""
    folder = crafted() / "broken"
    lines = (folder / "manifest.tsv").read_text().splitlines()
    return [(name, folder / f"{name}.erofs", words) for name, words in sorted(line.split("\t") for line in lines)]


def device(image):
    """The second device of an image that lies on two; None for others."""
    blob = image.with_suffix(".blob")
    return blob if blob.exists() else None


@functools.lru_cache(maxsize=None)
def newest_mkfs():
    """The newest mkfs.erofs, which is unpacked beside the system where that has not been done; None if it cannot be had."""
    folder = os.environ.get("EROFS_PEERS")
    if not folder:
        try:
            folder = run(INSTALL / "peers.sh").strip()
        except Failure as problem:
            say(f"  the newest mkfs.erofs is not to be had: {str(problem).splitlines()[-1]}")
            return None
    program = pathlib.Path(folder) / "bin/mkfs.erofs"
    return program if program.exists() else None


def mkfs():
    """The newest mkfs.erofs, else the system's, which may not know all codecs; None where there is neither."""
    return newest_mkfs() or shutil.which("mkfs.erofs")


def make(output, tree, *options, program=None):
    """Makes an image of a tree: the same bytes for the same tree, and all of it owned by root."""
    program = program or mkfs()
    if not program:
        raise Failure("there is no mkfs.erofs")
    run(program, "--quiet", "-T0", "--all-root", *options, output, tree, label=f"mkfs.erofs {output.name}")
    return output
