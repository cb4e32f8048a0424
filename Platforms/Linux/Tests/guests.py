# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What the tests of the kernels boot: programs of guest/, images, and a run of QEMU with what it printed."""

import array
import functools
import hashlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[2]
sys.path[:0] = [str(HERE.parent), str(ROOT / "Scripts")]
import codecs_table  # noqa: E402
import machine  # noqa: E402
from machine import kernels  # noqa: E402

SCRATCH = kernels.CACHE / "tests"
CODECS = {codec.word: [codec.mkfs] for codec in codecs_table.KERNEL}
COMPILERS = {
    "rv64": ["riscv64-linux-gnu-gcc", "-march=rv64imac", "-mabi=lp64", "-mcmodel=medany"],
    "rv32": ["riscv64-linux-gnu-gcc", "-march=rv32imac", "-mabi=ilp32", "-mcmodel=medany"],
    "cortex-m3": ["arm-linux-gnueabi-gcc", "-mcpu=cortex-m3", "-mthumb"],
}


def say(text):
    print(f"  {text}", flush=True)


@functools.cache
def mkfs():
    """The newest mkfs.erofs where it can be had: older ones do not have all codecs."""
    peers = os.environ.get("EROFS_PEERS")
    if not peers:
        done = subprocess.run([ROOT / "Scripts/install-peers.sh"], text=True, capture_output=True)
        peers = done.stdout.strip() if done.returncode == 0 else ""
        if not peers:
            reason = (done.stderr.strip().splitlines() or ["it says nothing"])[-1]
            say(f"        the newest mkfs.erofs is not to be had, so that of this machine is taken: {reason}")
    return f"{peers}/bin/mkfs.erofs" if peers else "mkfs.erofs"


def program(cpu, name):
    """One of guest/'s programs: static, position-independent, on the kernel's own nolibc."""
    nolibc = kernels.source("7.2") / "tools/include/nolibc"
    key = kernels.digest(HERE / "guest", cpu)
    output = SCRATCH / f"{name}-{cpu}-{key}"
    if not output.exists():
        SCRATCH.mkdir(parents=True, exist_ok=True)
        kernels.run([*COMPILERS[cpu], "-Wall", "-Werror", "-Os", "-s", "-DNOLIBC_NO_RUNTIME", "-nostdlib", "-nostartfiles",
                     "-static-pie", "-fPIE", "-fvisibility=hidden", "-fno-stack-protector", "-ffunction-sections",
                     "-fno-asynchronous-unwind-tables", "-fdata-sections",
                     "-Wl,--gc-sections,--no-dynamic-linker,--build-id=none,-z,norelro,-z,stack-size=65536",
                     "-isystem", nolibc, "-include", nolibc / "nolibc.h", "-o", output, HERE / f"guest/{name}.c"])
    return output


def image(output, tree, *options):
    kernels.run([mkfs(), "--quiet", "-T0", "--all-root", *options, output, tree])
    return output


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
    return image(pathlib.Path(folder) / "root.erofs", tree, *options)


def userspace_root(folder, cpu, options):
    """A root with our userspace and the sources of this project, each as it is and all in one; and what `sum -b /files`
    must print there."""
    tree = pathlib.Path(folder) / "root"
    shutil.rmtree(tree, ignore_errors=True)
    # Its programs are one file with many names.
    kernels.run(["cp", "-a", machine.userspace(cpu) / "root", tree])
    sources = sorted((ROOT / "Sources").rglob("*.swift"))
    files = {f"/files/{number}": path.read_bytes() for number, path in enumerate(sources)}
    files["/files/all"] = b"".join(files.values())
    (tree / "files").mkdir()
    for name, content in files.items():
        (tree / name[1:]).write_bytes(content)
    sums = {f"{hashlib.sha256(content).hexdigest()}  {name}" for name, content in files.items()}
    return image(pathlib.Path(folder) / "root.erofs", tree, *options), sums


def disk(output, images, options=""):
    """Images one behind the other: their names and the options to mount each with, as the guests read it."""
    table = b""
    with open(output, "wb") as file:
        for name, path in images:
            table += f"{name}\0fsoffset={file.tell()}{options}\0".encode()
            file.write(path.read_bytes())
            file.write(bytes(-file.tell() % 4096))
    return table


def second(image):
    """The second device of an image that lies on two; nothing for others."""
    blob = image.with_suffix(".blob")
    return blob if blob.exists() else None


def boot(cpu, kernel, root, seconds=120, commands=(), **options):
    """What the machine printed, up to the line END, its panic, or the time's end. Commands are typed, each at a prompt."""
    output = b""
    # What is typed comes back, but not as a line of its own.
    typed = [*commands, "echo E''ND"] if commands else []
    with tempfile.TemporaryDirectory() as folder:
        command = machine.command(cpu, kernel, root, folder, **options)
        with subprocess.Popen(command, stdin=subprocess.PIPE if commands else subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as guest:
            # Not every machine can switch itself off, so what it prints decides.
            late = threading.Timer(seconds, guest.kill)
            late.start()
            while part := os.read(guest.stdout.fileno(), 1 << 16):
                output += part
                if typed and output.endswith(b"\n# "):
                    os.write(guest.stdin.fileno(), typed.pop(0).encode() + b"\n")
                if re.search(rb"\nEND\r*\n", output[-(len(part) + 8):]) or b"Kernel panic" in part:
                    guest.kill()
            if not late.is_alive():
                output += b"\nTIMEOUT\n"
            late.cancel()
    return output.decode(errors="replace").replace("\r", "")


class References:
    """The reference images and their manifest: the whole set where EROFS_SHARED or ../shared has it."""

    def __init__(self):
        shared = pathlib.Path(os.environ.get("EROFS_SHARED") or ROOT.parent / "shared") / "images"
        if not (shared / "images.tar.zst").exists():
            shared = ROOT / "Tests/Fixtures/images"
        archive = shared / "images.tar.zst"
        folder = SCRATCH / f"images-{hashlib.sha256(archive.read_bytes()).hexdigest()[:16]}"
        if not folder.exists():
            partial = folder.with_suffix(".partial")
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            kernels.run(["tar", "--zstd", "-xf", archive, "-C", partial])
            partial.rename(folder)
        self.images = [(file.stem, file) for file in sorted(folder.glob("*.erofs"))]
        manifest = next(path for path in (shared / "manifest.jsonl", folder / "manifest.jsonl") if path.exists())
        rows = [json.loads(line) for line in manifest.read_text().splitlines()]
        files = [row for row in rows if row["kind"] == "file"]
        self.count = len(files)
        self.expected = b"".join(row["sha256"].encode() + b" " + row["path"].encode("utf-8", "surrogateescape") + b"\0"
                                 for row in files)


def mix(x):
    x ^= x >> 16
    x = x * 0x85EBCA6B & 0xFFFFFFFF
    x ^= x >> 13
    x = x * 0xC2B2AE35 & 0xFFFFFFFF
    return x ^ x >> 16


def hammer_images(folder):
    """Images for guest/hammer.c: one for each codec and size of cluster. They are kept under what they are made of."""
    kinds = [("lz4-4k", "-zlz4hc,12", "-C4096", 1), ("lz4-16k", "-zlz4hc,12", "-C16384", 1),
             ("lz4-64k", "-zlz4hc,12", "-C65536", 2), ("lz4-1m", "-zlz4hc,12", "-C1048576", 4), ("lzma-64k", "-zlzma", "-C65536", 1),
             ("deflate-16k", "-zdeflate,9", "-C16384", 1), ("zstd-64k", "-zzstd,19", "-C65536", 1)]
    images = []
    SCRATCH.mkdir(parents=True, exist_ok=True)
    maker = kernels.run([mkfs(), "-V"])
    for number, (name, *options, mebibytes) in enumerate(kinds):
        key = kernels.digest(pathlib.Path(__file__), maker, str(number), name, *options, str(mebibytes))
        output = SCRATCH / f"hammer-{name}-{key}.erofs"
        if not output.exists():
            words = array.array("I")
            for k in range((mebibytes << 20) // 12 + 1):
                value = mix((k + number * 0x1000193) & 0xFFFFFFFF) & 0xFFFF
                words.extend((value, value, value))
            tree = pathlib.Path(folder) / name
            tree.mkdir()
            (tree / str(number)).write_bytes(words[: (mebibytes << 20) // 4].tobytes())
            image(output.with_suffix(".new"), tree, *options).rename(output)
        images.append((name, output))
    return images
