# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Checks the volume for macOS here: compiles EROFSMount with it, against declarations of FSKit (Tests/FSKitShape), and reads
images by it as macOS would. Signatures that are changed on purpose must be noticed.

It needs the modules of the unit tests: run ./test build before.
"""

import hashlib
import json
import os
import pathlib
import re
import shutil
import tempfile

from .. import images
from ..command import run
from ..project import ROOT, Failure
from ..results import Results

SHAPE = ROOT / "Tests/FSKitShape"
SOURCES = ROOT / "Sources/Host/EROFSMount"
BUILD = ROOT / ".build-unit"
# What is linked with the module, beside Swift's own libraries.
MODULES = ("PageVectors", "Codecs", "EROFS", "HostSupport", "SystemPackage", "CSystem")
# An attribute in the metabox, fragments, a stored value: images with one device and all kinds of inodes.
IMAGES = ("zstd-metabox-fragments", "lzma-1k-64k-tail", "lz4hc-xattr-prefix-fragments")
# Changes of FSKitVolume.swift that break a promise to FSKit.
BROKEN = (
    ("startingAt cookie: FSDirectoryCookie", "startingAt cookie: UInt64"),
    ("func xattrs(of item: FSItem) async throws -> [FSFileName]", "func xattrs(of item: FSItem) async throws -> [String]"),
    ("func reclaimItem(_ item: FSItem)", "func reclaim(_ item: FSItem)"),
    ("var maximumXattrSize: Int", "var maximumXattrsSize: Int"),
)
TYPES = {"file": 1, "directory": 2, "symlink": 3, "fifo": 4, "character": 5, "block": 6, "socket": 7}


def options():
    """What SwiftPM compiles EROFSMount with, which is where modules are and what is defined; and its folder of all modules."""
    manifest = BUILD / "release.yaml"
    lines = manifest.read_text().splitlines() if manifest.exists() else []
    words = next((line for line in lines if '"-module-name","EROFSMount"' in line), None)
    if words is None:
        raise Failure("the unit tests are not built; run ./test build")
    words, kept = iter(json.loads(words.split("args: ", 1)[1])), []
    for word in words:
        if word in ("-I", "-Xcc", "-package-name", "-swift-version"):
            kept += [word, next(words)]
        elif re.match("-[DI].", word):
            kept.append(word)
        elif word == "-emit-module-path":
            folder = pathlib.Path(next(words)).parents[1]
    return [*kept, "-DEROFS_FSKIT", "-warnings-as-errors"], folder


def module(name, sources, out, flags):
    run("swiftc", "-wmo", "-Onone", "-parse-as-library", "-module-name", name, "-emit-module", "-emit-module-path",
        out / f"{name}.swiftmodule", "-c", "-o", out / f"{name}.o", "-I", out, *flags, *sources, label=f"swiftc {name}")


def notices(out, flags, right, wrong):
    """Whether the compiler refuses the volume with a change."""
    path = out / "changed" / "FSKitVolume.swift"
    path.parent.mkdir(exist_ok=True)
    text = (SOURCES / path.name).read_text()
    if text.count(right) != 1:
        raise Failure(f"{path.name} does not contain once: {right}")
    path.write_text(text.replace(right, wrong))
    others = [source for source in SOURCES.glob("*.swift") if source.name != path.name]
    try:
        run("swiftc", "-typecheck", "-parse-as-library", "-module-name", "EROFSMount", "-I", out, *flags, path, *others)
    except Failure as failure:
        return "does not conform to protocol" in str(failure)
    return False


def program(out, flags, folder):
    path = out / "walk"
    objects = [item for name in MODULES for item in sorted((folder / f"{name}.build").rglob("*.o"))]
    run("swiftc", "-Onone", "-module-name", "Walk", "-I", out, *flags, "-o", path, SHAPE / "main.swift", out / "FSKit.o",
        out / "EROFSMount.o", *objects, "-profile-generate", "-lfuse3", label="swiftc Walk")
    return path


def expected(row):
    """A row of the manifest as the program prints it; None for what it cannot know."""
    return {"type": TYPES[row["kind"]], "permissions": int(row["mode"], 8) & 0o7777, "uid": row["uid"], "gid": row["gid"],
            "time": row["mtime"], "links": row.get("links"), "size": row.get("size"), "target": row.get("target"),
            "sha256": row.get("sha256"), "xattrs": row.get("xattrs", {})}


def found(line):
    """A path, and what the program says of it."""
    words = line.split(" ")
    kind, mode, uid, gid, links, size, time = map(int, words[1:8])
    content, *attributes = [bytes.fromhex(word.split("=")[1]) if index == 0 else
                            [bytes.fromhex(part) for part in word.split("=")] for index, word in enumerate(words[8:])]
    return os.fsdecode(bytes.fromhex(words[0])) or "/", {
        "type": kind, "permissions": mode & 0o7777, "uid": uid, "gid": gid, "time": time, "links": links, "size": size,
        "target": os.fsdecode(content), "sha256": hashlib.sha256(content).hexdigest(),
        "xattrs": {os.fsdecode(name): value.hex() for name, value in attributes}}


def compare(results, walk, image, rows):
    said = run(walk, image, label=walk.name, env={**os.environ, "LLVM_PROFILE_FILE": os.devnull})
    seen = dict(map(found, said.splitlines()))
    wrong = sorted({row["path"] for row in rows} ^ set(seen))
    for row in rows:
        if row["path"] in seen:
            wrong += [f"{row['path']}: {key} {seen[row['path']][key]} instead of {value}" for key, value in expected(row).items()
                      if value is not None and seen[row["path"]][key] != value]
    results.check(f"{image.name} by FSKit", not wrong, f"{len(wrong)} differences: {'; '.join(wrong[:3])}")
    print(f"  {image.name}: {len(seen)} names read by FSKit's calls")


def main():
    results = Results()
    with tempfile.TemporaryDirectory() as scratch:
        out = pathlib.Path(scratch)
        try:
            flags, folder = options()
            module("FSKit", [SHAPE / "FSKit.swift"], out, ["-swift-version", "6"])
            module("EROFSMount", sorted(SOURCES.glob("*.swift")), out, flags)
            results.check("the volume conforms to FSKit's declarations", True)
            for right, wrong in BROKEN:
                results.check(f"it is noticed: {wrong}", notices(out, flags, right, wrong))
            shutil.rmtree(out / "changed")
            walk, references = program(out, flags, folder), images.References()
            for name in IMAGES:
                if image := references.image(name):
                    compare(results, walk, image, references.rows())
        except Failure as failure:
            results.check("the volume for macOS", False, str(failure))
    return results.end()
