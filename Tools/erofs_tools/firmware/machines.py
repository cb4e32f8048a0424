# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The machines that the firmware is proven on: how it is built for them, and how they are booted under QEMU."""

import os

from .. import codecs, qemu
from ..command import run
from ..gate import registers
from ..processors import PROCESSORS
from ..project import BARE_METAL, ROOT, Failure
from . import shared

SCRATCH = ROOT / ".build-firmware"


class Machine:
    """A processor on a board.

    image and device are where a test puts an image and its extra device beside the program: memory that the linker script
    leaves alone. Where a board has none, they are None.
    """

    def __init__(self, name, cpu, image=None, device=None, board=None):
        processor = PROCESSORS[cpu]
        self.name, self.triple, self.c_flags = name, processor.triple, processor.c_flags
        self.qemu, self.image, self.device = board or processor.qemu, image, device

    def build(self, *products, image=None, traits=None):
        """Builds products, each for itself, as a firmware author does, linked with an image if one is given, and with the
        package's traits as given; returns their paths."""
        scratch = SCRATCH / "-".join([self.name, *(traits or ())])
        command = ["swift", "build", "-c", "release", "--triple", self.triple, "--scratch-path", str(scratch)]
        for toolset in ("common", self.name):
            command += ["--toolset", str(BARE_METAL / "toolsets" / f"{toolset}.json")]
        if traits is not None:
            command += ["--traits", ",".join(traits)]
        # SwiftPM gives the linker's options to the compiler too, and compiles all modules again where they differ. So they
        # name the same file always, which is empty where there is no image.
        linked = scratch / "linked.erofs"
        linked.parent.mkdir(parents=True, exist_ok=True)
        linked.write_bytes(image.read_bytes() if image else b"")
        for word in ("--format=binary", str(linked), "--format=default", shared.NO_IMAGE):
            command += ["-Xlinker", word]
        environment = {**os.environ, "EROFS_EMBEDDED": "1"}
        paths = []
        for product in products:
            path = scratch / self.triple / "release" / product
            # SwiftPM does not know that a program depends on the linker scripts.
            path.unlink(missing_ok=True)
            try:
                said = run(*command, "--product", product, env=environment, label=f"swift build {product} for {scratch.name}")
            except Failure as problem:
                raise Failure(f"{product} does not build for {self.name}:\n{problem}") from None
            warnings = [line for line in said.splitlines() if ": warning: " in line]
            if warnings:
                raise Failure(f"{product} builds for {self.name} with warnings:\n" + "\n".join(warnings[:10]))
            if wrong := registers.check(path):
                raise Failure(f"{product} for {self.name} is miscompiled:\n" + "\n".join(wrong))
            paths.append(path)
        return paths

    def build_shared(self, *products, traits):
        """The same programs, from modules that sets of traits share: for those who need many sets."""
        return [shared.Programs(self.name, self.triple).build(product, traits) for product in products]

    def command(self, program, words=(), loads=(), extra=()):
        semihosting = "enable=on,target=native" + "".join(f",arg={word.replace(',', ',,')}" for word in words)
        loaders = [word for path, address in loads for word in qemu.load(path, address)]
        return [*self.qemu, "-display", "none", "-monitor", "none", "-serial", "stdio", "-semihosting-config", semihosting,
                "-kernel", str(program), *loaders, *extra]

    def boot(self, program, words=(), loads=(), typed=b"", seconds=120, extra=()):
        """Boots a program; returns (exit status, output). A machine that does not end in time has status None."""
        return qemu.boot(self.command(program, words, loads, extra), typed, seconds=seconds, label=f"boot {self.name}")


MPS2 = dict(image=0x21000000, device=0x21600000)
VIRT = dict(image=0x84000000, device=0x85000000)

# The Cortex-M0 of QEMU is the nRF51's, which has 16 KiB of RAM and no room for images beside the program. What needs more
# runs as ARMv6-M code on a Cortex-M3, which refuses unaligned accesses then as a Cortex-M0 does (see startup-arm.c).
MACHINES = {
    machine.name: machine
    for machine in (
        Machine("cortex-m0", "cortex-m0", **MPS2),
        Machine("cortex-m0-nrf51", "cortex-m0", board=["qemu-system-arm", "-M", "microbit"]),
        Machine("cortex-m3", "cortex-m3", **MPS2),
        Machine("cortex-m4", "cortex-m4", **MPS2),
        Machine("rv32", "rv32", **VIRT),
        Machine("rv64", "rv64", **VIRT),
        # Relatives of those above: their start, traps and guards of the stack are what differs, and what is tried.
        *(Machine(name, name) for name in ("cortex-m0plus", "cortex-m4f", "cortex-m7", "cortex-m33", "rv32imc")),
    )
}

# The same as one with little RAM, for programs with one codec.
SMALL_MACHINE = Machine("cortex-m3-24k", "cortex-m3", **MPS2)
# Those that there is an image to try with, by the names of their traits.
CODECS = {codec.trait: codec for codec in codecs.CODECS if codec.image}
# Traits that leave out what firmware with its image in flash has no use for.
BASIC = "BasicImages"
SMALLEST = ("NarrowOffsets", "ContiguousMemory")
