# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Makes Core as C, and holds it to what it promises.

    Tools/run c                  for ./test: the last line counts what passed, failed and was skipped
    Tools/run c --fuzz N         N damaged forms of each input of the fuzzers' corpora, and nothing else

It is the same each time; every compiler takes it without a warning; it reads the reference images as the manifest says, and
decodes what the C libraries encode, on this machine under the sanitizers for addresses and for undefined behaviour, and, an image
of each kind, under QEMU on processors with words of 32 and of 64 bits and either order of bytes. Damage does not make it read or
write where it must not. It does the same with the fuzzers' corpora as Core in Swift does. The release folder serves who has no
Swift.
"""

import argparse
import contextlib
import hashlib
import os
import pathlib
import re
import shutil
import tempfile

from ..command import run
from ..elf import Elf
from ..firmware import reports
from ..images import References
from ..project import ROOT, Failure
from ..results import Results
from ..toolchain import tool
from . import bench, corpora, generate, links, refusals, release_check, vectors

HERE = ROOT / "Platforms/C/check"
# Damaged forms of each input of a corpus that are tried besides.
ROUNDS = 5
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
SANITIZED = ["-O1", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
# Undefined behaviour ends the program, without the sanitizer's library, which Debian does not have for every processor.
TRAPPED = ["-O1", "-fsanitize=undefined", "-fsanitize-undefined-trap-on-error", "-static"]
# What this compiler makes of the files is run, too.
GCC = ("gcc", "-O2")
# Compilers that must take every file without a word: the command, and its options. For those that stand second, the example of
# the release compiles erofs.c in the same way.
COMPILERS = [
    GCC, ("clang", "-O2"), ("clang", "-Os -target riscv32-none-none-eabi -march=rv32imac -mabi=ilp32"),
    ("m68k-linux-gnu-gcc", "-Os -mcpu=68000"),
]
EXAMPLES = [
    ("arm-none-eabi-gcc", "-Os -mcpu=cortex-m0 -mthumb"), ("arm-none-eabi-gcc", "-Os -mcpu=cortex-m4 -mthumb -mfloat-abi=hard"),
    ("riscv64-unknown-elf-gcc", "-Os -march=rv32imac -mabi=ilp32"),
    ("riscv64-unknown-elf-gcc", "-Os -march=rv64imac -mabi=lp64 -mcmodel=medany"), ("m68k-linux-gnu-gcc", "-Os -mcpu=5208"),
]
# An image of each kind, those that come with the project: of which one row is read whole and the other in steps.
KINDS = [
    ("libdeflate-32k-tail", "lz4hc-16k-full-index", "lz4hc-64k-dedupe-fragments", "zstd-48bit-64k", "plain-512"),
    ("chunks-64k-device", "lz4hc-48bit-bytes", "lz4hc-64k-tail", "lz4hc-xattr-prefix-fragments", "lzma-1k-64k-tail",
     "zstd-metabox-fragments"),
]
# Where the programs run: the compiler, its options, QEMU's command, and which row of KINDS is read whole; None for all images in
# both ways.
RUNS = {
    "this machine, sanitized": ("clang", ["-g1", *SANITIZED], [], None),
    "this machine": (GCC[0], [GCC[1]], [], 0),
    "armv5": ("arm-linux-gnueabi-gcc", ["-O2", "-march=armv5te", "-static"], ["qemu-arm"], 1),
    "rv64": ("riscv64-linux-gnu-gcc", ["-O2", "-static"], ["qemu-riscv64"], 0),
    # Big-endian.
    "m68k": ("m68k-linux-gnu-gcc", ["-O2", "-static"], ["qemu-m68k"], 1),
    "ppc": ("powerpc-linux-gnu-gcc", TRAPPED, ["qemu-ppc"], 0),
    "s390x": ("s390x-linux-gnu-gcc", TRAPPED, ["qemu-s390x"], 1),
}


def compiler(name):
    """The command of a compiler; None where there is none. Clang is that of the Swift toolchain."""
    return tool("clang") if name == "clang" else shutil.which(name)


def compiles(results, files, work):
    for name, options in [*COMPILERS, *EXAMPLES]:
        command = compiler(name)
        for file in files:
            if file.name == "erofs.c" and (name, options) in EXAMPLES:
                continue
            what = f"{file.name}: {name} {options}"
            if command:
                made = work / (f"{file.stem}-here.o" if (name, options) == GCC else "file.o")
                results.attempt(what, run, command, *STRICT, "-ffreestanding", *options.split(), "-c", file, "-o", made)
                if limit := bench.limit(file.name, name, options):
                    size = bench.text(name, made)
                    results.check(f"{what}: text", size <= limit * 1.02, f"{size} bytes, {limit} in {bench.TABLE.name}")
            else:
                results.skip(what, f"there is no {name}")


def parse(output):
    """What walk.c printed: a list of ({path: row}, status, text) for the images, with rows as reports.expected has them, and
    the extended attributes at their end."""
    images, rows, at = [], {}, 0
    while at < len(output):
        end = output.index(b"\0", at)
        line, at = output[at:end].decode("latin-1"), end + 1
        if line.startswith("end "):
            _, status, text = line.split(" ", 2)
            images.append((rows, int(status), text))
            rows = {}
            continue
        if line.startswith("xattr "):
            _, size, name = line.split(" ", 2)
            rows[last][-1][name] = output[at:at + int(size)].hex()
            at += int(size)
            continue
        mode, uid, gid, seconds, size, _, path = line.split(" ", 6)
        mode, size = int(mode, 8), int(size)
        letter = {0o10: "f", 0o4: "d", 0o12: "l", 0o2: "c", 0o6: "b", 0o1: "p", 0o14: "s"}[mode >> 12]
        value = None
        if letter in "fl":
            value, at = output[at:at + size], at + size
            value = hashlib.sha256(value).hexdigest() if letter == "f" else reports.escaped(value)
        last = reports.escaped(path.encode("latin-1"))
        rows[last] = (letter, f"{mode & 0o7777:04o}", int(uid), int(gid), size if letter == "f" else None, seconds, value, {})
    return images


def promised(references):
    """The rows that walk.c must print."""
    xattrs = {reports.escaped(reports.raw(row["path"])): row.get("xattrs", {}) for row in references.rows()}
    return {path: (*row, {reports.raw(name).decode("latin-1"): value for name, value in xattrs[path].items()})
            for path, row in reports.expected(references).items()}


def differences(rows, expected):
    """In words, what was read that is not as the manifest says; numbers of devices and parts of seconds are not compared."""
    wanted = {path: (*row[:5], row[5].split(".")[0], row[6] if row[0] in "fl" else None, row[7])
              for path, row in expected.items()}
    wrong = [f"{path}: is {rows.get(path)}, must be {row}" for path, row in wanted.items() if rows.get(path) != row]
    return wrong + [f"too much: {path}" for path in rows if path not in wanted]


def build(where, name, folder, work):
    """A program of Platforms/C/check and the library that it uses: built where it was not yet."""
    command, options, _, _ = RUNS[where]
    program = work / re.sub(r"\W+", "-", f"{name}-{where}")
    if program.exists():
        return program
    library = corpora.LIBRARIES[name] + ".c"
    # What `compiles` has made already.
    source = work / library.replace(".c", "-here.o") if (command, *options) == GCC else folder / library
    run(compiler(command), *STRICT, *options, "-I", folder, source, HERE / f"{name}.c", "-o", program,
        label=f"compile {library} for {where}")
    return program


def output_of(where, program, *words):
    return run(*RUNS[where][2], program, *words, seconds=600, label=f"{program.name} {words[0]}")


def walks(results, where, folder, work, references, expected):
    program, row = build(where, "walk", folder, work), RUNS[where][3]
    for number, mode in enumerate(("whole", "steps")):
        images = references.images if row is None else [*map(references.image, KINDS[(row + number) % 2])]
        output = work / "output"
        output_of(where, program, mode, output, *images)
        read = parse(output.read_bytes())
        results.check(f"{where}: images that were read {mode}", len(read) == len(images), f"{len(read)} of {len(images)}")
        for image, (rows, status, text) in zip(images, read):
            if image.with_suffix(".blob").exists():
                good, why = (status, text) == (-2, "an extra device"), f"must be refused, is {status} {text}"
            else:
                wrong = differences(rows, expected)
                good, why = status == 0 and not wrong, f"{status} {text}; {'; '.join(wrong[:2])}"
            results.check(f"{where}: {image.stem} {mode}", good, why)


def chosen(results, folder, work, references, expected):
    """Codecs that a macro leaves out: they cost nothing, images that need one are refused, and others read as before."""
    left_out = ["-DEROFS_NO_LZMA", "-DEROFS_NO_DEFLATE", "-DEROFS_NO_ZSTD"]
    for name in ("erofs", "erofs_pages"):
        run(*GCC, *STRICT, "-ffreestanding", *left_out, "-c", folder / f"{name}.c", "-o", work / f"{name}.o")
        # What `compiles` has made is with all of them.
        less = sum(Elf(work / f"{name}-here.o").loaded.values()) - sum(Elf(work / f"{name}.o").loaded.values())
        results.check(f"{name}.c without three codecs", less > 15000, f"it is {less} bytes smaller only")
    program, output = work / "walk-chosen", work / "output"
    run("gcc", *STRICT, "-I", folder, work / "erofs.o", HERE / "walk.c", "-o", program)
    run(program, "whole", output, *references.images)
    refused, named_codec = [], []
    for image, (rows, status, text) in zip(references.images, parse(output.read_bytes())):
        if status == -2 and (missing := re.fullmatch("the codec (MicroLZMA|DEFLATE|Zstandard) is not in this program", text)):
            named_codec.append(missing[1])
            refused.append(image.stem)
        elif not image.with_suffix(".blob").exists():
            wrong = differences(rows, expected)
            results.check(f"without three codecs: {image.stem}", status == 0 and not wrong, f"{status} {text}; {wrong[:2]}")
    named = [image.stem for image in references.images if re.search("lzma|deflate|zstd", image.stem)]
    others = [image.stem for image in references.images if "lz4" in image.stem or "plain" in image.stem]
    results.check("images of codecs that were left out", named and {*named} <= {*refused} and not {*others} & {*refused},
                  f"refused are {refused}")
    wrong = [f"{stem}: {codec}" for stem, codec in zip(refused, named_codec)
             if (word := re.search("lzma|deflate|zstd", stem)) and word[0][:4] not in codec.lower().replace("zstandard", "zstd")]
    results.check("the codec that was left out is named", named_codec and not wrong, "; ".join(wrong))


def fuzz(results, folder, work, rounds):
    corpora.check(results, folder, work, lambda name: build("this machine, sanitized", name, folder, work), rounds)


def check(results, work):
    refusals.check(results)
    folder, first, again = work / "c", work / "ir", work / "again"
    parts = generate.parts()
    generate.all_ir(parts, first)
    files = generate.print_all(parts, first, folder)
    # The compilers once more for the smallest library, and the printer for all of them, with sets in another order.
    generate.all_ir(parts[:1], again, {"64-big": generate.MACHINES["64-big"]}, fresh=True)
    for path in sorted(again.iterdir()):
        results.check(f"{path.name} is the same each time", path.read_bytes() == (first / path.name).read_bytes(), "it is not")
    run(ROOT / "Tools/run", "c-files", "--ir", first, again, env={**os.environ, "PYTHONHASHSEED": "1"})
    for file in files:
        results.check(f"{file.name} is the same each time", file.read_bytes() == (again / file.name).read_bytes(), "it is not")
    compiles(results, files, work)
    results.attempt("release", release_check.check, results, folder, work, HERE / "walk.c")
    references, streams = References(), work / "streams"
    expected, count = promised(references), vectors.write(streams)
    results.attempt("corpora", fuzz, results, folder, work, ROUNDS)
    results.attempt("codecs that are left out", chosen, results, folder, work, references, expected)
    for where, (command, _, qemu, _) in RUNS.items():
        if missing := [name for name in [command, *qemu] if not compiler(name)]:
            results.skip(f"{where}: images and streams", f"there is no {missing[0]}")
            continue
        results.attempt(f"{where}: images", walks, results, where, folder, work, references, expected)
        walk = build(where, "walk", folder, work)
        results.attempt(f"{where}: links", links.check, results, where, lambda *words: output_of(where, walk, *words), work)
        decode = build(where, "decode", folder, work)
        said = results.attempt(f"{where}: streams", output_of, where, decode, streams)
        results.check(f"{where}: all streams", said == f"{count * 3} right, 0 wrong\n", str(said))
        if "sanitized" in where:
            results.attempt(f"{where}: damaged streams", output_of, where, decode, streams, 60)
            results.attempt(f"{where}: damaged images", output_of, where, walk, "damaged", 3, *references.images)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keep", type=pathlib.Path, help="a folder for everything that is made; otherwise it is removed")
    parser.add_argument("--fuzz", type=int, metavar="N")
    arguments = parser.parse_args()
    results = Results()
    with contextlib.ExitStack() as stack:
        work = arguments.keep or pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
        work.mkdir(parents=True, exist_ok=True)
        work = work.resolve()
        if arguments.fuzz:
            generate.all_ir(generate.parts(), work / "ir")
            generate.print_all(generate.parts(), work / "ir", work / "c")
            fuzz(results, work / "c", work, arguments.fuzz)
        else:
            check(results, work)
    return results.end()
