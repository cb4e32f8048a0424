# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Uses a release folder as a stranger does, with no Swift to be found: builds and boots its example on every board, installs
it with make and with CMake, and links a program with what pkg-config says. Its README.md must not promise too much."""

import os
import pathlib
import re
import shutil

from .. import images
from ..command import run
from ..elf import Elf
from ..kernel import build as kernels
from ..kernel import installing
from ..project import Failure
from . import release

# A larger arena than the example's, for codecs with tables.
ARENA = 65536
CODECS = ("lzma", "deflate", "zstd")
WORDS = {"arena": "bytes of arena", **{name: f"bytes of stack for {name}" for name in ("erofs_mount", "erofs_open", "erofs_read")}}


def without_swift(work):
    """An environment in whose PATH there is everything but the Swift toolchain."""
    folders = []
    for number, folder in enumerate(os.environ["PATH"].split(":")):
        path = pathlib.Path(folder)
        if any((path / name).exists() for name in ("swift", "swiftc")):
            if path.parent.name == "usr" and path != pathlib.Path("/usr/bin"):
                continue
            links = work / f"path-{number}"
            links.mkdir()
            for program in path.iterdir():
                if "swift" not in program.name:
                    (links / program.name).symlink_to(program)
            path = links
        folders.append(str(path))
    environment = {**os.environ, "PATH": ":".join(folders)}
    if found := shutil.which("swift", path=environment["PATH"]):
        raise Failure(f"{found} is still in PATH")
    return environment


def promised(readme):
    """{board or codec: {what: bytes}} of the tables of README.md."""
    rows = re.findall(r"^\| ([\w-]+) \| (\d+) \| (\d+) \| (\d+) \| (\d+) \|$", readme, re.MULTILINE)
    return {row[0]: dict(zip(WORDS, map(int, row[1:]))) for row in rows}


def figures(output):
    """What the example says that it took, in bytes."""
    found = {what: re.search(rf"^{words}: (\d+)$", output, re.MULTILINE) for what, words in WORDS.items()}
    return {what: int(match[1]) for what, match in found.items() if match}


def expected(folder):
    """What the example prints of its image."""
    total = 0
    for byte in (folder / "example/files/data/table").read_bytes():
        total = (total * 31 + byte) & 0xffffffff
    return ["/etc/hostname", "/etc/motd", (folder / "example/files/etc/motd").read_text().strip(),
            f"sum of /data/table: {total}", "all is well"]


# Boards that are not named as the processor is.
PROCESSORS = {"microbit": "cortex-m0-nrf51", "rv32imac": "rv32", "coldfire": None}


def planned(results, what, board, image, taken):
    """`erofs plan --firmware` says to the byte what mounting asks for."""
    if processor := PROCESSORS.get(board, board):
        needed = images.arena(image, processor, "--mapped")["c"]
        results.check(f"{what}: arena as planned", taken == needed, f"{taken}, planned {needed}")


def boot(results, what, folder, environment, promise, board, image, *words):
    """Builds and boots the example, and compares what it prints with what it must, and what it takes with what was promised."""
    make = ["make", "-s", "-C", folder / "example", *words]
    built = results.attempt(f"{what}: build", lambda: run(*make, env=environment, label=f"make {what}"))
    if built is None:
        return
    # Semihosting writes to QEMU's error output.
    output = results.attempt(f"{what}: boot", lambda: run(
        "sh", "-c", '"$@" 2>&1', "sh", *make, "run", env=environment, seconds=60, label=f"boot {what}"), default="")
    lines = output.splitlines()
    missing = [line for line in expected(folder) if line not in lines]
    results.check(f"{what}: what the example prints", not missing, f"{missing[:1]} is missing: {output[-300:]}")
    taken = figures(output)
    planned(results, what, board, image, taken.get("arena"))
    for word, limit in promise.items():
        # Another version of the compiler may take a little more.
        good, why = 0 < taken.get(word, 0) <= limit * 1.1, f"takes {taken.get(word)} bytes, README.md says {limit}"
        results.check(f"{what}: {word}", good, why)


def boards(results, folder, environment, work):
    promise = promised((folder / "README.md").read_text())
    named = run("make", "-s", "-C", folder / "example", "boards").split()
    results.check("boards that README.md knows", {*promise} <= {*named, *CODECS} and len(promise) == 8, f"{sorted(promise)}")
    for board in named:
        missing = [name for name in run("make", "-s", "-C", folder / "example", "needs", f"BOARD={board}").split()
                   if not shutil.which(name)]
        if missing:
            results.skip(f"example for {board}", f"there is no {missing[0]}")
            continue
        boot(results, f"example for {board}", folder, environment, promise.get(board, {}), board,
             folder / "example/image.erofs", f"BOARD={board}")
        if board == "cortex-m3":
            linked = {name for _, _, name in Elf(folder / f"example/build-{board}/example.elf").functions}
            unused = {name for name in linked if re.match("erofs_(follow|listxattr|getxattr|address|open_entry)", name)}
            results.check("calls that nobody makes take no flash", "erofs_open" in linked and not unused, f"{unused}")
            for codec in CODECS:
                image = images.make(work / f"{codec}.erofs", folder / "example/files",
                                    *(f"-z{codec}" if option.startswith("-z") else option for option in release.IMAGE))
                boot(results, f"example with {codec}", folder, environment, promise.get(codec, {}), board, image, f"BOARD={board}",
                     f"IMAGE={image}", f"ARENA={ARENA}")


def installed(results, folder, environment, work, walk):
    """Installs the library with make and with CMake, and reads the example's image with a program that is linked with it."""
    def use(prefix, moved, *install):
        for command in install:
            run(*command, env=environment)
        if moved:
            prefix = prefix.rename(moved)
        places = {**environment, "PKG_CONFIG_PATH": f"{prefix}/lib/pkgconfig"}
        options = run("pkg-config", "--cflags", "--libs", "swift-erofs", env=places)
        version = run("pkg-config", "--modversion", "swift-erofs", env=places)
        program, output = prefix / "walk", prefix / "output"
        run("gcc", "-O1", walk, *options.split(), "-o", program)
        run(program, "whole", output, folder / "example/image.erofs")
        if version.strip() != release.version() or (folder / "example/files/etc/motd").read_bytes() not in output.read_bytes():
            raise Failure(f"the program of {prefix.name} does not read the image")

    make, cmake, build = work / "make", work / "cmake", work / "cmake-build"
    quick = ["CFLAGS=-O0"]
    again = work / "make-again"
    results.attempt("installed by make", use, make, None, ["make", "-s", "-C", folder, "install", f"PREFIX={make}", *quick])
    results.attempt("installed by make, in another place", use, again, None,
                    ["make", "-s", "-C", folder, "install", f"PREFIX={again}", *quick])
    if not shutil.which("cmake"):
        results.skip("installed by CMake", "there is no cmake")
        return
    results.attempt("installed by CMake", use, cmake, None,
                    ["cmake", "-S", folder, "-B", build, f"-DCMAKE_INSTALL_PREFIX={cmake}", "-DCMAKE_C_FLAGS=-O0"],
                    ["cmake", "--build", build, "--target", "install"])
    results.attempt("installed by CMake, in a place that was not configured", use, work / "cmake-prefix",
                    work / "cmake-moved", ["cmake", "--install", build, "--prefix", work / "cmake-prefix"])


def check(results, c_files, work, walk):
    """`c_files`: the C that is released; `walk`: a program that reads an image through erofs.h."""
    folder = work / "release"
    release.write(folder, c_files)
    refused = False
    try:
        release.write(folder, c_files)
    except Failure:
        refused = True
    results.check("a folder that is there is not replaced", refused, "it was")
    results.attempt("checksums", lambda: run("sha256sum", "--check", "--quiet", "--strict", "SHA256SUMS", cwd=folder))
    listed = {line.split("  ", 1)[1] for line in (folder / "SHA256SUMS").read_text().splitlines()}
    there = {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()} - {"SHA256SUMS"}
    results.check("all files have a checksum", listed == there, f"not {sorted(listed ^ there)[:3]}")
    left = [path.name for path in folder.rglob("*") if path.is_file() and b"@RELEASE@" in path.read_bytes()]
    results.check("no placeholder is left", not left, f"in {left}")
    copy = shutil.copytree(release.HERE, work / "sources")
    (copy / "example/build-cortex-m3").mkdir(exist_ok=True)
    (copy / "example/build-cortex-m3/main.o").touch()
    made = [str(path) for path in release.sources(copy) if path.suffix == ".o"]
    results.check("what was built is not released", not made and release.sources(copy), f"{made}")
    environment = without_swift(work)
    source = kernels.CACHE / "source-7.2"
    if source.is_symlink():
        with kernels.lock(source.name):
            installing.without_swift(results, folder / "kernel/erofs-kernel", source.resolve(), work / "trees", environment)
    else:
        results.skip("the kernel's side, as released", "there is no kernel's source in the cache: ./test linux fetches one")
    boards(results, folder, environment, work)
    installed(results, folder, environment, work, walk)
