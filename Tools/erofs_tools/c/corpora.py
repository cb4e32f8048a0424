# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The fuzzers' corpora and damaged images through Core as C, and through Core in Swift: both must decode each of them to the
same bytes, or refuse it.

The same programs are linked once with the C, and once with an object that LLVM makes of the IR of Swift for x86-64. That is
Core's other form, too: with wide copies, and loops of their own.
"""

import platform
import random
import re
import struct

from .. import codecs, images
from ..command import run
from ..project import ROOT, Failure
from ..toolchain import tool
from . import generate

CORPUS = ROOT / "Fuzzing/Corpus"
CHECK = ROOT / "Platforms/C/check"
LIBRARIES = {"walk": "erofs", "decode": "erofs_pages"}
HERE = generate.Machine("x86_64-unknown-none-elf", "-O", "elf_x86_64", "x86_64-unknown-linux-gnu", "-O2", width=64)
# Bytes in front of a stream in its corpus; the first three are its decoded length (Fuzzing/Sources/FuzzTargets/StreamInput.swift).
HEADER, LONGEST = 8, 1 << 17


def swift_objects(folder, names):
    """Objects of libraries that no C was printed of, by name, each with a file in C that it needs."""
    parts = [part for part in generate.parts() if part.name in names]
    generate.all_ir(parts, folder, {"x86_64": HERE})
    # What the C's compiler would answer, and nothing else.
    answers = re.sub(r"^int (erofs_\w+)\(void\).*;$", r"int \1(void); int \1(void) { return 1; }",
                     codecs.c_choice()[0] + generate.MACHINE.read_text(), flags=re.MULTILINE)
    (folder / "answers.c").write_text(answers)
    made = {}
    for part in parts:
        run(tool("clang"), "-O2", "-Wno-override-module", "-x", "ir", "-c", f"{part.name}-x86_64.ll", "-o", f"{part.name}.o",
            cwd=folder)
        made[part.name] = [folder / f"{part.name}.o", folder / "answers.c"]
    return made


def damaged(data, chance):
    """The same with some bytes changed, at its start or anywhere, or cut."""
    data = bytearray(data)
    for _ in range(chance.choice((1, 1, 2, 5))):
        at = chance.randrange(min(len(data), chance.choice((40, len(data)))))
        data[at] = chance.choice((0, 255, data[at] ^ 1 << chance.randrange(8), chance.randrange(256)))
    return bytes(data[:chance.randrange(1, len(data) + 1)] if chance.randrange(6) == 0 else data)


def streams(path, rounds):
    """Writes the corpora of the decoders, each input also with damage; returns how many there are."""
    chance, records = random.Random(11), []
    for codec in codecs.KERNEL:
        inputs = [file.read_bytes() for file in sorted((CORPUS / codec.lower).iterdir())]
        if len(inputs) < 10:
            raise Failure(f"there are {len(inputs)} files in {CORPUS / codec.lower}")
        for data in inputs:
            length = min(int.from_bytes(data[:3], "little"), LONGEST)
            for stream in [data[HEADER:], *(damaged(data[HEADER:] or b"\0", chance) for _ in range(rounds))]:
                records.append(struct.pack("<4I", codec.id, len(stream), length, 0) + stream)
    path.write_bytes(b"".join(records))
    return len(records)


def damaged_images(folder, rounds):
    """The corpus of images, those with one defect each, and all of them with damage."""
    chance = random.Random(12)
    found = sorted((CORPUS / "image").iterdir()) + [path for _, path, _ in images.broken()]
    folder.mkdir()
    paths = []
    for number, path in enumerate(found):
        data = path.read_bytes()
        paths.append(path)
        for turn in range(rounds if len(data) <= 1 << 18 else 0):
            paths.append(folder / f"{number}-{turn}")
            # A superblock with a checksum that is wrong is refused as a whole: most damage is done elsewhere.
            start = chance.choice((0, 1024, 1152, 1152, len(data) // 2)) % len(data)
            paths[-1].write_bytes(data[:start] + damaged(data[start:], chance))
    return paths


def compare(results, what, said, wanted):
    """Both are lists: of lines for each stream, or of what was said of an image."""
    differing = [number for number, (one, other) in enumerate(zip(said, wanted)) if one != other]
    first = f"{differing[0]}: {said[differing[0]][-200:]}, Swift {wanted[differing[0]][-200:]}" if differing else ""
    results.check(what, len(said) == len(wanted) and not differing, f"{len(differing)} of {len(wanted)} differ; {first}")


def check(results, c_files, work, build, rounds):
    """`build` makes one of the programs with the C, under the sanitizers: build(name). `rounds`: how many damaged forms of each
    input are tried besides."""
    if platform.machine() != "x86_64":
        results.skip("corpora through C and Swift", f"the object in Swift is for x86_64, this is {platform.machine()}")
        return
    objects, programs = swift_objects(work / "swift", LIBRARIES.values()), {}
    for name, library in LIBRARIES.items():
        programs[name] = work / f"{name}-swift"
        run("gcc", "-std=c11", "-O1", "-no-pie", "-I", c_files, CHECK / f"{name}.c", *objects[library], "-o", programs[name])
    count = streams(work / "corpus", rounds)
    said, wanted = (run(program, work / "corpus", "judge", seconds=3600).split()
                    for program in (build("decode"), programs["decode"]))
    compare(results, f"{count} streams of the corpora, C and Swift", said, wanted)
    decoded = len(wanted) - wanted.count("refused")
    results.check("of these streams", len(wanted) == 3 * count and decoded > 100 < wanted.count("refused"),
                  f"{decoded} are decoded")
    paths, outputs = damaged_images(work / "images", rounds), []
    for name, program in (("c", build("walk")), ("swift", programs["walk"])):
        output = work / f"judged-{name}"
        run(program, "judge", output, *paths, seconds=3600)
        # What is said of an image ends with a line "end".
        outputs.append(re.split(rb"(?<=\0)end (-?\d+) ([^\0]*)\0", b"\0" + output.read_bytes()))
    compare(results, f"{len(paths)} images, whole and broken, C and Swift", *outputs)
    statuses = [int(word) for word in outputs[1][1::3]]
    results.check("of these images", len(statuses) == len(paths) and 5 < statuses.count(0) < len(paths) - 20,
                  f"{statuses.count(0)} of {len(statuses)} are read")
