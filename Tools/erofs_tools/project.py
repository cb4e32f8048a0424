# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Where the project and its cache are, and what all tools read and write in the same way."""

import contextlib
import fcntl
import hashlib
import os
import pathlib

ROOT = pathlib.Path(__file__).resolve().parents[2]
# What is kept from one checkout to the next: kernels, reference images, the newest erofs-utils.
CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "swift-erofs"
INSTALL = ROOT / "Tools/install"
BARE_METAL = ROOT / "Platforms/BareMetal"
LINUX = ROOT / "Platforms/Linux"


class Failure(Exception):
    """A command that failed, or a rule that is broken: the text says which, and why."""


def rows(path):
    """The words of each line of a table; what follows a # is a comment."""
    if not path.exists():
        return []
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return [words for words in lines if words]


def digest(*parts):
    """A key of what something is made of: words, bytes, files and folders. A file counts with its path in the project."""
    total = hashlib.sha256()
    for part in parts:
        if isinstance(part, (str, bytes)):
            total.update((part.encode() if isinstance(part, str) else part) + b"\0")
            continue
        for file in sorted(f for f in part.rglob("*") if f.is_file()) if part.is_dir() else [part]:
            total.update(str(file.relative_to(ROOT)).encode() + b"\0" + file.read_bytes() + b"\0")
    return total.hexdigest()[:16]


def write(path, content):
    """Writes a file unless it has that content already: make goes by the time of a file."""
    if not path.exists() or path.read_bytes() != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        path.write_bytes(content)


@contextlib.contextmanager
def lock(path):
    """Holds the lock of that name; others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
