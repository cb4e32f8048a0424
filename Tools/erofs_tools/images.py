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

from .command import run
from .project import CACHE, INSTALL, ROOT, Failure


def shared():
    """The folder of the whole set of reference images, which need not be there."""
    return pathlib.Path(os.environ.get("EROFS_SHARED") or ROOT.parent / "shared") / "images"


class References:
    """The reference images, unpacked, and the manifest of what they must read as: the whole set where EROFS_SHARED, or a
    folder `shared` beside the project, has it, else those that come with the project.

    They are unpacked once, where the tests in Swift have them too: in the cache, by the content of their archive.
    """

    def __init__(self):
        source = shared() if (shared() / "images.tar.zst").exists() else FIXTURES
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


LOCK = threading.RLock()
# Code that counts what it covers would leave a file in the current folder.
NO_PROFILE = {"LLVM_PROFILE_FILE": os.devnull}


def once(function):
    """Keeps what a function returned for each argument; only one thread calls it at a time."""
    cached = functools.lru_cache(maxsize=None)(function)

    @functools.wraps(function)
    def locked(*arguments):
        with LOCK:
            return cached(*arguments)
    return locked


@once
def product(name):
    """A program of this package, for this machine. It is built as the unit tests are, because those build it too."""
    from .stages import UNIT  # Not at the top: stages knows all tools.
    # SwiftPM lets one process at a time into a folder.
    run("swift", "build", "--product", name, *UNIT)
    return pathlib.Path(run("swift", "build", *UNIT, "--show-bin-path").strip()) / name


def arena(image, processor, *options):
    """What `erofs plan` says that firmware on a processor asks for: bytes by language."""
    said = run(product("erofs"), "plan", "--json", "--firmware", processor, *options, image, env={**os.environ, **NO_PROFILE})
    return json.loads(said)["firmware"]


@once
def crafted():
    """The folder of what Tests/WriteTestImages writes, which says what that is."""
    program = product("WriteTestImages")
    folder = CACHE / f"crafted-{hashlib.sha256(program.read_bytes()).hexdigest()[:16]}"
    if not folder.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        partial = pathlib.Path(tempfile.mkdtemp(prefix=f"{folder.name}-", dir=CACHE))
        run(program, partial, env={**os.environ, **NO_PROFILE})
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


@once
def peer():
    """The newest mkfs.erofs of erofs-utils, which is unpacked beside the system where that has not been done."""
    folder = os.environ.get("EROFS_PEERS") or run(INSTALL / "peers.sh").strip()
    program = pathlib.Path(folder) / "bin/mkfs.erofs"
    if not program.exists():
        raise Failure("there is no newer mkfs.erofs")
    return program


def make(output, tree, *options, program=None):
    """Makes an image of a tree by `erofs mkfs`, or by an mkfs.erofs: the same bytes for the same tree, and all of it owned by
    root."""
    words = [program] if program else [product("erofs"), "mkfs"]
    run(*words, "--quiet", "-T0", "--all-root", *options, output, tree, env={**os.environ, **NO_PROFILE},
        label=f"{words[-1] if program is None else program.name} {output.name}")
    return output
