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
# The program that writes an image, besides HERE / "StoredImage.swift".
CRAFTED = ROOT / "Tests/TestSupport/CraftedImage.swift"
READER = ROOT / "Tests/Traits/Sources/consumer/main.swift"
# Where the codec's own files go.
OWN = {
    "StoredDecoder.swift": "Sources/Core/Codecs/Stored",
    "StoredDecoder+Image.swift": "Sources/Core/EROFS/Decoding",
    "StoredDataRecord.swift": "Sources/Core/EROFS/Format",
    "StoredOnHosts.swift": "Sources/Host/EROFSTools/Codecs",
}
ROW = "  4   stored     Stored     stored   STORED   0       -       format:0       -         -             -\n"
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


class Builder:
    """Compiles modules of the copy, and programs with them, as quickly as it goes."""

    def __init__(self, folder):
        self.folder, self.out = folder, folder / "out"
        self.out.mkdir()
        self.swiftc = ["swiftc", "-Onone", "-wmo", "-swift-version", "6", "-suppress-warnings", "-package-name", "swift_erofs",
                       "-I", self.out]

    def module(self, folder, *flags):
        sources = sorted((self.folder / "Sources" / folder).rglob("*.swift"))
        name = pathlib.Path(folder).name
        run(*self.swiftc, *flags, "-parse-as-library", "-module-name", name, "-emit-module", "-emit-module-path",
            self.out / f"{name}.swiftmodule", "-c", "-o", self.out / f"{name}.o", *sources)

    def program(self, name, *sources):
        """A program of these sources and all modules that were made."""
        path = self.out / name
        run(*self.swiftc, "-o", path, *sources, *sorted(self.out.glob("*.o")))
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
            for module in ("Core/PageVectors", "Core/Codecs", "Core/EROFS", "Host/EROFSFormatWriting"):
                builder.module(module)
            # A block and a part of one; no byte is 0, which would be padding.
            content = bytes((i * 7 + i // 256) % 255 + 1 for i in range(6000))
            (folder / "content").write_bytes(content)
            good, broken = folder / "good.erofs", folder / "broken.erofs"
            writer = builder.program("StoredImage", "-parse-as-library", CRAFTED, HERE / "StoredImage.swift")
            run(writer, folder / "content", good, "0")
            run(writer, folder / "content", broken, "1")

            program = builder.program("all", READER)
            status, output, words = read(program, good)
            hold("an image with the codec is read", status == 0 and output == content, f"status {status}, {words[:300]}")
            status, output, words = read(program, broken)
            hold("an invalid record is corrupt", status not in (0, 2) and "a compression record contains invalid values" in words,
                 f"status {status}, {words[:300]}")
            host = folder / "Stubs.swift"
            host.write_text(STUBS)
            run(*builder.swiftc, "-parse-as-library", "-module-name", "Host", "-typecheck", host,
                *sorted((folder / "Sources/Host/EROFSTools/Codecs").glob("*.swift")))
            hold("hosts know the codec", True)

            (builder.out / "EROFSFormatWriting.o").unlink()
            builder.module("Core/EROFS", "-D", "EROFS_CHOOSES_CODECS", "-D", "LZ4")
            program = builder.program("lz4-only", READER)
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
