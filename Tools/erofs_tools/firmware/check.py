# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds the firmware for every machine, boots it under QEMU, and holds it to what it promises.

    Tools/run firmware               for ./test: the last line counts what passed, failed and was skipped
    Tools/run firmware --machine M   only that machine (may be repeated)
    Tools/run firmware --all         every image in every configuration, rather than each in one of them on each machine
    Tools/run firmware --rounds N    broken images on each machine (1,000)
    Tools/run firmware --broken      nothing but broken images
"""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import shutil
import subprocess
import tempfile

from .. import format as formats
from .. import images
from ..command import run, timed
from ..elf import Elf
from ..gate.gate import toolset
from ..processors import PROCESSORS
from ..project import BARE_METAL, ROOT, Failure
from ..results import Results
from ..toolchain import tool
from . import made, reports
from .machines import BASIC, CODECS, MACHINES, SMALL_MACHINE, SMALLEST
from .shared import NO_IMAGE

PRODUCTS = ("TrapCheck", "Walk", "WalkBlocks", "Shell", "BadImages")
# An image of each codec, and the word for the codec.
WORDS = {name: (codec.image, codec.word) for name, codec in CODECS.items()}


def last(output):
    return output.decode("latin-1").strip()[-300:]


def traps(machine, program):
    """Whatever goes wrong in a program ends it with a status and a word on where it was."""
    results = Results()
    unaligned = (70, b"trap") if machine.name.startswith("cortex-m0") else (0, b"")
    # On the MPS2 boards, reading where nothing is gives 0; the address is one that no board has.
    cases = {
        b"o1": (70, b"trap"), b"s": (70, b"trap"), b"a": (70, b"trap"), b"u": unaligned,
        b"r": (71, b"without an exit status"), b"\x09": (9, b"ready"), b"\x00": (0, b"ready"),
    }
    for typed, (status, word) in cases.items():
        got, output = machine.boot(program, typed=typed)
        results.check(f"{machine.name}: TrapCheck {typed}", got == status and word in output,
                     f"status {got}, must be {status}: {last(output)}")
    got, output = machine.boot(program, ["silent=1"])
    results.check(f"{machine.name}: TrapCheck without a console", (got, output) == (70, b""), f"status {got}: {last(output)}")
    return results


def walk(machine, programs, configuration, image, rows, arena=None):
    """Boots a walk over an image in one configuration: (status, output, differences)."""
    device = image.with_suffix(".blob")
    if configuration == "blocks":
        words, loads, program = [f"disk={image}"], [], programs["WalkBlocks"]
    else:
        words, loads, program = [f"image={machine.image},{image.stat().st_size}"], [(image, machine.image)], programs["Walk"]
        if device.exists():
            words.append(f"device={machine.device},{device.stat().st_size}")
            loads.append((device, machine.device))
        if configuration.startswith("scattered"):
            words.append(f"scattered={configuration.split('-')[1]}")
    if arena is not None:
        words.append(f"arena={arena}")
    status, output = machine.boot(program, words, loads)
    return status, output, reports.differences(output, rows) if status == 0 else [last(output)]


CONFIGURATIONS = ("flash", "scattered-12", "blocks", "scattered-9")


def reading(machine, programs, folder, rows, index, everything):
    """Every image reads as the manifest says, or is refused for the reason that is expected."""
    results = Results()
    for number, image in enumerate(sorted(folder.glob("*.erofs"))):
        chosen = CONFIGURATIONS if everything else [CONFIGURATIONS[(number + index) % len(CONFIGURATIONS)]]
        for configuration in chosen:
            what = f"{machine.name}: {image.stem} from {configuration}"
            status, output, wrong = walk(machine, programs, configuration, image, rows)
            if configuration == "blocks" and image.with_suffix(".blob").exists():
                # The disk has no second device: mounting, which plans every file, or the first read must say so.
                results.check(what, status in (1, 2) and b"device 1" in output, f"must be refused: {status} {last(output)}")
            else:
                results.check(what, status == 0 and not wrong, f"status {status}: {wrong[:3]}")
            if configuration != "blocks":
                _, _, wrong = reports.in_place(output, image, machine.image)
                results.check(f"{what}: what lies in place", not wrong, f"{wrong[:3]}")
    return results


def in_place(machine, programs, folder, rows):
    """Files that are not compressed, block for block, are handed out where they lie in flash."""
    results = Results()
    image = folder / "plain-512.erofs"
    status, output, _ = walk(machine, programs, "flash", image, rows)
    count, aligned, wrong = reports.in_place(output, image, machine.image)
    results.check(f"{machine.name}: files in place, at a block's start", status == 0 and aligned > 10 and not wrong,
                 f"{count}, {aligned} at a block's start, {wrong[:3]}")
    print(f"  {machine.name}: of plain-512, {count} files in place, {aligned} of them at a block's start")
    return results


def flattened(machine, programs, folder, rows, scratch):
    """An extra device in the image's own file, behind the image, is read there."""
    results = Results()
    image = folder / "chunks-64k-device.erofs"
    whole, part = scratch / f"flattened-{machine.name}.erofs", scratch / f"cut-{machine.name}.erofs"
    contents = image.read_bytes() + image.with_suffix(".blob").read_bytes()
    whole.write_bytes(contents)
    part.write_bytes(contents[:image.stat().st_size + 65536])
    for configuration in ("flash", "blocks"):
        status, output, wrong = walk(machine, programs, configuration, whole, rows)
        results.check(f"{machine.name}: a device behind its image, from {configuration}", status == 0 and not wrong,
                      f"status {status}: {wrong[:3]} {last(output)}")
        status, output, _ = walk(machine, programs, configuration, part, rows)
        results.check(f"{machine.name}: a part of a device behind its image, from {configuration}",
                      status in (1, 2) and b"device" in output, f"status {status}: {last(output)}")
    return results


def memory(machine, programs, folder, rows):
    """Mounting says to the byte what an image needs: with that all of it reads, with a word less it is refused."""
    results = Results()
    # Walking through plain-512 from a device takes more than reading any file of it.
    names = ["lz4hc-64k-tail", "zstd-metabox-fragments", "libdeflate-32k-tail", "lzma-1k-64k-tail", "lz4hc-dirs", "plain-512"]
    for name in names:
        image = folder / f"{name}.erofs"
        if not image.exists():
            continue
        for configuration in ("flash", "blocks"):
            what = f"{machine.name}: memory for {name} from {configuration}"
            _, output, _ = walk(machine, programs, configuration, image, rows)
            said = re.search(rb"needs (\d+) bytes", output)
            if not said:
                results.check(what, False, last(output))
                continue
            needed = int(said[1])
            planned = images.arena(image, machine.name, *(["--mapped"] if configuration == "flash" else []))["swift"]
            results.check(f"{what}, as `erofs plan --firmware` says", planned == needed, f"{planned}, is {needed}")
            status, output, wrong = walk(machine, programs, configuration, image, rows, needed)
            results.check(f"{what}, exactly", status == 0 and not wrong, f"{needed}: {status} {wrong[:3]}")
            status, output, _ = walk(machine, programs, configuration, image, rows, needed - 1)
            refusal = rb"memory: (?:the image|mounting) needs %d bytes, given %d" % (needed, needed - 1)
            results.check(f"{what}, a byte less", status == 2 and re.search(refusal, output), f"{status} {last(output)}")
            if configuration != "blocks":
                continue
            # Whoever gives as much as it asks for, again and again, gets there.
            given = 0
            while True:
                status, output, _ = walk(machine, programs, configuration, image, rows, given)
                said = re.search(rb"memory: (?:the image|mounting) needs (\d+) bytes", output)
                if status != 2 or not said or int(said[1]) <= given:
                    break
                given = int(said[1])
            results.check(f"{what}, as much as it asks for", status == 0 and given == needed, f"{given}: {status} {last(output)}")
        status, output, _ = walk(machine, programs, "flash", image, rows, 16)
        results.check(f"{machine.name}: {name} in 16 bytes", status == 2 and b"memory: mounting needs" in output,
                     f"{status} {last(output)}")
    return results


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


def codecs(folder, rows, scratch):
    """A program with one codec reads that codec's images, and refuses the others by the codec's name; in C by its number."""
    results = Results()
    machine = MACHINES["cortex-m3"]
    images_of = {codec: folder / f"{name}.erofs" for codec, (name, _) in WORDS.items()}
    for codec in CODECS:
        try:
            (program,) = machine.build_shared("Walk", traits=[codec, *SMALLEST])
        except Failure as failure:
            results.check(f"{machine.name}: Walk with {codec} only", False, str(failure))
            continue
        for other, image in images_of.items():
            if not image.exists():
                results.skip(f"{codec} only, image with {other}", "not among the images that come with the project")
                continue
            status, output, wrong = walk(machine, {"Walk": program}, "flash", image, rows)
            refusal = f"refused: unsupported codec {WORDS[other][1]}".encode()
            good = status == 0 and not wrong if other == codec else status == 2 and refusal in output
            results.check(f"{machine.name}: {codec} only, image with {other}", good, f"status {status}: {last(output)}")
        status, output, _ = walk(machine, {"Walk": program}, "scattered-12", images_of[codec], rows)
        results.check(f"{machine.name}: {codec} only, frames where memory is contiguous",
                      status == 2 and b"refused: page frames" in output,
                     f"status {status}: {last(output)}")
    image = scratch / "example.erofs"
    try:
        (program,) = machine.build("ExampleC", image=image, traits=["MicroLZMA", *SMALLEST])
        status, output = machine.boot(program)
        results.check(f"{machine.name}: ExampleC with MicroLZMA only, image with LZ4",
                     (status, output) == (2, b"failed: mount: the codec LZ4 is not in this program, detail 0\n"),
                     f"status {status}: {last(output)}")
    except Failure as failure:
        results.check(f"{machine.name}: ExampleC with MicroLZMA only", False, str(failure))
    return results


def basic_images(folder, rows, scratch):
    """A program for basic images reads those, and refuses any other by the features that it lacks."""
    results = Results()
    machine = MACHINES["cortex-m3"]
    try:
        (program,) = machine.build_shared("Walk", traits=[*CODECS, *SMALLEST, BASIC])
    except Failure as failure:
        results.check(f"{machine.name}: Walk for basic images", False, str(failure))
        return results
    # No mkfs makes either in an image that announces no feature for it.
    for name, must in (("hole", 0), ("partial", 2)):
        image = images.crafted() / f"{name}.erofs"
        status, output = machine.boot(program, [f"image={machine.image},{image.stat().st_size}"], [(image, machine.image)])
        # The hole is a whole file, which reads as zeros.
        zeros = [words for words in map(str.split, output.decode("latin-1").splitlines())
                 if len(words) == 10 and words[0] == "f" and words[7] == hashlib.sha256(bytes(int(words[5]))).hexdigest()]
        good = zeros if name == "hole" else b"refused: corrupt: an extent starts outside" in output
        results.check(f"{machine.name}: basic images only, a {name} head", status == must and good,
                     f"status {status}: {last(output)}")
    seen = set()
    for image in sorted(folder.glob("*.erofs")):
        lacks = formats.superblock(image.read_bytes(), "incompatible") & ~formats.basic_features()
        status, output, wrong = walk(machine, {"Walk": program}, "flash", image, rows)
        refusal = f"refused: unsupported feature 0x{lacks:08x}".encode()
        good = status == 2 and refusal in output if lacks else status == 0 and not wrong
        results.check(f"{machine.name}: basic images only, {image.stem}", good, f"status {status}: {wrong[:3]} {last(output)}")
        seen.add(lacks == 0)
    results.check("images of both kinds", len(seen) == 2, f"{seen}")
    return results


def small_system(folder):
    """An image whose extents have 16 KiB is walked and read, all of it, on a machine with 24 KiB of memory."""
    results = Results()
    tree, image = folder / "small-system", folder / "small-system.erofs"
    (tree / "inner").mkdir(parents=True)
    (tree / "text").write_text("".join(f"{i * i * 7919} lines of text, and this is number {i}\n" for i in range(6000)))
    (tree / "inner/noise").write_bytes(random.Random(3).randbytes(40000))
    for i in range(20):
        (tree / f"inner/file-{i}").write_text(f"{i} " * (i * 100))
    images.make(image, tree, "-zlz4hc", "-C16384", "--max-extent-bytes=16384", "-Uclear")
    try:
        (program,) = SMALL_MACHINE.build("Walk", traits=["LZ4", *SMALLEST])
        (other,) = SMALL_MACHINE.build_shared("Walk", traits=["LZ4", *SMALLEST])
    except Failure as failure:
        results.check(f"{SMALL_MACHINE.name}: Walk", False, str(failure))
        return results
    flash = [Elf(path).flash() for path in (program, other)]
    results.check(f"{SMALL_MACHINE.name}: shared modules make what SwiftPM makes", flash[0] == flash[1], f"{flash} bytes")
    status, output, _ = walk(SMALL_MACHINE, {"Walk": program}, "flash", image, {})
    lines = [line.split(" ") for line in output.decode("latin-1").splitlines()]
    said = {line[9]: line[7] for line in lines if len(line) == 10}
    wrong = [path for path in tree.rglob("*") if path.is_file()
             and said.get("/" + str(path.relative_to(tree))) != hashlib.sha256(path.read_bytes()).hexdigest()]
    results.check(f"{SMALL_MACHINE.name}: all of an LZ4 image", status == 0 and not wrong, f"{status}: {wrong[:3]} {last(output)}")
    print(f"  {SMALL_MACHINE.name}: {output.decode('latin-1').splitlines()[0]}; {last(output).splitlines()[-1]}")
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


def broken(machine, programs, small, rounds):
    """Broken images never fault: rounds of them, in as many boots as there are images."""
    results = Results()
    each = -(-rounds // len(small))
    for seed, (name, image) in enumerate(small.items()):
        words = [f"image={machine.image},{image.stat().st_size}", f"rounds={each}", f"seed={seed + 1}"]
        status, output = machine.boot(programs["BadImages"], words, [(image, machine.image)], seconds=900)
        counts = re.search(rb"whole (\d+), part (\d+), refused (\d+)", output)
        numbers = [int(n) for n in counts.groups()] if counts else []
        # Each must happen: a generator that breaks nothing, or everything, tests nothing.
        good = status == 0 and sum(numbers) == each and all(n > each // 100 for n in numbers)
        results.check(f"{machine.name}: {each} broken images of {name}", good, f"status {status}: {last(output)}")
        if good:
            print(f"  {machine.name}: {each} broken images of {name}: {last(output)}")
    return results


def known(machine, programs, scratch):
    """Each image that has one defect is refused for that one, in whichever way it is read."""
    results = Results()
    if (found := results.attempt("broken images, written by Tests/WriteTestImages", images.broken)) is None:
        return results
    pack = scratch / f"broken-{machine.name}"
    made.list_of_images(pack, [path for _, path, _ in found])
    words = [f"images={machine.image},{pack.stat().st_size}"]
    status, output = machine.boot(programs["BadImages"], words, [(pack, machine.image)])
    said = {}
    for number, line in re.findall(r"^(\d+) (.*)$", output.decode("latin-1").replace("\r", ""), re.MULTILINE):
        said.setdefault(int(number), []).append(line)
    for number, (name, _, reason) in enumerate(found):
        must = [f"{way}: {reason}" for way in ("memory opened", "device opened", "memory planned", "device planned")]
        results.check(f"{machine.name}: broken image {name}", said.get(number) == must, f"{said.get(number)}, must be {reason}")
    results.check(f"{machine.name}: the end of the broken images", status == 0 and len(said) == len(found) > 30,
                  f"status {status}: {last(output)}")
    return results


def check(machine, index, options, folder, rows, small, scratch):
    results = Results()
    if options.broken and machine.image is None:
        return results
    products = ("BadImages",) if options.broken else ("TrapCheck",) if machine.image is None else PRODUCTS
    try:
        programs = dict(zip(products, machine.build(*products)))
    except Failure as failure:
        results.check(machine.name, False, str(failure))
        return results
    if options.broken:
        results.add(broken(machine, programs, small, options.rounds))
        results.add(known(machine, programs, scratch))
        return results
    results.add(traps(machine, programs["TrapCheck"]))
    if machine.image is not None:
        results.add(reading(machine, programs, folder, rows, index, options.all))
        results.add(in_place(machine, programs, folder, rows))
        results.add(memory(machine, programs, folder, rows))
        # The code is the reader's, the same for all machines.
        if machine.name == "cortex-m3":
            results.add(flattened(machine, programs, folder, rows, scratch))
        results.add(shell(machine, programs, folder))
        results.add(broken(machine, programs, small, options.rounds))
        results.add(known(machine, programs, scratch))
        results.add(examples(machine, scratch))
    print(f"  {machine.name}: {results.passed} passed, {len(results.failures)} failed")
    return results


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--machine", action="append", choices=MACHINES)
    parser.add_argument("--all", action="store_true")
    parser.add_argument("--rounds", type=int, default=1000)
    parser.add_argument("--broken", action="store_true")
    options = parser.parse_args()
    results = Results()
    chosen = [(index, machine) for index, machine in enumerate(MACHINES.values())
              if not options.machine or machine.name in options.machine]
    if missing := sorted({machine.qemu[0] for _, machine in chosen if not shutil.which(machine.qemu[0])}):
        results.skip("firmware under QEMU", f"no {', '.join(missing)}")
        return results.end()
    references = images.References()
    folder, rows = references.folder, reports.expected(references)
    with tempfile.TemporaryDirectory() as scratch, concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        scratch = pathlib.Path(scratch)
        small = made.small_images(scratch)
        made.example_image(scratch)
        work = [(check, machine, index, options, folder, rows, small, scratch) for index, machine in chosen]
        if not options.machine and not options.broken:
            work += [(codecs, folder, rows, scratch), (basic_images, folder, rows, scratch), (small_system, scratch),
                     (documentation,), (linking, scratch)]
        for each in pool.map(lambda task: task[0](*task[1:]), work):
            results.add(each)
    return results.end()
