# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""A kernel's source on disk: its version, its files as they were before this program came, and how they are replaced.

What was done is in one file at the root, RECORD: for each file of the kernel's the texts that were exchanged, so that they
can be exchanged back wherever they stand by then; for each new file the digest of what was written. It is written before
anything else is, so a program that is stopped half-way can be called again, for either direction.
"""

import hashlib
import json
import os
import re
import tempfile

from .problem import Refusal

RECORD = ".swift-erofs.json"


def digest(content):
    return hashlib.sha256(content).hexdigest()


class Tree:
    def __init__(self, path):
        self.path = path
        try:
            makefile = (path / "Makefile").read_text(encoding="utf-8", errors="replace")
        except OSError as problem:
            raise Refusal(f"{path} is not a kernel's source: no Makefile can be read there ({problem.strerror})") from None
        found = [re.search(rf"^{name} = (\d+)$", makefile, re.MULTILINE) for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL")]
        if not all(found) or not (path / "fs").is_dir() or not (path / "mm").is_dir():
            raise Refusal(f"{path} is not a kernel's source: its Makefile names no version, or there is no fs or mm")
        self.version = int(found[0][1]), int(found[1][1])
        self.release = ".".join(number[1] for number in found)
        self.record = self.read_record()

    def read_record(self):
        """{"edits": {path: [[[old, new]...]...]}, "added": {path: [digest...]}}. Of either there are two where one
        installation was about to replace another."""
        try:
            record = json.loads((self.path / RECORD).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {"edits": {}, "added": {}}
        except (OSError, ValueError) as problem:
            raise Refusal(f"{self.path / RECORD} cannot be read: {problem}") from None
        try:
            good = all(inside(path) for kind in ("edits", "added") for path in record[kind]) and all(
                isinstance(old, str) and isinstance(new, str) and new
                for ways in record["edits"].values() for pairs in ways for old, new in pairs)
        except (KeyError, TypeError, ValueError, AttributeError):
            good = False
        if not good:
            raise Refusal(f"{self.path / RECORD} is not what this program writes: restore the tree from where it came")
        return record

    def write_record(self, record):
        self.record = record
        if record["edits"] or record["added"]:
            text = json.dumps(record, indent=1, sort_keys=True)
            self.replace(RECORD, (text + "\n").encode())
        elif (self.path / RECORD).exists():
            (self.path / RECORD).unlink()

    def content(self, name):
        """A file as it is; None where there is none."""
        path = self.path / name
        if path.is_symlink():
            raise Refusal(f"{path} is a symbolic link: make it a file of its own, or name the tree that it is in")
        # Nor may a folder on the way lead to another tree.
        folder, root = path.parent.resolve(), self.path.resolve()
        if folder != root and root not in folder.parents:
            raise Refusal(f"{path.parent} leads out of {self.path} by a symbolic link: name the tree that it is in")
        try:
            return path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as problem:
            raise Refusal(f"{path} cannot be read: {problem.strerror}") from None

    def pristine(self, name):
        """A file without what this program has done to it."""
        content = self.content(name)
        if name in self.record["added"]:
            if content is None or digest(content) in self.record["added"][name]:
                return None
            raise Refusal(f"{self.path / name} has changed since it was installed: move it away")
        if content is None or name not in self.record["edits"]:
            return content
        # One that is in its old state, since an installation was stopped, has none of the new texts.
        for pairs in self.record["edits"][name]:
            undone = undo(content, pairs)
            if undone is not None:
                return undone
        if any(new.encode() in content for pairs in self.record["edits"][name] for _, new in pairs):
            raise Refusal(f"{self.path / name} has changed since where it was edited: put what was installed there back, or "
                          "restore the file")
        return content

    def replace(self, name, content):
        """Writes a file, which is there as a whole or not at all."""
        path = self.path / name
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}-", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
            umask = os.umask(0)
            os.umask(umask)
            os.chmod(temporary, path.stat().st_mode & 0o7777 if path.exists() else 0o666 & ~umask)
            os.replace(temporary, path)
        except BaseException:
            os.unlink(temporary)
            raise

    def update(self, wanted, record):
        """Brings files to their wanted content, None for none; only those that differ are written.

        wanted: {path: bytes or None}, of all files of this record and of the one before
        """
        before = self.record
        both = {"edits": {}, "added": {}}
        for part in (before, record):
            for kind, files in part.items():
                for name, ways in files.items():
                    known = both[kind].setdefault(name, [])
                    known += [way for way in ways if way not in known]
        self.write_record(both)
        for name, content in wanted.items():
            path = self.path / name
            if content is None:
                if path.exists():
                    path.unlink()
            elif self.content(name) != content:
                self.replace(name, content)
        self.write_record(record)


def undo(content, pairs):
    """Exchanges texts back, the last first; None where one is not there, or more than once."""
    for old, new in reversed(pairs):
        if content.count(new.encode()) != 1:
            return None
        content = content.replace(new.encode(), old.encode())
    return content


def inside(name):
    """Whether a path of a record leads into the tree."""
    return bool(name) and not name.startswith("/") and ".." not in name.split("/")
