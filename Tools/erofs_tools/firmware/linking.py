# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Programs that are linked otherwise: with images of their own, with somebody else's linker script, and as Firmware.md says."""

import os
import re
import subprocess
import tempfile

from .. import images
from ..command import run, timed
from ..gate.gate import toolset
from ..processors import PROCESSORS
from ..project import BARE_METAL, ROOT, Failure
from ..results import Results
from ..toolchain import tool
from .reading import last
from .shared import NO_IMAGE


def shell(machine, programs, folder):
    """The command line answers what is typed."""
    results = Results()
    image = folder / "plain-512.erofs"
    words = [f"image={machine.image},{image.stat().st_size}"]
    typed = (b"ls /links\nstat /contents/noise-70000\nstat /xattrs/same-0\nx\x7fcat /links/relative\nmem\ncat /none\n"
             b"ls /contents/sparse\nnonsense\nexit 7\n")
    status, output = machine.boot(programs["Shell"], words, [(image, machine.image)], typed)
    for word in (b"hard-1\n", b"\nfile 0644, owner ", b"\nsize 70000, inline", b" in place at ",
                 b"../contents/text-150000", b"image needs ", b"error: not-found", b"error: not-a-directory",
                 b"nonsense\nls, cat, stat PATH"):
        results.check(f"{machine.name}: Shell says {word}", word in output, last(output))
    results.check(f"{machine.name}: Shell exits with 7", status == 7, f"{status}")
    return results


def examples(machine, scratch):
    """The examples in C and in Swift, linked with an image, say what is in it."""
    results = Results()
    tree, image = scratch / "example", scratch / "example.erofs"
    said = (tree / "etc/motd").read_bytes()
    # The one in C shows a file of it five times: with all memory, with just enough, whole, planned when it is opened, and as
    # from a device.
    for product, words in (("ExampleC", said + b"cat\nls\nsh\n" + said * 4), ("ExampleSwift", said + b"cat\nls\nsh\n")):
        try:
            (program,) = machine.build(product, image=image)
        except Failure as failure:
            results.check(f"{machine.name}: {product}", False, str(failure))
            continue
        status, output = machine.boot(program)
        results.check(f"{machine.name}: {product}", status == 0 and output == words, f"{status}: {last(output)}")
    return results


# What vendors' linker scripts look like: sections of debuggers and tools are not mentioned.
OTHER_SCRIPT = """
ENTRY(machine_reset)
MEMORY { FLASH (rx) : ORIGIN = 0x08000000, LENGTH = 1M  RAM (xrw) : ORIGIN = 0x20000000, LENGTH = 128K }
SECTIONS {
  .isr_vector : { KEEP(*(.vectors)) KEEP(*(.start)) } > FLASH
  .text : { *(.text*) *(.rodata*) *(.srodata*) } > FLASH
  machine_image_start = .; machine_image_end = .;
  .data : { machine_data_start = .; *(.data*) *(.sdata*) machine_data_end = .; } > RAM AT > FLASH
  machine_data_stored = LOADADDR(.data);
  .bss : { machine_bss_start = .; *(.bss*) *(.sbss*) *(COMMON) machine_bss_end = .; } > RAM
  machine_guard = .; machine_stack_bottom = .; machine_stack_top = ORIGIN(RAM) + LENGTH(RAM);
  PROVIDE(__global_pointer$ = machine_data_start);
}
"""


def linking(scratch):
    """An image is placed in flash whatever its name; a program without one is refused in words. No option of the C compiler
    changes what erofs.h declares."""
    results = Results()
    folder = scratch / "linking"
    folder.mkdir()
    (folder / "main.c").write_text("#include <machine.h>\nint main(void) { return (int)machine_image_bytes(); }\n"
                                   "_Noreturn void machine_trapped(const machine_trap *trap) { for (;;) (void)trap; }\n"
                                   "int counter = 42;\n")
    for name in ("rootfs.img", "root.erofs", "image"):
        (folder / name).write_bytes(name.encode() * 1000)
    machine = BARE_METAL / "Machine"
    for cpu in ("cortex-m3", "rv32"):
        flags = ["-target", PROCESSORS[cpu].triple, *toolset("common", "cCompiler"), *toolset(cpu, "cCompiler")]
        run(tool("clang"), *flags, "-g", "-I", machine / "include", "-c", folder / "main.c", *sorted(machine.glob("*.c")),
            *sorted((BARE_METAL / "MemoryFunctions").glob("*.c")),
            cwd=folder)
        linker = [tool("ld.lld"), "--orphan-handling=error", "-static", "-L", BARE_METAL / "linker",
                  *toolset(cpu, "linker", board=True), *sorted(folder.glob("*.o"))]
        for name in ("rootfs.img", "root.erofs", "image"):
            run(*linker, "--format=binary", name, "-o", "program", cwd=folder)
            run(tool("llvm-objcopy"), "-O", "binary", "--only-section=.image", "program", "flash", cwd=folder)
            results.check(f"{cpu}: an image named {name} is placed", (folder / "flash").read_bytes() == name.encode() * 1000)
        done = subprocess.run([*linker, "-o", "program"], cwd=folder, text=True, capture_output=True)
        results.check(f"{cpu}: no image is refused", done.returncode == 1 and "no image is linked" in done.stderr,
                      done.stderr[-300:])
        run(*linker, NO_IMAGE, "-o", "program", cwd=folder)
        # A board of one's own: the linker script of somebody else, with the options that all toolsets share.
        (folder / "other.ld").write_text(OTHER_SCRIPT)
        done = subprocess.run([tool("ld.lld"), *toolset("common", "linker", board=True), "-T", "other.ld",
                               *sorted(folder.glob("*.o")), "-o", "program"], cwd=folder, text=True, capture_output=True)
        results.check(f"{cpu}: another linker script", (done.returncode, done.stderr) == (0, ""), done.stderr[-300:])
        header = BARE_METAL / "CInterface/Header"
        for words in (["-x", "c", "-fshort-enums"], ["-x", "c"], ["-x", "c++", "-std=c++11", "-fshort-enums"]):
            done = subprocess.run([tool("clang"), *flags, *words, "-Wall", "-Werror", "-I", header / "include", "-fsyntax-only",
                                   header / "erofs.c"], text=True, capture_output=True)
            results.check(f"{cpu}: erofs.h with {words}", done.returncode == 0, done.stderr[-300:])
    return results


def documentation():
    """The commands of Documentation/Firmware.md, run in an empty folder, in its own words."""
    results = Results()
    text = (ROOT / "Documentation/Firmware.md").read_text()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.M | re.S)
    commands = [body for language, body in blocks if language == "sh"]
    # The first block without a language is the clone; the others are what the commands say, in that order.
    shown = [body for language, body in blocks if not language][1:]
    with tempfile.TemporaryDirectory() as folder, timed("the commands of Documentation/Firmware.md"):
        path = f"{images.product('erofs').parent}{os.pathsep}{os.environ['PATH']}"
        done = subprocess.run(["bash", "-euc", "\n".join(commands)], cwd=folder, text=True, capture_output=True,
                              stdin=subprocess.DEVNULL,
                              env={**os.environ, **images.NO_PROFILE, "EROFS": str(ROOT), "PATH": path})
    # Builds say something too, between them.
    inorder = re.search(".*".join(map(re.escape, shown)) + "$", done.stdout, re.S)
    results.check("Documentation/Firmware.md", done.returncode == 0 and inorder and len(shown) >= 3,
                 f"{done.returncode}: {done.stdout[-300:]} {done.stderr[-500:]}")
    return results
