# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The one way to find images, and the program that makes them."""

import functools
import hashlib
import json
import os
import pathlib
import shutil
import tempfile

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
