# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The processors: how code is compiled for each, and the machine that runs it under QEMU.

This is the one table of them. The gate, the kernels, the userspace and the C peers read it; the toolsets of firmware
(Platforms/BareMetal/toolsets), which their users copy, are held to it by `Tools/run lint`.
"""


class Processor:
    """How a processor is compiled for and run.

    triple     of the Swift toolchain, without an operating system
    flags      of clang; swiftc gets them through -Xcc
    thumb      whether C needs to be told that only Thumb code runs
    qemu       the command of a whole machine
    user       QEMU's command for a single program
    """

    def __init__(self, triple, flags, qemu="", user="", thumb=False):
        self.triple, self.flags, self.qemu, self.user, self.thumb = triple, flags.split(), qemu.split(), user, thumb

    @property
    def c_flags(self):
        return self.flags + (["-mthumb"] if self.thumb else [])

    @property
    def for_swift(self):
        """The same flags for swiftc, which hands them to the clang inside it."""
        return [word for flag in self.flags for word in ("-Xcc", flag)]


def arm(triple, cpu, machine="mps2-an385", floats="-mfloat-abi=soft"):
    return Processor(f"{triple}-none-none-eabi", f"-mcpu={cpu} {floats}", f"qemu-system-arm -M {machine}", "qemu-arm", True)


def riscv(bits, flags, extensions="imac", cpu=""):
    return Processor(f"riscv{bits}-none-none-eabi", f"-march=rv{bits}{extensions} {flags}",
                     f"qemu-system-riscv{bits} -M virt -bios none {cpu}", f"qemu-riscv{bits}")


PROCESSORS = {
    "cortex-m0": arm("armv6m", "cortex-m0"),
    "cortex-m0plus": arm("armv6m", "cortex-m0plus"),
    "cortex-m3": arm("armv7em", "cortex-m3"),
    "cortex-m4": arm("armv7em", "cortex-m4", "mps2-an386"),
    # With the registers of its floating-point unit for arguments, as the libraries of its vendors are compiled.
    "cortex-m4f": arm("armv7em", "cortex-m4", "mps2-an386", "-mfloat-abi=hard -mfpu=fpv4-sp-d16"),
    "cortex-m7": arm("armv7em", "cortex-m7", "mps2-an500"),
    # The Swift toolchain has no library for ARMv8-M, which runs the code of ARMv7E-M.
    "cortex-m33": arm("armv7em", "cortex-m33", "mps2-an505"),
    "rv32": riscv(32, "-mabi=ilp32"),
    # Without atomic instructions, and run on a processor that has none.
    "rv32imc": riscv(32, "-mabi=ilp32", "imc", "-cpu rv32,a=false,f=false,d=false"),
    "rv64": riscv(64, "-mabi=lp64 -mcmodel=medany"),
    "x86_64": Processor("x86_64-none-elf", "-mno-red-zone"),
    # Swift's LLVM has no code for it: Core comes as C.
    "m68k": Processor("", "-mcpu=5208", "qemu-system-m68k -M mcf5208evb", "qemu-m68k -cpu m5208"),
}


class Linux:
    """How Linux without an MMU is built for a processor.

    architecture, compiler   the kernel's name, and the prefix of GCC and binutils
    targets, image           what make builds, and where the image is then
    configurations           of Platforms/Linux/Kernel/config, beside `common`
    flags                    that code of a kernel needs beside those of the processor
    calls                    functions of the compiler's that a kernel has, beside memcpy and its like
    in_c                     whether Core comes as C: Swift has no compiler for the processor
    """

    def __init__(self, architecture, compiler, targets, image, configurations, flags=(), calls=(), in_c=False):
        self.architecture, self.compiler, self.targets, self.image = architecture, compiler, targets.split(), image
        self.configurations, self.flags, self.calls, self.in_c = configurations.split(), list(flags), set(calls), in_c


LINUX = {
    "rv64": Linux("riscv", "riscv64-linux-gnu-", "Image", "arch/riscv/boot/Image", "riscv rv64"),
    # A kernel is linked for any address, as all code of rv64 is.
    "rv32": Linux("riscv", "riscv64-linux-gnu-", "Image", "arch/riscv/boot/Image", "riscv rv32", ["-mcmodel=medany"]),
    "cortex-m3": Linux("arm", "arm-linux-gnueabi-", "Image arm/mps2-an385.dtb", "arch/arm/boot/Image", "cortex-m3",
                       calls=[f"__aeabi_{name}" for name in ("uidiv", "idiv", "llsl", "llsr", "lasr")]),
    "m68k": Linux("m68k", "m68k-linux-gnu-", "vmlinux", "vmlinux", "m68k", in_c=True),
}
# Those that Swift compiles for.
IN_SWIFT = [cpu for cpu, linux in LINUX.items() if not linux.in_c]
