# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What these tools must know of images: they take each offset from its declaration in Sources/Core/EROFS/Format."""

import functools
import re

from .project import ROOT, Failure

FOLDER = ROOT / "Sources/Core/EROFS/Format"
FIELD = re.compile(r"static var (\w+): Field<Owner, U?Int(\d+)> \{ \.init\(at: (\w+)\) \}")


@functools.lru_cache(maxsize=None)
def text():
    return "\n".join(path.read_text() for path in sorted(FOLDER.glob("*.swift")))


@functools.lru_cache(maxsize=None)
def fields():
    """The offset and the size in bytes of each field, by its record and its name."""
    found = {}
    for owner, body in re.findall(r"^extension Field where Owner == (\w+) \{\n(.*?)^\}", text(), re.M | re.S):
        for name, bits, offset in FIELD.findall(body):
            found[owner, name] = int(offset, 0), int(bits) // 8
    return found


def number(pattern):
    """The number in the one declaration that matches."""
    found = re.findall(pattern, text(), re.M | re.S)
    if len(found) != 1:
        raise Failure(f"{len(found)} declarations in {FOLDER.relative_to(ROOT)} match {pattern}")
    return int(found[0], 0)


def superblock(image, name):
    """A field of the superblock of an image, given as bytes."""
    offset, size = fields()["SuperblockRecord", name]
    start = superblock_start() + offset
    return int.from_bytes(image[start : start + size], "little")


def superblock_start():
    return number(r"^@usableFromInline package enum SuperblockRecord: [^}]*\}[^}]*static var start: Int \{ (\w+) \}")


def basic_features():
    """What an image may announce for a program with the trait BasicImages."""
    return number(r"#if EROFS_BASIC_IMAGES\n[^#]*static var known: Self \{ Self\(rawValue: (\w+)\) \}")


def check(results):
    """Every field is found by what is above, which knows one way to declare it."""
    declared = len(re.findall(r"Field<Owner, \w+> \{", text()))
    results.check("fields that the tools find", len(fields()) == declared > 50, f"{len(fields())} of {declared}")
    results.attempt("numbers that the tools need of the format", lambda: (superblock_start(), basic_features()))
