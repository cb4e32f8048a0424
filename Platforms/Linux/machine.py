# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The three machines under QEMU: how a kernel, its images and its command line get into each; and what runs there."""

import importlib.machinery
import importlib.util
import os
import pathlib
import re
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
CPUS = ("rv64", "rv32", "cortex-m3")

# The MPS2 board's memory for everything, and what the kernel's link address asks for.
PSRAM, PSRAM_SIZE, KERNEL_OFFSET = 0x21000000, 16 << 20, 0x8000

# Requests that a disk takes at a time. The driver sets memory aside for each, 400 KiB for the 1024 that QEMU offers.
QUEUE = 16


# Kernel/build is a command; here it is a module.
_loader = importlib.machinery.SourceFileLoader("kernel_build", str(HERE / "Kernel/build"))
kernels = importlib.util.module_from_spec(importlib.util.spec_from_loader("kernel_build", _loader))
_loader.exec_module(kernels)


def userspace(cpu):
    """The folder with our own userspace for a CPU, built on first use: root, root.erofs. Its programs are bFLT, of which
    all processes share one copy."""
    folder = kernels.CACHE / f"userspace-{cpu}"
    sources = HERE / "Userspace"
    key = kernels.digest("flat", sources)
    stamp = folder / "key"
    held = kernels.lock(f"userspace-{cpu}")
    if not (stamp.exists() and stamp.read_text() == key):
        print(f"building the userspace for {cpu}", file=sys.stderr)
        kernels.run([sources / "build.sh", cpu, folder], env={**os.environ, "FORMAT": "flat"})
        stamp.write_text(key)
    held.close()
    return folder


class Unbootable(Exception):
    """What was asked for does not fit the machine; the text says what."""


def size(text):
    """Bytes of "3584K", "8M" or "1048576"."""
    found = re.fullmatch(r"(\d+)([KMG]?)", text.strip().upper().removesuffix("IB").removesuffix("B"))
    if not found:
        raise Unbootable(f"no size: {text}")
    return int(found[1]) << {"": 0, "K": 10, "M": 20, "G": 30}[found[2]]


def run(*command):
    done = subprocess.run([str(word) for word in command], text=True, capture_output=True)
    if done.returncode != 0:
        raise Unbootable(f"{command[0]} failed: {done.stderr.strip()}")


def riscv(bits, kernel, root, data, ram, smp, words):
    command = [f"qemu-system-riscv{bits}", "-M", "virt", "-cpu", f"rv{bits},mmu=off", "-bios", "none",
               "-m", f"{ram >> 10}K", "-smp", str(smp), "-kernel", str(kernel)]
    for number, image in enumerate([root, *data]):
        command += ["-drive", f"file={image},format=raw,if=none,id=disk{number},readonly=on",
                    "-device", f"virtio-blk-device,drive=disk{number}"]
    early = "earlycon=uart8250,mmio,0x10000000,115200n8 console=ttyS0"
    return command + ["-append", f"{early} virtio_blk.queue_depth={QUEUE} root=/dev/vda {words}"]


def mps2(kernel, root, data, ram, smp, words, device_tree, folder):
    """There is no disk and no boot loader: images lie behind the kernel's memory, and a device tree tells of both."""
    if smp != 1:
        raise Unbootable("a Cortex-M3 is one processor")
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
        raise Unbootable(f"the board has 16M for memory and images, and this takes {(at - PSRAM) >> 10}K")
    if PSRAM + KERNEL_OFFSET + pathlib.Path(kernel).stat().st_size > blob_at:
        raise Unbootable(f"the kernel does not fit in {ram >> 10}K")
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
    run("arm-linux-gnueabi-gcc", "-mcpu=cortex-m3", "-mthumb", "-nostdlib", "-static", f"-DKERNEL={PSRAM + KERNEL_OFFSET:#x}",
        f"-DDEVICE_TREE={blob_at:#x}", "-Wl,-Ttext=0,--build-id=none", "-o", loader, HERE / "Loader/cortex-m3.S")
    command = ["qemu-system-arm", "-M", "mps2-an385", "-kernel", str(loader)]
    for file, address in loads:
        command += ["-device", f"loader,file={file},addr={address:#x},force-raw=on"]
    return command


def command(cpu, kernel, root, folder, data=(), ram="32M", smp=1, init="/init", arguments="", append="", icount=None):
    """QEMU's command line for a boot; small files that it needs are made in `folder`.

    Ends when the guest reboots, or panics.
    """
    ram = size(ram) if isinstance(ram, str) else ram
    words = f"ro rootfstype=erofs init={init} panic=-1 {append}".strip() + (f" -- {arguments}" if arguments else "")
    if cpu == "cortex-m3":
        tree = kernel.parent / "dts/arm/mps2-an385.dtb"
        made = mps2(kernel, root, data, ram, smp, words, tree, pathlib.Path(folder))
    else:
        made = riscv(cpu.removeprefix("rv"), kernel, root, data, ram, smp, words)
    made += ["-nographic", "-no-reboot"]
    if icount is not None:
        made += ["-icount", f"shift={icount},sleep=off"]
    return made


def disk(cpu, number):
    """The name of a disk in the guest; the root is on number 0."""
    return f"/dev/mtdblock{number}" if cpu == "cortex-m3" else f"/dev/vd{chr(ord('a') + number)}"
