# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The machines under QEMU: how a kernel, its images and its command line get into each; and what runs there."""

import pathlib
import re

from .. import project, qemu
from ..command import run, say
from ..processors import LINUX, PROCESSORS
from ..project import Failure, digest
from ..userspace import build as programs
from . import build as kernels

CPUS = tuple(LINUX)

# The MPS2 board's memory for everything, and what the kernel's link address asks for.
PSRAM, PSRAM_SIZE, KERNEL_OFFSET = 0x21000000, 16 << 20, 0x8000
# The ColdFire's memory, and how much of it m68k.config says that there is; what is before and behind this
# number in head.S; what fits in its kernel's command line.
SDRAM, SDRAM_SIZE, SIZED, COMMAND_LINE_SIZE = 0x40000000, 16 << 20, (b"\x20\x3c", b"\xd0\x8f"), 256
# Where m68k.config links the kernel, above SDRAM; the loader is below it.
COLDFIRE_KERNEL, COLDFIRE_LOADER = 0x20000, 0x10000
# Where a disk is a memory device.
MTD = ("cortex-m3", "m68k")

# Requests that a disk takes at a time. The driver sets memory aside for each, 400 KiB for the 1024 that QEMU offers.
QUEUE = 16


def userspace(cpu):
    """The folder with our own userspace for a CPU, built on first use: root, root.erofs. Its programs are bFLT, of which
    all processes share one copy."""
    folder = kernels.CACHE / f"userspace-{cpu}"
    key = digest("flat", programs.made_by(cpu), programs.SOURCES / "Sources", programs.SOURCES / "Bridge")
    stamp = folder / "key"
    with kernels.lock(f"userspace-{cpu}"):
        if not (stamp.exists() and stamp.read_text() == key):
            say(f"building the userspace for {cpu}")
            programs.build(cpu, folder, as_flat=True)
            stamp.write_text(key)
    return folder


def size(text):
    """Bytes of "3584K", "8M" or "1048576"."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper().removesuffix("IB").removesuffix("B"))
    if not found:
        raise Failure(f"no size: {text}")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]]


def riscv(cpu, kernel, root, data, ram, smp, words):
    command = [*PROCESSORS[cpu].qemu, "-cpu", f"{cpu},mmu=off", "-m", f"{ram >> 10}K", "-smp", str(smp), "-kernel", str(kernel)]
    for number, image in enumerate([root, *data]):
        command += ["-drive", f"file={image},format=raw,if=none,id=disk{number},readonly=on",
                    "-device", f"virtio-blk-device,drive=disk{number}"]
    early = "earlycon=uart8250,mmio,0x10000000,115200n8 console=ttyS0"
    return command + ["-append", f"{early} virtio_blk.queue_depth={QUEUE} root=/dev/vda {words}"]


def mps2(kernel, root, data, ram, smp, words, device_tree, folder):
    """There is no disk and no boot loader: images lie behind the kernel's memory, and a device tree tells of both."""
    if smp != 1:
        raise Failure("a Cortex-M3 is one processor")
    blob_at = PSRAM + ram
    at = blob_at + (64 << 10)
    blob = folder / "board.dtb"
    blob.write_bytes(pathlib.Path(device_tree).read_bytes())
    loads = [(kernel, PSRAM + KERNEL_OFFSET), (blob, blob_at)]
    disks = []
    for number, image in enumerate([root, *data]):
        length = -(-pathlib.Path(image).stat().st_size // 4096) * 4096
        disks.append((f"disk{number}", at, length))
        loads.append((image, at))
        at += length
    if at > PSRAM + PSRAM_SIZE:
        raise Failure(f"the board has 16M for memory and images, and this takes {(at - PSRAM) >> 10}K")
    if PSRAM + KERNEL_OFFSET + pathlib.Path(kernel).stat().st_size > blob_at:
        raise Failure(f"the kernel does not fit in {ram >> 10}K")
    # A node that is made later comes first.
    for name, start, length in reversed(disks):
        node = f"/{name}@{start:x}"
        run("fdtput", "-c", blob, node)
        run("fdtput", "-t", "s", blob, node, "compatible", "phram")
        run("fdtput", "-t", "s", blob, node, "label", name)
        run("fdtput", "-t", "x", blob, node, "reg", f"{start:x}", f"{length:x}")
    run("fdtput", "-t", "x", blob, "/memory@21000000", "reg", f"{PSRAM:x}", f"{ram:x}")
    run("fdtput", "-t", "s", blob, "/chosen", "bootargs", f"earlycon root=/dev/mtdblock0 {words}")
    loader = folder / "loader.elf"
    run(f"{LINUX['cortex-m3'].compiler}gcc", "-mcpu=cortex-m3", "-mthumb", "-nostdlib", "-static",
        f"-DKERNEL={PSRAM + KERNEL_OFFSET:#x}",
        f"-DDEVICE_TREE={blob_at:#x}", "-Wl,-Ttext=0,--build-id=none", "-o", loader, project.LINUX / "Loader/cortex-m3.S")
    return [*PROCESSORS["cortex-m3"].qemu, "-kernel", str(loader), *(word for place in loads for word in qemu.load(*place))]


def coldfire(kernel, root, data, ram, smp, words, folder):
    """Images lie behind the kernel's memory, one behind the other, and are parts of one device. The loader hands over the
    command line; how much memory there is is a number in the kernel."""
    if smp != 1:
        raise Failure("a ColdFire is one processor")
    own = folder / "kernel"
    run(f"{LINUX['m68k'].compiler}objcopy", "-O", "binary", kernel, own)
    content = own.read_bytes()
    # What it was configured with (m68k.config), an operand of head.S.
    sized, wanted = (SIZED[0] + number.to_bytes(4, "big") + SIZED[1] for number in (SDRAM_SIZE, ram))
    if content.count(sized) != 1:
        raise Failure(f"{kernel} does not say in one place how much memory it has")
    own.write_bytes(content.replace(sized, wanted))
    at, parts, loads = SDRAM + ram, [], qemu.load(own, SDRAM + COLDFIRE_KERNEL)
    for image in [root, *data]:
        # A part begins where a page does.
        length = -(-pathlib.Path(image).stat().st_size // 8192) * 8192
        loads += qemu.load(image, at)
        parts.append(f"{length}(disk{len(parts)})")
        at += length
    total = sum(int(part.partition("(")[0]) for part in parts)
    line = (f"console=ttyS0 phram.phram=disks,{SDRAM + ram:#x},{total:#x} mtdparts=disks:{','.join(parts)} "
            f"root=/dev/mtdblock0 {words}").encode()
    if len(line) >= COMMAND_LINE_SIZE:
        raise Failure(f"the kernel's command line has {COMMAND_LINE_SIZE - 1} bytes, and this takes {len(line)}: {line.decode()}")
    (folder / "command").write_bytes(line)
    loader = folder / "loader.elf"
    run(f"{LINUX['m68k'].compiler}gcc", *PROCESSORS["m68k"].flags, "-nostdlib", "-static", f"-DKERNEL={SDRAM + COLDFIRE_KERNEL:#x}",
        f'-DCOMMAND="{folder / "command"}"', f"-Wl,-Ttext={SDRAM + COLDFIRE_LOADER:#x},--build-id=none", "-o", loader,
        project.LINUX / "Loader/coldfire.S")
    return [*PROCESSORS["m68k"].qemu, "-m", str((at - SDRAM >> 20) + 1), "-kernel", str(loader), *loads]


def command(cpu, kernel, root, folder, data=(), ram="32M", smp=1, init="/init", arguments="", append="", icount=None):
    """QEMU's command line for a boot; small files that it needs are made in `folder`.

    Ends when the guest reboots, or panics.
    """
    ram = size(ram) if isinstance(ram, str) else ram
    words = f"ro rootfstype=erofs init={init} panic=-1 {append}".strip() + (f" -- {arguments}" if arguments else "")
    if cpu == "cortex-m3":
        tree = kernel.parent / "dts/arm/mps2-an385.dtb"
        made = mps2(kernel, root, data, ram, smp, words, tree, pathlib.Path(folder))
    elif cpu == "m68k":
        made = coldfire(kernel, root, data, ram, smp, words, pathlib.Path(folder))
    else:
        made = riscv(cpu, kernel, root, data, ram, smp, words)
    made += ["-nographic", "-no-reboot"]
    if icount is not None:
        made += ["-icount", f"shift={icount},sleep=off"]
    return made


def disk(cpu, number):
    """The name of a disk in the guest; the root is on number 0."""
    return f"/dev/mtdblock{number}" if cpu in MTD else f"/dev/vd{chr(ord('a') + number)}"
