# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What the tests of the kernels boot: programs of guest/, images, and a run of QEMU with what it printed."""

import array
import hashlib
import pathlib
import shutil
import tempfile

from .. import codecs, images, project, qemu
from ..command import run
from ..processors import LINUX, PROCESSORS
from ..project import ROOT, digest
from ..userspace import flat
from . import build as kernels
from . import machine

GUESTS = project.LINUX / "Tests/guest"
SCRATCH = kernels.CACHE / "tests"
CODECS = {codec.word: [codec.mkfs] for codec in codecs.KERNEL}
# The line that a guest ends with, or what its kernel says last.
ENDS = rb"\nEND\r*\n|Kernel panic"
# Bytes of stack of these programs.
STACK = 65536


def say(text):
    print(f"  {text}", flush=True)


def program(cpu, name, as_flat=False, room=0):
    """One of guest/'s programs: static, position-independent, on the kernel's own nolibc. A bFLT file, which every release
    takes, may have `room` bytes more."""
    nolibc = kernels.source("7.2") / "tools/include/nolibc"
    cpu_flags = [*PROCESSORS[cpu].c_flags, *LINUX[cpu].flags]
    # GCC for m68k has no static-pie, which is a pie that names no loader.
    pie = "-pie" if cpu == "m68k" else "-static-pie"
    key = digest(GUESTS, cpu, *cpu_flags, pathlib.Path(flat.__file__))
    output = SCRATCH / f"{name}-{cpu}-{key}"
    if not output.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        run(f"{LINUX[cpu].compiler}gcc", *cpu_flags, "-Wall", "-Werror", "-Os", "-s", "-DNOLIBC_NO_RUNTIME", "-nostdlib",
            "-nostartfiles",
                     pie, "-fPIE", "-fvisibility=hidden", "-fno-stack-protector", "-ffunction-sections",
                     "-fno-asynchronous-unwind-tables", "-fdata-sections",
                     f"-Wl,--gc-sections,--no-dynamic-linker,--build-id=none,-z,norelro,-z,stack-size={STACK}",
                     "-isystem", nolibc, "-include", nolibc / "nolibc.h", "-o", output, GUESTS / f"{name}.c")
    if not as_flat:
        return output
    copied = output.with_name(f"{output.name}-{room}.flat")
    if not copied.exists():
        flat.convert_whole(output, copied, STACK, room)
    return copied


def root(folder, init, files=(), options=()):
    """A root image with the program as /init, the places to mount at, and files by name and content."""
    tree = pathlib.Path(folder) / "root"
    shutil.rmtree(tree, ignore_errors=True)
    for name in ("dev", "proc", "mnt", *(f"mnt{i}" for i in range(7))):
        (tree / name).mkdir(parents=True)
    shutil.copy(init, tree / "init")
    (tree / "init").chmod(0o755)
    for name, content in files:
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_bytes(content)
    return images.make(pathlib.Path(folder) / "root.erofs", tree, *options)


def userspace_root(folder, cpu, options, more=()):
    """A root with our userspace and the sources of this project, each as it is and all in one, and with `more` files by name and
    path; and what `sum -b /files` must print there."""
    tree = pathlib.Path(folder) / "root"
    shutil.rmtree(tree, ignore_errors=True)
    # Its programs are one file with many names.
    run("cp", "-a", machine.userspace(cpu) / "root", tree)
    sources = sorted((ROOT / "Sources").rglob("*.swift"))
    files = {f"/files/{number}": path.read_bytes() for number, path in enumerate(sources)}
    files["/files/all"] = b"".join(files.values())
    (tree / "files").mkdir()
    for name, content in files.items():
        (tree / name[1:]).write_bytes(content)
    for name, path in more:
        shutil.copy(path, tree / name)
    sums = {f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items()}
    return images.make(pathlib.Path(folder) / "root.erofs", tree, *options), sums


def disk(output, chosen, options=""):
    """Images one behind the other: their names and the options to mount each with, as the guests read it."""
    table = b""
    with open(output, "wb") as file:
        for name, path in chosen:
            table += f"{name}\0fsoffset={file.tell()}{options}\0".encode()
            file.write(path.read_bytes())
            # Where the largest pages begin: Linux 7.2 looks for a tail beside an inode at its place in the image's page, as if
            # fsoffset were none (z_erofs_pcluster_begin).
            file.write(bytes(-file.tell() % 8192))
    return table


def boot(cpu, kernel, root, seconds=120, commands=(), **options):
    """What the machine printed, up to the line END, its panic, or the time's end. Commands are typed, each at a prompt."""
    # What is typed comes back, but not as a line of its own.
    typed = [*commands, "echo E''ND"] if commands else []
    with tempfile.TemporaryDirectory() as folder:
        command = machine.command(cpu, kernel, root, folder, **options)
        status, output = qemu.boot(command, commands=typed, ends=ENDS, seconds=seconds, label=f"boot Linux on {cpu}")
    return (output + (b"\nTIMEOUT\n" if status is None else b"")).decode(errors="replace").replace("\r", "")


class References(images.References):
    """The reference images, with what a guest must say of their files."""

    def __init__(self):
        super().__init__()
        files = [row for row in self.rows() if row["kind"] == "file"]
        self.count = len(files)
        self.expected = b"".join(row["sha256"].encode() + b" " + row["path"].encode("utf-8", "surrogateescape") + b"\0"
                                 for row in files)


def mix(x):
    x ^= x >> 16
    x = x * 0x85EBCA6B & 0xFFFFFFFF
    x ^= x >> 13
    x = x * 0xC2B2AE35 & 0xFFFFFFFF
    return x ^ x >> 16


def hammer_images(folder, only=None):
    """Images for guest/hammer.c: one for each codec and size of cluster, or only that of a name. They are made once in a
    folder."""
    kinds = [("lz4-4k", "-zlz4hc,12", "-C4096", 1), ("lz4-16k", "-zlz4hc,12", "-C16384", 1),
             ("lz4-64k", "-zlz4hc,12", "-C65536", 2), ("lz4-1m", "-zlz4hc,12", "-C1048576", 4),
             ("lzma-64k", "-zlzma", "-C65536", 1),
             ("deflate-16k", "-zdeflate,9", "-C16384", 1), ("zstd-64k", "-zzstd,19", "-C65536", 1)]
    made = []
    for number, (name, *options, mebibytes) in enumerate(kinds):
        image = pathlib.Path(folder) / f"hammer-{name}.erofs"
        if only and name != only:
            continue
        made.append((name, image))
        if image.exists():
            continue
        # Numbers of 16 bits, each three times.
        words = array.array("I")
        for k in range((mebibytes << 20) // 12 + 1):
            value = mix((k + number * 0x1000193) & 0xFFFFFFFF) & 0xFFFF
            words.extend((value, value, value))
        tree = pathlib.Path(folder) / name
        tree.mkdir()
        (tree / str(number)).write_bytes(words[: (mebibytes << 20) // 4].tobytes())
        images.make(image, tree, *options)
    return made
