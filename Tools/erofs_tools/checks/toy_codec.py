# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Adds a codec to a copy of this project by the steps of DESIGN.md, "Adding a codec", and holds the copy to what that
promises: it builds, an image with the codec is read, and a build without the codec refuses that image by the codec's name.
Prints which files were touched.
"""

import hashlib
import pathlib
import shutil
import subprocess
import tempfile

from ..command import run
from ..project import ROOT, Failure
from ..results import Results

HERE = ROOT / "Tests/ToyCodec"
# Where the codec's own files go.
OWN = {
    "StoredDecoder.swift": "Sources/Core/Codecs/Stored",
    "StoredDecoder+Image.swift": "Sources/Core/EROFS/Decoding",
    "StoredDataRecord.swift": "Sources/Core/EROFS/Format",
    "StoredOnHosts.swift": "Sources/Host/EROFSTools/Codecs",
}
ROW = "  4   stored     Stored     stored   STORED   0       -       format:0       -         -             -\n"
BLOCK = 4096
# What HostCodec.swift and its kin need of their module.
STUBS = """
enum LinuxDecoders {}
extension Int { var grouped: String { String(self) } }
"""


def files(folder):
    """The digest of each file by its path."""
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
            for path in folder.rglob("*") if path.is_file()}


def copy(folder):
    """What of the project is in git, or would be: without what builds have left."""
    listed = run("git", "ls-files", "--cached", "--others", "--exclude-standard")
    for name in listed.splitlines():
        if not name.startswith(("Sources/", "Tools/", "Platforms/", "Package.swift", "Benchmarks/", "Fuzzing/Sources/",
                                "Tests/CodecPeers/")) or not (ROOT / name).is_file():
            continue
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)


def add_codec(folder):
    """The documented steps. Returns the files that an author writes."""
    for name, place in OWN.items():
        (folder / place).mkdir(exist_ok=True)
        shutil.copy(HERE / name, folder / place / name)
    with open(folder / "Tools/codecs.txt", "a") as table:
        table.write(ROW)
    if subprocess.run([folder / "Tools/run", "codecs", "--check"], capture_output=True).returncode == 0:
        raise Failure("Tools/run codecs --check does not notice that a row is new")
    run(folder / "Tools/run", "codecs")
    run(folder / "Tools/run", "codecs", "--check")


def number(value, count):
    return value.to_bytes(count, "little")


def inode(layout, mode, size, union, links):
    return (number(layout << 1 | 1, 2) + bytes(2) + number(mode, 2) + bytes(2) + number(size, 8) + number(union, 4)
            + bytes(24) + number(links, 4) + bytes(16))


def image(content, record=bytes(6)):
    """An image whose one file is stored with algorithm 4, an extent for each block."""
    blocks = [content[at:at + BLOCK] for at in range(0, len(content), BLOCK)]
    root, file = 64, 68
    index = b"".join(number(1, 2) + bytes(2) + number(2 + i, 4) for i in range(len(blocks)))
    names = [(b".", root, 2), (b"..", root, 2), (b"file", file, 1)]
    entries, place = b"", 12 * len(names)
    for name, nid, kind in names:
        entries += number(nid, 8) + number(place, 2) + bytes([kind, 0])
        place += len(name)
    directory = entries + b"".join(name for name, _, _ in names)
    made = bytearray(2 * BLOCK)
    # Compression records follow the superblock's 128 bytes.
    superblock = (number(0xE0F5E1E2, 4) + bytes(8) + bytes([12, 0]) + number(root, 2) + bytes(0x40) + number(0x3, 4)
                  + number(1 << 4, 2))
    for at, part in ((1024, superblock), (1152, number(6, 2) + record), (root * 32, inode(0, 0o040755, len(directory), 1, 2)),
                     (file * 32, inode(1, 0o100644, len(content), len(blocks), 1)),
                     # The map header, with algorithm 4 for the first kind of head; the full index begins 8 bytes after it.
                     (file * 32 + 64, bytes(6) + bytes([4, 0])), (file * 32 + 64 + 16, index), (BLOCK, directory)):
        made[at:at + len(part)] = part
    for block in blocks:
        made += block.rjust(BLOCK, b"\0")
    return bytes(made)


class Builder:
    """Compiles the copy's Core, and the program of Tests/Traits with it, as quickly as it goes."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder / "out"
        self.out.mkdir()
        self.swiftc = ["swiftc", "-Onone", "-wmo", "-swift-version", "6", "-suppress-warnings", "-package-name", "swift_erofs",
                       "-I", self.out]

    def module(self, name, flags=()):
        sources = sorted((self.folder / "Sources/Core" / name).rglob("*.swift"))
        run(*self.swiftc, *flags, "-parse-as-library", "-module-name", name, "-emit-module", "-emit-module-path",
            self.out / f"{name}.swiftmodule", "-c", "-o", self.out / f"{name}.o", *sources)

    def program(self, name, flags=()):
        self.module("EROFS", flags)
        path = self.out / name
        run(*self.swiftc, "-o", path, ROOT / "Tests/Traits/Sources/consumer/main.swift",
            *(self.out / f"{module}.o" for module in ("PageVectors", "Codecs", "EROFS")))
        return path


def read(program, path):
    done = subprocess.run([program, path, "/file"], capture_output=True)
    return done.returncode, done.stdout, done.stderr.decode(errors="replace")


def main():
    results = Results()
    hold = results.check
    with tempfile.TemporaryDirectory() as scratch:
        folder = pathlib.Path(scratch) / "copy"
        try:
            copy(folder)
            before = files(folder)
            add_codec(folder)
            after = {path: digest for path, digest in files(folder).items() if before.get(path) != digest and ".pyc" not in path}
            own = {f"{place}/{name}" for name, place in OWN.items()} | {"Tools/codecs.txt"}
            made = set(run(folder / "Tools/run", "codecs", "--list").splitlines())
            print(f"  a fifth codec: {len(own)} files to write or change, {len(after) - len(own)} made anew from the table")
            for path in sorted(after):
                print(f"    {'made' if path in made else 'own' if path not in before else 'row'}  {path}")
            hold("files that a fifth codec touches", own <= set(after) <= own | made, " ".join(sorted(set(after) ^ (own | made))))

            builder = Builder(folder)
            builder.module("PageVectors")
            builder.module("Codecs")
            content = bytes((i * 7 + i // 256) % 255 + 1 for i in range(BLOCK + 1904))
            good, broken = folder / "good.erofs", folder / "broken.erofs"
            good.write_bytes(image(content))
            broken.write_bytes(image(content, record=bytes([1, 0, 0, 0, 0, 0])))

            program = builder.program("all")
            status, output, words = read(program, good)
            hold("an image with the codec is read", status == 0 and output == content, f"status {status}, {words[:300]}")
            status, output, words = read(program, broken)
            hold("an impossible record is corrupt", status not in (0, 2) and "compressionRecord" in words, f"{status}, {words[:300]}")
            host = folder / "Stubs.swift"
            host.write_text(STUBS)
            run(*builder.swiftc, "-parse-as-library", "-module-name", "Host", "-typecheck", host,
                *sorted((folder / "Sources/Host/EROFSTools/Codecs").glob("*.swift")))
            hold("hosts know the codec", True)

            program = builder.program("lz4-only", ["-D", "EROFS_CHOOSES_CODECS", "-D", "LZ4"])
            status, output, words = read(program, good)
            hold("a build without it refuses it by name", status == 2 and words.strip() == "stored" and not output,
                 f"status {status}, {words[:300]}")

            entries = run("python3", "-c", "from erofs_tools import codecs; print(codecs.kernel_entries())", cwd=folder / "Tools")
            header = (folder / "Platforms/Linux/Kernel/fs-erofs/pages_codecs.h").read_text()
            hold("a kernel's object has an entry for it", "@c(erofs_pages_stored)" in entries
                 and "int erofs_pages_stored(" in header and "EROFS_PAGES_IF_STORED(stored, STORED, format, 0)" in header)
            manifest = (folder / "Package.swift").read_text()
            hold("the package has a trait for it", '"Zstandard", "Stored"]' in manifest)
        except Failure as failure:
            results.check("a codec is added", False, str(failure))
    return results.end()
