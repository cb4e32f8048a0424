# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What the firmware says of an image, against the manifest of what the image must read as."""

import hashlib

from .. import format as formats


def escaped(raw):
    return "".join(chr(b) if 0x20 < b < 0x7F and b != 0x5C else f"\\{b:02x}" for b in raw)


def raw(text):
    """Bytes that are not UTF-8 come as lone surrogates."""
    return text.encode("utf-8", "surrogateescape")


LETTERS = {"file": "f", "directory": "d", "symlink": "l", "character": "c", "block": "b", "fifo": "p", "socket": "s"}


def expected(references):
    """What must be said of each path: everything but a directory's size and link count, which are the image's."""
    rows = {}
    for row in references.rows():
        kind = row["kind"]
        if kind == "file":
            value = row["sha256"]
        elif kind == "symlink":
            value = escaped(raw(row["target"]))
        elif "major" in row:
            value = f"{row['major']}:{row['minor']}"
        else:
            value = "-"
        letter = LETTERS[kind]
        rows[escaped(raw(row["path"]))] = (
            letter, row["mode"][2:].rjust(4, "0"), row["uid"], row["gid"], row.get("size") if letter in "f" else None,
            f"{row['mtime'] // 10**9}.{row['mtime'] % 10**9}", value)
    return rows


def differences(output, rows):
    """How a report (see Firmware/Support/Report.swift) differs from what is expected, as a list of words."""
    seen, wrong = {}, []
    for line in output.decode("latin-1").splitlines():
        words = line.split(" ")
        if len(words) != 10 or len(words[0]) != 1:
            if line.startswith(("error", "refused", "trap", "\ntrap", "qemu")):
                wrong.append(line[:200])
            continue
        letter, mode, uid, gid, _, size, time, value, _, path = words
        seen[path] = (letter, mode, int(uid), int(gid), int(size) if letter == "f" else None, time, value)
    for path, row in rows.items():
        if path not in seen:
            wrong.append(f"missing: {path}")
        elif seen[path] != row:
            wrong.append(f"{path}: is {seen[path]}, must be {row}")
    wrong += [f"too much: {path}" for path in seen if path not in rows]
    return wrong


def in_place(output, image, base):
    """Of the files that a report says lie in place: (how many, how many of those at a block's start, what is wrong)."""
    stored = image.read_bytes()
    block = 1 << formats.superblock(stored, "blockShift")
    count, aligned, wrong = 0, 0, []
    for line in output.decode("latin-1").splitlines():
        words = line.split(" ")
        if len(words) != 10 or not words[8].startswith("@"):
            continue
        offset, size = int(words[8][1:], 16) - base, int(words[5])
        count += 1
        aligned += offset % block == 0
        if hashlib.sha256(stored[max(offset, 0) : offset + size]).hexdigest() != words[7]:
            wrong.append(f"{words[9]} does not lie at {words[8]}")
    return count, aligned, wrong
