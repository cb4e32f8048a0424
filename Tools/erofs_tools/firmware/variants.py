# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Programs with a choice of the package's traits, and machines and images with little memory."""

import hashlib
import random

from .. import format as formats
from .. import images
from ..elf import Elf
from ..project import Failure
from ..results import Results
from .machines import BASIC, CODECS, MACHINES, SMALL_MACHINE, SMALLEST
from .reading import last, walk

# An image of each codec, and the word for the codec.
WORDS = {name: (codec.image, codec.word) for name, codec in CODECS.items()}


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


def reported(output):
    """The digest of each file's content, by its path, of what a walk says."""
    lines = [line.split(" ") for line in output.decode("latin-1").splitlines()]
    return {line[9]: line[7] for line in lines if len(line) == 10}


def differing(output, tree):
    """The files of a tree that a walk did not read as they are."""
    said = reported(output)
    return [path for path in tree.rglob("*") if path.is_file()
            and said.get("/" + str(path.relative_to(tree))) != hashlib.sha256(path.read_bytes()).hexdigest()]


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
    wrong = differing(output, tree)
    results.check(f"{SMALL_MACHINE.name}: all of an LZ4 image", status == 0 and not wrong, f"{status}: {wrong[:3]} {last(output)}")
    print(f"  {SMALL_MACHINE.name}: {output.decode('latin-1').splitlines()[0]}; {last(output).splitlines()[-1]}")
    return results


def memory_limit(machine, programs, scratch):
    """An image that `erofs mkfs --ram=64K` makes is read, all of it, in an arena of 64 KiB, from flash and from a device."""
    results = Results()
    tree, image, limit = scratch / "ram", scratch / "ram.erofs", 65536
    (tree / "inner/deeper").mkdir(parents=True)
    chance = random.Random(5)
    (tree / "text").write_text("".join(f"{i * i * 7919} lines, and this is {chance.randrange(10)}\n" for i in range(12000)))
    (tree / "inner/noise").write_bytes(chance.randbytes(50000))
    for i in range(40):
        (tree / f"inner/deeper/file-{i}").write_text(f"{i} of these, " * (i * 40))
    images.make(image, tree, "--ram=64K", "-Uclear")
    for configuration in ("flash", "scattered-12", "blocks"):
        status, output, _ = walk(machine, programs, configuration, image, {}, limit)
        wrong = differing(output, tree)
        results.check(f"{machine.name}: an image for 64 KiB in an arena of 64 KiB, from {configuration}",
                      status == 0 and not wrong and len(reported(output)) > 42, f"{status}: {wrong[:3]} {last(output)}")
    return results
