# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The machines that the firmware is proven on: how it is built for them, and how they are booted under QEMU."""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
BARE_METAL = HERE.parent
ROOT = HERE.parents[2]
SCRATCH = ROOT / ".build-firmware"

sys.path[:0] = [str(BARE_METAL / "gate"), str(ROOT / "Scripts")]
import codecs_table  # noqa: E402
import registers  # noqa: E402


class Failure(Exception):
    """A command that failed: its text says which, and its last words."""


class Machine:
    """A processor on a board.

    image and device are where a test puts an image and its extra device beside the program: memory that the linker script
    leaves alone. Where a board has none, they are None.
    """

    def __init__(self, name, triple, qemu, image=None, device=None):
        self.name, self.triple, self.qemu, self.image, self.device = name, triple, qemu, image, device

    def build(self, *products, image=None, traits=None):
        """Builds products, each for itself, as a firmware author does, linked with an image if one is given, and with the
        package's traits as given; returns their paths."""
        scratch = SCRATCH / "-".join([self.name, *(traits or ())])
        command = ["swift", "build", "-c", "release", "--triple", self.triple, "--scratch-path", str(scratch)]
        for toolset in ("common", self.name):
            command += ["--toolset", str(BARE_METAL / "toolsets" / f"{toolset}.json")]
        if traits is not None:
            command += ["--traits", ",".join(traits)]
        for word in ("--format=binary", str(image), "--format=default") if image else ():
            command += ["-Xlinker", word]
        environment = {**os.environ, "EROFS_EMBEDDED": "1"}
        paths = []
        for product in products:
            path = scratch / self.triple / "release" / product
            # SwiftPM does not know that a program depends on the linker scripts.
            path.unlink(missing_ok=True)
            done = subprocess.run(
                [*command, "--product", product], cwd=ROOT, env=environment, text=True, capture_output=True)
            if done.returncode != 0:
                raise Failure(f"{product} does not build for {self.name}:\n{(done.stdout + done.stderr)[-3000:]}")
            warnings = [line for line in done.stdout.splitlines() if ": warning: " in line]
            if warnings:
                raise Failure(f"{product} builds for {self.name} with warnings:\n" + "\n".join(warnings[:10]))
            if wrong := registers.check(path):
                raise Failure(f"{product} for {self.name} is miscompiled:\n" + "\n".join(wrong))
            paths.append(path)
        return paths

    def command(self, program, words=(), loads=(), extra=()):
        semihosting = "enable=on,target=native" + "".join(f",arg={word.replace(',', ',,')}" for word in words)
        loaders = []
        for path, address in loads:
            loaders += ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]
        return [*self.qemu, "-display", "none", "-monitor", "none", "-serial", "stdio", "-semihosting-config", semihosting,
                "-kernel", str(program), *loaders, *extra]

    def boot(self, program, words=(), loads=(), typed=b"", seconds=120, extra=()):
        """Boots a program; returns (exit status, output). A machine that does not end in time has status None."""
        command = self.command(program, words, loads, extra)
        try:
            done = subprocess.run(command, input=typed, capture_output=True, timeout=seconds)
        except subprocess.TimeoutExpired as expired:
            return None, expired.stdout or b""
        if done.stderr:
            return done.returncode, done.stdout + b"\nqemu: " + done.stderr
        return done.returncode, done.stdout


ARM = ("armv6m-none-none-eabi", "armv7em-none-none-eabi")
MPS2 = dict(image=0x21000000, device=0x21600000)
VIRT = dict(image=0x84000000, device=0x85000000)

# The Cortex-M0 of QEMU is the nRF51's, which has 16 KiB of RAM and no room for images beside the program. What needs more
# runs as ARMv6-M code on a Cortex-M3, which refuses unaligned accesses then as a Cortex-M0 does (see startup-arm.c).
MACHINES = {
    machine.name: machine
    for machine in (
        Machine("cortex-m0", ARM[0], ["qemu-system-arm", "-M", "mps2-an385"], **MPS2),
        Machine("cortex-m0-nrf51", ARM[0], ["qemu-system-arm", "-M", "microbit"]),
        Machine("cortex-m3", ARM[1], ["qemu-system-arm", "-M", "mps2-an385"], **MPS2),
        Machine("cortex-m4", ARM[1], ["qemu-system-arm", "-M", "mps2-an386"], **MPS2),
        Machine("rv32", "riscv32-none-none-eabi", ["qemu-system-riscv32", "-M", "virt", "-bios", "none"], **VIRT),
        Machine("rv64", "riscv64-none-none-eabi", ["qemu-system-riscv64", "-M", "virt", "-bios", "none"], **VIRT),
    )
}

# The same as one with little RAM, for programs with one codec.
SMALL_MACHINE = Machine("cortex-m3-24k", ARM[1], ["qemu-system-arm", "-M", "mps2-an385"], **MPS2)
# Those that there is an image to try with, by the names of their traits.
CODECS = {codec.trait: codec for codec in codecs_table.CODECS if codec.image}
# Traits that leave out what firmware with its image in flash has no use for.
BASIC = "BasicImages"
SMALLEST = ("NarrowOffsets", "ContiguousMemory")


def reference_images():
    """(folder with the reference images unpacked, path of their manifest); the whole set where EROFS_SHARED or a folder
    `shared` beside the project has it, else those that come with the project."""
    shared = pathlib.Path(os.environ.get("EROFS_SHARED", ROOT.parent / "shared")) / "images"
    source = shared if (shared / "images.tar.zst").exists() else ROOT / "Tests/Fixtures/images"
    cache = SCRATCH / f"images-{(source / 'images.tar.zst').stat().st_size}"
    if not cache.exists():
        SCRATCH.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=SCRATCH) as folder:
            subprocess.run(["tar", "--zstd", "-xf", source / "images.tar.zst", "-C", folder], check=True)
            os.chmod(folder, 0o755)
            try:
                os.rename(folder, cache)
            except OSError:
                pass
            pathlib.Path(folder).mkdir(exist_ok=True)
    return cache, source / "manifest.jsonl"
