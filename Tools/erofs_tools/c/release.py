# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Writes a folder for those who have a C compiler and no Swift: ./release FOLDER

It has Core as C, headers, licences, a Makefile, CMake and pkg-config, an image and an example that reads it on boards under
QEMU, and the checksums of all that. Its README.md says how it is used. The same sources make the same folder.
"""

import argparse
import hashlib
import pathlib
import re
import shutil
import tempfile

from .. import images
from ..project import LINUX, ROOT, Failure
from . import generate

HERE = ROOT / "Platforms/C/release"
# What is for a kernel lies in a folder of its own, with the program that brings it into one: from our folder of it these, and
# the C, each beside the files that call it.
INSTALLER = ("erofs-kernel", "installer", "series", "fs-erofs", "mm")
KERNEL = {"erofs_pages.c": "kernel/fs-erofs", "nommu_vmap_core.c": "kernel/mm"}
KERNEL_HEADERS = ("pages.h", "pages_codecs.h", "nommu_vmap.h")
# Small enough for the least memory among the example's boards.
IMAGE = ("-b512", "-zlz4hc", "--max-extent-bytes=4096")


def version():
    """That of the command."""
    source = ROOT / "Sources/Host/EROFSCommand/RootCommand.swift"
    return re.search(r'^    version: "([\d.]+)"', source.read_text(), re.MULTILINE)[1]


def tree(folder):
    """The files that the example's image is made of."""
    for name, text in {
            "etc/hostname": "board\n",
            "etc/motd": "This text comes from a compressed image.\n",
            "data/table": "".join(f"{number} {number * number % 997}\n" for number in range(1500))}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o644)
        path.parent.chmod(0o755)
    folder.chmod(0o755)


def sources(folder=HERE):
    """The files that the release has of a folder, relative to it: none that the example's Makefile has made there."""
    files = (path.relative_to(folder) for path in folder.rglob("*") if path.is_file())
    return sorted(path for path in files if not any(part.startswith(("build-", ".")) for part in path.parts))


def for_kernels(folder, c_files):
    """What those who build kernels have of the release: the program, the C, and the trees for Buildroot and Yocto."""
    places = {generate.KERNEL / name: pathlib.Path("kernel", name) for name in INSTALLER}
    places.update({LINUX / name.title(): pathlib.Path(name) for name in ("buildroot", "yocto")})
    places.update({c_files / name: pathlib.Path(place, name) for name, place in KERNEL.items()})
    for source, place in places.items():
        for path in [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file()):
            if path.suffix != ".pyc":
                target = folder / place / path.relative_to(source)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(path, target)


def fill(folder, c_files):
    """Makes the release in an empty folder, of C that was made before."""
    for name in sources():
        source, target = HERE / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(source.read_text().replace("@RELEASE@", version()))
    for_kernels(folder, c_files)
    for path in sorted(c_files.iterdir()):
        if path.suffix in (".c", ".h") and path.name not in (*KERNEL_HEADERS, *KERNEL):
            shutil.copyfile(path, folder / path.name)
    shutil.copyfile(ROOT / "LICENSE", folder / "LICENSE")
    shutil.copytree(ROOT / "LICENSES", folder / "LICENSES")
    tree(folder / "example/files")
    images.make(folder / "example/image.erofs", folder / "example/files", *IMAGE)
    sums = [f"{hashlib.sha256(path.read_bytes()).hexdigest()}  {path.relative_to(folder)}\n"
            for path in sorted(folder.rglob("*")) if path.is_file()]
    (folder / "SHA256SUMS").write_text("".join(sums))


def write(folder, c_files=None):
    """Writes the release. The folder appears when it is whole; nothing that is there is replaced."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Failure(f"{folder} is there already: name a folder that is not, or an empty one")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        partial = pathlib.Path(temporary) / folder.name
        partial.mkdir()
        if not c_files:
            c_files = pathlib.Path(temporary) / "c"
            parts, intermediate = generate.parts(), pathlib.Path(temporary) / "ir"
            generate.all_ir(parts, intermediate)
            generate.print_all(parts, intermediate, c_files)
        fill(partial, c_files)
        partial.replace(folder)


def main():
    parser = argparse.ArgumentParser(prog="release", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=pathlib.Path)
    folder = parser.parse_args().folder.absolute()
    write(folder)
    print(f"{folder}: {sum(path.is_file() for path in folder.rglob('*'))} files, version {version()}")
