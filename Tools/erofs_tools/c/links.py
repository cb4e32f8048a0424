# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Paths through symbolic links: erofs_follow leads where this machine's kernel does."""

import errno
import os

from .. import images

MAXIMUM = 40
LINKS = {
    "l1": "a/b/file", "l2": "a/b", "loop": "loop", "ring": "ring2", "ring2": "ring", "up": "a/../a/./b/../b/file",
    "slash": "a/b/", "slashes": "a//b///", "file-slash": "a/b/file/", "dangling": "no/such", "through": "l2/file",
    "a/nested": "y/b", "a/y": "../a", "long-name": "n" * 300, "through-file": "a/b/file/../file", "dot": ".",
    "name-255": "n" * 255, "longest": "./" * 2043 + "a/b/file", "many-slashes": "a" + "/" * 600 + "b" + "/" * 600 + "file",
    "link-slash": "l1/", "folder-link-slash": "l2/",
    **{f"chain{number}": "l2" if number == 0 else f"chain{number - 1}" for number in range(MAXIMUM + 1)},
}
PATHS = ["a/b/file", "/a/b/file/", "l1/", "l2/", "l2/file", "l2/../b/file", "a/nested/file", "a/nested/..", "slash/", "slash/file",
         "slashes/./file", "no/../a", "a/b/file/..", "dot/dot/dot/l2/file", "/" * 700 + "a" + "/" * 700 + "l2/",
         "/" * 700 + "a" + "/" * 700 + "y", "n" * 255, "n" * 256, "dot/" * 39 + "l1", "dot/" * 40 + "l1", "ring/x", "l1/x", *LINKS]
# Where links and paths lead to that have to do with the root, which is not this machine's: the file, and the one without
# following the last name.
ROOT_LINKS = {"abs": "/a/b/file", "abs-folder": "/a/b/", "abs-root": "/", "abs-up": "/../a", "a/b/above": "../../../.."}
AT_ROOT = {"": ("/", "/"), "/": ("/", "/"), "..": ("/", "/"), "../../a/b": ("/a/b", "/a/b"), "dot/../a": ("/a", "/a"),
           "abs": ("/a/b/file", "/abs"), "abs-folder": ("/a/b", "/abs-folder"), "abs-folder/": ("/a/b", "/a/b"),
           "abs-root": ("/", "/abs-root"), "abs-root/a": ("/a", "/a"), "abs-up": ("/a", "/abs-up"),
           "a/b/above": ("/", "/a/b/above"), "a/b/above/a/b/above/a": ("/a", "/a")}


def make(folder):
    (folder / "a/b").mkdir(parents=True)
    (folder / "a/b/file").write_text("here")
    (folder / ("n" * 255)).write_text("long")
    for name, target in {**LINKS, **ROOT_LINKS}.items():
        (folder / name).symlink_to(target)


def kernel(folder, path, follow):
    """What the kernel says of a path: the file's number, or EROFS's result."""
    try:
        return os.stat(f"{folder}/./{path}", follow_symlinks=follow).st_ino
    except OSError as error:
        return {errno.ENOENT: -6, errno.ELOOP: -6, errno.ENAMETOOLONG: -6, errno.ENOTDIR: -7}[error.errno]


def check(results, where, walk, work):
    """`walk` runs walk.c where it is to be tried."""
    folder, image, output = work / "links", work / "links.erofs", work / "links-output"
    if not image.exists():
        make(folder)
        images.make(image, folder, "-T0", "-b512")
    files = [path for path in sorted(folder.rglob("*")) if not path.is_symlink()]
    links = [path for path in sorted(folder.rglob("*")) if path.is_symlink()]
    known = ["/", *(f"/{path.relative_to(folder)}" for path in [*files, *links])]
    walk("follow", output, image, *known, *PATHS, *AT_ROOT)
    said = [[int(word) for word in line.split()] for line in output.read_text().splitlines()]
    nids = {path: row[3] for path, row in zip(known, said)}
    good = all(row[2] == 0 for row in said[:len(known)]) and len({*nids.values()}) == len(known)
    results.check(f"{where}: links: each file is found", good, f"{said[:len(known)]}")
    names = {os.lstat(folder / path[1:]).st_ino: nid for path, nid in nids.items()}
    wanted = [tuple(names.get(found := kernel(folder, path, follow), found) for follow in (True, False)) for path in PATHS]
    wanted += [(nids[target], nids[link]) for target, link in AT_ROOT.values()]
    for path, row, must in zip([*PATHS, *AT_ROOT], said[len(known):], wanted):
        got = (row[1] if row[0] == 0 else row[0], row[3] if row[2] == 0 else row[2])
        results.check(f"{where}: links: {path[:60]}", got == must, f"is {got}, must be {must}")
    results.check(f"{where}: links: all were tried", len(said) == len(known) + len(wanted) and -6 in {row[0] for row in said}
                  and -7 in {row[0] for row in said}, f"{len(said)}")
