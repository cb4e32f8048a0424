# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What must be refused: configurations with an MMU or high memory, and objects that a kernel must not have. A guard that
lets one of these through fails here."""

import subprocess

from .. import codecs
from ..command import run
from ..elf import FUNCTION, Elf
from ..processors import IN_SWIFT, LINUX, PROCESSORS
from ..project import Failure
from ..toolchain import tool
from . import build as kernels
from . import objects
from .guests import SCRATCH

EROFS = ["CONFIG_EXPERT=y", "CONFIG_BLOCK=y", "CONFIG_MISC_FILESYSTEMS=y", "CONFIG_EROFS_FS=y", "CONFIG_EROFS_FS_ZIP=y"]
OPTIONS = {"CONFIG_EROFS_FS_ZIP_PAGES": "fs-erofs/decompressor_pages.c", "CONFIG_NOMMU_VMAP": "mm/nommu_vmap.c"}
# CPU: what makes it a machine for others. There is no port with high memory and no MMU.
MACHINES = {"rv64": ["CONFIG_MMU=y"], "cortex-m3": ["CONFIG_MMU=y", "CONFIG_ARCH_MULTI_V7=y", "CONFIG_HIGHMEM=y"]}


def refusal(action):
    """What it fails with; nothing where it does not."""
    try:
        action()
    except Failure as problem:
        return str(problem)
    return ""


def configurations(results):
    tree = kernels.source("7.2")
    for cpu, lines in MACHINES.items():
        arch, cross = LINUX[cpu].architecture, LINUX[cpu].compiler
        folder = SCRATCH / f"refused-{cpu}"
        folder.mkdir(parents=True, exist_ok=True)
        make = ["make", "-s", f"O={folder}", f"ARCH={arch}", f"CROSS_COMPILE={cross}"]

        fragment = folder / "refused.config"
        fragment.write_text("\n".join([*EROFS, *lines, ""]))
        what = f"{arch} with {' '.join(line.removeprefix('CONFIG_').removesuffix('=y') for line in lines)}"
        problem = refusal(lambda: kernels.configure(tree, folder, make, arch, [fragment], folder / "log"))
        results.check(f"{what} is a configuration", not problem, problem)
        # It holds, so what is refused now is ours.
        config = folder / ".config"
        config.write_text(config.read_text() + "".join(f"{option}=y\n" for option in OPTIONS))
        run(*make, "olddefconfig", cwd=tree)
        have = config.read_text().splitlines()
        for option in OPTIONS:
            results.check(f"{option} is refused for {what}", f"{option}=y" not in have, "it was taken")


def sources(results):
    """Somebody who sets the option by hand is told by the compiler."""
    for option, file in OPTIONS.items():
        for define in ("CONFIG_MMU", "CONFIG_HIGHMEM"):
            command = ["riscv64-linux-gnu-gcc", "-E", "-nostdinc", kernels.SOURCES / file]
            said = [subprocess.run([*command, *more], text=True, capture_output=True).stderr for more in ([f"-D{define}=1"], [])]
            results.check(f"{file} does not compile with {define}", "#error" in said[0] and "#error" not in said[1], said[0])


def forbidden(results):
    """swift-object's check, shown one object of each kind that it is there to refuse."""
    folder = SCRATCH / "forbidden"
    folder.mkdir(parents=True, exist_ok=True)
    sources = {
        "needs malloc": "void *malloc(unsigned long); void *entry(long n) { return malloc(n); }",
        "needs nobody": "int nobody(long); int entry(long n) { return nobody(n); }",
        "has floating point": "double entry(double a, double b) { return a + b; }",
        "shows another": "long another(long n) { return n; } long entry(long n) { return n; }",
        "has sections": "__attribute__((section(\".other\"))) int word; int entry(void) { return word; }",
        "has names that kallsyms drops":
            "__attribute__((noinline)) static long inner(volatile long *n) __asm__(\"$s5Codecs\");"
            "static long inner(volatile long *n) { return *n; } long entry(volatile long *n) { return inner(n); }",
    }
    thumb = {
        "does not keep its caller's r10":
            "__attribute__((naked)) void entry(void) { __asm__(\"ldm r10!, {r0, r1}\\n bx lr\"); }",
    }
    fine = "long entry(long n) { return n + 1; }"
    hard = {"rv64": ["-march=rv64gc", "-mabi=lp64d"], "rv32": ["-march=rv32gc", "-mabi=ilp32d"],
            "cortex-m3": ["-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16", "-mfloat-abi=hard"]}
    for cpu in IN_SWIFT:
        linux, passed = LINUX[cpu], []
        reasons = {**sources, **(thumb if cpu == "cortex-m3" else {})}
        for wanted, text in {"": fine, **reasons}.items():
            source, output = folder / f"{cpu}.c", folder / f"{cpu}.o"
            # A single, which both of ARM's and RISC-V's units have.
            source.write_text(text.replace("double", "float"))
            flags = hard[cpu] if "floating" in wanted else objects.flags(cpu)
            run(tool("clang"), "-target", PROCESSORS[cpu].triple, *flags, "-Os", "-ffreestanding", "-c", "-o", output, source)
            run(f"{linux.compiler}objcopy", "-R", ".ARM.exidx", "-R", ".ARM.attributes", "-R", ".comment", "-R",
                ".riscv.attributes", "-R", ".llvm_addrsig", output)
            problem = refusal(lambda: objects.check(output, cpu, ["entry"], objects.KERNEL | linux.calls))
            if wanted not in problem or bool(problem) != bool(wanted):
                passed.append(f"{wanted or 'what is fine'}: {problem or 'not refused'}")
        results.check(f"an object for {cpu} is refused for each of {len(reasons)} reasons", not passed, "; ".join(passed))


def sets(results):
    """An object has the decoders of its algorithms, and nothing of the others."""
    marks = {codec.word: codec.trait for codec in codecs.KERNEL[1:]}
    for cpu in IN_SWIFT:
        folder = kernels.swift_objects(cpu)
        wrong = []
        for name in objects.PARTS["pages"][3]:
            # Functions: a constant may be there, of 8 bytes.
            names = " ".join(symbol.name for symbol in Elf(folder / f"{name}.o").symbols
                             if symbol.kind == FUNCTION and not symbol.is_global)
            wrong += [f"{name}.o: {mark}" for algorithm, mark in marks.items()
                      if (mark in names) != (algorithm in name.split("-"))]
        results.check(f"objects for {cpu} have the decoders of their algorithms and no others", not wrong, ", ".join(wrong))


def functions(kernel):
    """Names of our functions in a kernel's image file."""
    return {symbol.name for symbol in Elf(kernels.vmlinux(kernel)).symbols
            if symbol.kind == FUNCTION and symbol.section and symbol.name.startswith("swift_")}
