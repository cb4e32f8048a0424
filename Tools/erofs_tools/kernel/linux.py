# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run linux [--full] [--release N] [PART...]: boots kernels without an MMU and holds them to what is promised of them.

    bug    a stock kernel mounts an LZ4 image: it must BUG in vmap, which is why all this is here
    read   every file of the reference images, against the manifest, by each decoder on each CPU
    race   several harts decode extents that share pages: not a byte may be wrong; copy back must be caught at it
    flips  images with bits turned over: errors, never an oops
    broken images that have one defect each: refused, never an oops
    ram    boots to our shell's prompt in 3,584 KiB from an LZ4 and an LZMA root, where every file reads right
    limits a dictionary of 8 MiB and a file of 5 GiB in 3,584 KiB; readers that meet, and that are killed, of Zstandard at any byte
           and with tails beside inodes; a large program on 16 MiB; single pages where most of memory is being read ahead
    cost   reading a page takes no more instructions than with the kernel's own decoders, and the kernel no more room
    guards kernels with an MMU, and objects with what a kernel must not have, are refused; backtraces know our functions
    install  `erofs kernel` changes a source, refuses one, undoes that, and writes patches, for each release in the cache, or of
           each --tree: its files that are touched are copied
    builders  the trees for Buildroot and Yocto; with --buildroot FOLDER, its configurations by Buildroot itself
    released  kernels of other people's: a release folder, without Swift in PATH, changes the source of each --release, and what
           comes of it boots on rv64 and m68k; with --full of 6.12 and 6.1, elsewhere only where it is named
    quick  one boot to a prompt, of rv64 from an LZ4 root, if its kernel is in the cache; only where it is named

The last line counts what passed and failed. Without --full it takes eight kernels and some minutes when they are built.
--except PART leaves a part out, for ./test, which runs `race` alone: there processors have to meet.
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import re
import tempfile

from .. import format as formats
from .. import images
from ..command import timed
from ..project import Failure
from ..results import Results
from . import build as kernels
from . import builders as building
from . import guards as guarding
from . import guests, installing, instructions, machine
from . import limits as limiting
from . import released as releasing
from .guests import CODECS, boot, program, root, say

OOPS = re.compile(r"Oops|BUG|Unhandled|Kernel panic|WARNING|Unable to handle|Internal error|TIMEOUT|scheduling while atomic")


# More than an oops: what says that memory ran out.
TROUBLE = re.compile(f"{OOPS.pattern}|allocation failure|Out of memory|error")
# Memory that each machine comes to a prompt in. The Cortex-M3's kernel has everything in it, the first 32 KiB too, that
# is below its link address. ColdFire's pages are twice as large, and a process has a copy of the program, 152 KiB in one run:
# on 5 MiB all files read right, and often the next command finds no such run.
LEAST = {"rv64": "3584K", "rv32": "3584K", "cortex-m3": "3584K", "m68k": "6M"}
# LZMA makes an extent of 311 KiB of what fills a cluster. Its last page takes all of it and the cluster in memory at once,
# which is most of what is free: about one boot in 60 ran out of memory on rv64. A root for so small a machine bounds its extents.
BOUNDED = ["--max-extent-bytes=131072", "-C65536", "-Eztailpacking"]
# What `mkfs --for=nommu` finds for it: all files are in the packed inode, which is read and decompressed for their readahead.
PACKED = ["--max-extent-bytes=131072", "-C32768", "-Eall-fragments,dedupe"]
# Less than is promised, where boots stall if a readahead waits for memory that its own locked pages take: all of the first
# root, and four of five of the second until what is read of the packed inode gave up too. With what is promised it was one
# in twenty: too few to be noticed in three.
SCARCE = [("rv64", "lzma", "3456K", BOUNDED), ("rv64", "lzma", "3392K", PACKED)]
# Seconds after which a boot stalls for ever. Its own time is that of its instructions, for which a busy host takes longer.
HANGS = 300


class KernelResults(Results):
    """Results that show, where something broke, what the kernel said of it, or else its end."""

    def __init__(self):
        super().__init__(live=True)

    def broken(self, output):
        return OOPS.search(output)

    def check(self, what, good, why="", output=""):
        found = OOPS.search(output)
        detail = output[max(0, found.start() - 200):].splitlines()[:24] if found else output.splitlines()[-12:]
        return super().check(what, good, why, detail)


def kernel(cpu, decoder, **options):
    return kernels.build(cpu, decoder.partition("-")[0], **options)


def mode(decoder):
    return f"nommu_vmap={decoder.partition('-')[2]}" if "-" in decoder else ""


def bug(results, folder, full):
    lz4 = root(folder, program("rv64", "reader"), [("images", b""), ("expected", b"")], ["-zlz4hc"])
    output = boot("rv64", kernel("rv64", "stock", smp=True), lz4, seconds=60)
    found = re.search(r"kernel BUG at mm/nommu\.c:\d+!", output)
    where = re.search(r"epc : (\S+)", output)
    for line in (found and found[0], where and f"in {where[1]}"):
        if line:
            say(f"        {line}")
    results.check("stock kernel, LZ4 root: the BUG", found and "BEGIN" not in output, "it was not there", output)


def named(references):
    return [(path.stem, path) for path in references.images]


def read(results, folder, full):
    references = guests.References()
    # CPU, decoder, every how manieth image, and what else the kernel is. The vmap changes LZ4 only; the other codecs are
    # the kernel's own then.
    plans = [("rv64", "pages", 1, {}), ("rv64", "vmap", 1, {"smp": True}), ("rv32", "pages", 4, {}),
             ("cortex-m3", "pages", 8, {}), ("m68k", "pages", 4, {})]
    if full:
        plans = [(cpu, decoder, 1, {}) for cpu in machine.CPUS for decoder in ("pages", "vmap")]
    for cpu, decoder, every, options in plans:
        chosen = [item for item in named(references) if decoder == "pages" or "lz4" in item[0]][::every]
        right, wrong = 0, []
        # The board's 16 MiB hold memory and images. The vmap needs memory in long runs, so it gets more.
        memory = "16M" if cpu != "cortex-m3" else "5M" if decoder == "pages" else "10M"
        for batch in batches(chosen, (15 << 20) - machine.size(memory) if cpu == "cortex-m3" else 1 << 30):
            data = pathlib.Path(folder) / "data"
            second = [images.device(path) for _, path in batch if images.device(path)]
            table = guests.disk(data, batch, f",device={machine.disk(cpu, 2)}" if second else "")
            base = root(folder, program(cpu, "reader"), [("images", table), ("expected", references.expected)])
            output = boot(cpu, kernel(cpu, decoder, **options), base, seconds=900, data=[data, *second],
                          ram=memory, arguments=machine.disk(cpu, 1))
            for name, _ in batch:
                if f"IMAGE {name} right {references.count} wrong 0 failed 0\n" in output:
                    right += 1
                else:
                    wrong.append(name)
            if OOPS.search(output) or "\nEND\n" not in output:
                wrong.append(f"(the kernel: {(OOPS.search(output) or ['no end'])[0]})")
        results.check(f"read {cpu} {decoder}: {right} of {len(chosen)} images, {references.count} files each",
                      chosen and not wrong, ", ".join(wrong), output)


def batches(chosen, size):
    """Images that fit a disk together; one that has a second disk is alone."""
    batch, used = [], 0
    for item in chosen:
        length = item[1].stat().st_size
        apart = any(images.device(path) for _, path in [item, *batch])
        if batch and (apart or used + length > size):
            yield batch
            batch, used = [], 0
        batch.append(item)
        used += length
    if batch:
        yield batch


def hammer(folder, decoder, harts, seconds):
    # Only LZ4 goes through the vmap.
    disks = [path for name, path in guests.hammer_images(folder) if decoder == "pages" or "lz4" in name]
    base = root(folder, program("rv64", "hammer"))
    names = " ".join(machine.disk("rv64", number + 1) for number in range(len(disks)))
    # More workers than there are harts, so that workers are also interrupted.
    output = boot("rv64", kernel("rv64", decoder, smp=True), base, seconds=seconds * 6 + 60, data=disks, ram="64M", smp=harts,
                  append=f"init_on_alloc=1 {mode(decoder)}", arguments=f"{harts + 2} {seconds} {names}")
    workers = [tuple(map(int, found)) for found in re.findall(r"WORKER \d+ reads (\d+) bad (\d+) failed (\d+)", output)]
    reads, bad, failed = (sum(column) for column in zip(*workers)) if workers else (0, 0, 0)
    return output, len(workers) == harts + 2, reads, bad, failed


def race(results, folder, full):
    seconds = 105 if full else 6
    for decoder in ("pages", "vmap", "vmap-copyback"):
        for harts in (1, 2, 4):
            # On one hart data is lost only to who is interrupted at the wrong moment: that is shown, and not asked for.
            if decoder == "vmap-copyback" and harts == 1 and not full:
                continue
            output, complete, reads, bad, failed = hammer(folder, decoder, harts, seconds)
            # How often harts meet is chance, and fewer where this machine has other work: longer turns until they did.
            length = seconds
            caught = decoder == "vmap-copyback" and harts > 1
            while length < 8 * seconds and (bad == 0 if caught else complete and reads <= 100):
                length *= 2
                output, complete, reads, bad, failed = hammer(folder, decoder, harts, length)
            what = f"race {decoder}, {harts} hart{'s' * (harts > 1)}, {length} s: {bad} bad of {reads:,} pages"
            if caught:
                results.check(what, bad > 0, "it was not caught", output)
            elif decoder != "vmap-copyback":
                results.check(what, complete and reads > 100 and bad == 0 and failed == 0 and not OOPS.search(output),
                              f"{failed} failed, {'all' if complete else 'not all'} workers ended", output)
            else:
                say(f"        {what}")


# The kernel's words about a damaged image stay off the console: they come from another processor while a program prints a
# line, into that line. A BUG, an oops and a panic are more severe than 3 (KERN_ERR) and still come.
CALM = "loglevel=3"


def flips(results, folder, full):
    """Each image many times with other bits turned over in what is not metadata only: all bits are fair."""
    references = guests.References()
    names = ("lz4hc-64k", "lz4hc-16k-full-index", "lz4hc-tail", "lzma-64k", "deflate-64k", "zstd-64k", "lz4", "zstd-4k",
             "lzma-4k-tail")
    sources = [item for item in named(references) if item[0] in names] or named(references)
    count = 200 if full else 24
    machines = [(cpu, decoder) for cpu in (("rv64", "m68k") if full else ("rv64",)) for decoder in ("pages", "vmap")]
    for cpu, decoder in machines:
        generator = random.Random(7)
        chosen = [item for item in sources if decoder == "pages" or "lz4" in item[0]]
        broken = []
        for number in range(count):
            name, path = chosen[number % len(chosen)]
            content = bytearray(path.read_bytes())
            # Not the superblock and what follows it in its first KiB: an image that does not mount shows nothing.
            first = formats.superblock_start() + 1024
            for _ in range(generator.choice((1, 8, 64))):
                content[generator.randrange(first, len(content))] ^= 1 << generator.randrange(8)
            file = pathlib.Path(folder) / f"flip-{number}"
            file.write_bytes(content)
            broken.append((f"{name}-{number}", file))
        data = pathlib.Path(folder) / "data"
        table = guests.disk(data, broken)
        base = root(folder, program(cpu, "reader"), [("images", table), ("expected", references.expected)])
        output = boot(cpu, kernel(cpu, decoder, smp=cpu == "rv64" and decoder == "vmap"), base, seconds=1200,
                      data=[data], ram="16M", append=CALM, arguments=machine.disk(cpu, 1))
        for _, file in broken:
            file.unlink()
        done = re.findall(r"^IMAGE (\S+) (?:mount|right)", output, re.MULTILINE)
        errors = sum(map(int, re.findall(r"^IMAGE .* failed (\d+)", output, re.MULTILINE)))
        results.check(f"flips {cpu} {decoder}: {len(done)} images, {errors} files refused",
                      len(done) == count and "\nEND\n" in output and not OOPS.search(output) and errors > 0,
                      (OOPS.search(output) or ["not all were read"])[0], output)


# What Linux does not check, or reads as something else; these kernels know no extended attributes.
TAKEN_BY_LINUX = {"device", "entryType", "fragmentOffset", "mapHeader", "xattrEntry", "xattrPrefix", "xattrShared", "xattrSize"}
# A packed inode that is in itself. Linux 7.2.13 never ends reading it: z_erofs_readahead holds the lock of a page, and for its
# content z_erofs_scan_folio calls erofs_bread with the same inode, whose do_read_cache_folio waits for that lock, not to be
# killed. These are the functions on the stack of the reading process. No decoder has been called then, so all are alike.
STUCK_IN_LINUX = {"nestedFragment"}


def broken(results, folder, full):
    """Every image that has one defect, which the reader refuses, is mounted and looked through in one boot."""
    found = [item for item in images.broken() if item[0] not in STUCK_IN_LINUX]
    for decoder in ("pages", "vmap"):
        data = pathlib.Path(folder) / "data"
        base = root(folder, program("rv64", "broken"), [("images", guests.disk(data, [item[:2] for item in found]))])
        output = boot("rv64", kernel("rv64", decoder, smp=decoder == "vmap"), base, seconds=300, data=[data], ram="16M",
                      append=CALM, arguments=machine.disk("rv64", 1))
        refused = dict(re.findall(r"^IMAGE (\S+) (\w+) \d+$", output, re.MULTILINE))
        wrong = {name for name, what in refused.items() if (what == "nothing") != (name in TAKEN_BY_LINUX)}
        wrong |= {name for name, _, _ in found} - set(refused)
        results.check(f"broken {decoder}: {len(found)} images, {len(found) - len(TAKEN_BY_LINUX)} refused",
                      not wrong and "\nEND\n" in output and not OOPS.search(output),
                      (OOPS.search(output) or [f"not as it must be: {' '.join(sorted(wrong))}"])[0], output)


def prompt(folder, cpu, decoder, codec, memory, times, seconds=HANGS, how=("-C65536", "-Eztailpacking"), **options):
    """How many of so many boots came to a prompt and read every file right; `free` there; the last that did not."""
    base, sums = guests.userspace_root(folder, cpu, [*CODECS[codec], *how])
    image = kernel(cpu, decoder, **options)

    def once(_):
        # Its time is that of its instructions. With the host's, a host that is busy makes a machine of so little memory give up
        # before a read has ended: 3 of 6 boots on two processors with three busy loops. QEMU's ColdFire gets no character then.
        return boot(cpu, image, base, seconds=seconds, ram=memory, commands=["sum -b /files", "free"],
                    append=f"quiet {mode(decoder)}", icount=None if cpu == "m68k" else 3)

    right, free, bad = 0, "", ""
    # A machine of one processor keeps one of ours busy.
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as machines:
        for output in machines.map(once, range(times)):
            found = re.search(r"Mem: .*", output)
            if sums <= set(output.splitlines()) and found and not TROUBLE.search(output):
                right, free = right + 1, found[0]
            else:
                bad = output
    return right, free, bad


def ram(results, folder, full, boots=None):
    usual = boots or (20 if full else 3)
    promised = [(cpu, codec, memory, BOUNDED if codec == "lzma" else None) for cpu, memory in LEAST.items()
                for codec in ("lz4", "lzma")]
    # Many boots are for the root that is the hardest of these, as mkfs makes it for such a machine.
    many = [("rv64", "lzma", LEAST["rv64"], ["--for=nommu", f"--ram={LEAST['rv64']}", "--search-time=30"])]
    for cpu, codec, memory, how in many if boots else [*promised, *SCARCE]:
        # Nothing there is near its end in so much memory.
        times = 1 if cpu == "m68k" and not full else usual
        more = {"how": how} if how else {}
        right, free, bad = prompt(folder, cpu, "pages", codec, memory, times, **more)
        results.check(f"ram {cpu} {codec} {memory}: {right} of {times} boots to a prompt, all files right there",
                      right == times,
                      "not all", bad)
        say(f"        {'total used free shared cache available, KiB:':12} {' '.join(free.split()[1:])}")


def limits(results, folder, full):
    limiting.check(results, folder)


def builders(results, folder, full, buildroot=None):
    building.check(results, folder, kernels.generated(), kernels.source(kernels.NEWEST), buildroot)


def released(results, folder, full, releases=None):
    releasing.check(results, folder, releases or ("6.12", "6.1"), prompt)


def cost(results, folder, full):
    counts = instructions.a_page(folder, "rv64")
    for name in dict.fromkeys(name for _, name, _ in counts):
        ratios = {way: counts["pages", name, way] / counts["vmap", name, way] for way in ("sequential", "random")}
        results.check(f"cost of a page, {name}: {ratios['sequential']:.2f} of the kernel's own, single pages "
                      f"{ratios['random']:.2f}",
                      max(ratios.values()) <= 1, "more than with the kernel's own decoder")
    ours, theirs = (kernel("rv64", decoder, extra=("ramdisk",)).stat().st_size for decoder in ("pages", "vmap"))
    results.check(f"kernel with all four decoders: {ours:,} B, with the kernel's own and a vmap {theirs:,} B",
                  ours < theirs, "larger")


def guards(results, folder, full):
    guarding.sources(results)
    guarding.forbidden(results)
    guarding.sets(results)
    guarding.configurations(results)
    # A backtrace prints what this table says.
    # The kernels of the parts before.
    for decoder, options in (("pages", {}), ("vmap", {"smp": True})):
        image = kernel("rv64", decoder, **options)
        base, _ = guests.userspace_root(folder, "rv64", CODECS["lzma"])
        output = boot("rv64", image, base, seconds=HANGS, ram="8M", commands=["grep swift_ /proc/kallsyms"], append="quiet")
        wanted = guarding.functions(image)
        known = set(re.findall(r"^[0-9a-f]+ t (swift_\w+)$", output, re.MULTILINE))
        results.check(f"guards: rv64 {decoder} names its {len(wanted)} functions in Swift", wanted and wanted == known,
                      " ".join(sorted(wanted ^ known)) or "there are none", output)


def quick(results, folder, full):
    try:
        kernels.build("rv64", "pages", only_cached=True)
    except Failure as problem:
        # Another kernel of that processor makes this one in a minute; from nothing it takes more than a quick test has.
        if not list(kernels.CACHE.glob("objects/*/rv64-*/swift-erofs.key")):
            results.skip("a boot of Linux", f"{problem}: ./test linux builds it")
            return
    right, _, bad = prompt(folder, "rv64", "pages", "lz4", LEAST["rv64"], 1)
    results.check(f"rv64 lz4 {LEAST['rv64']}: a prompt, all files right there", right == 1, "not so", bad)


def install(results, folder, full, trees=None):
    made = kernels.generated()
    for tree in map(pathlib.Path, trees or ()):
        with tempfile.TemporaryDirectory() as own:
            installing.check(results, kernels.INSTALLER, made, tree.resolve(), own)
    if trees:
        return
    kernels.source("7.2")
    for release in ("7.2", "6.12", "6.1"):
        marker = kernels.CACHE / f"source-{release}"
        if not marker.is_symlink():
            results.skip(f"install {release}", "its source is not in the cache: Tools/run kernel --release fetches it")
            continue
        with tempfile.TemporaryDirectory() as own:
            installing.check(results, kernels.INSTALLER, made, marker.resolve(), own)


PARTS = {"install": install, "builders": builders,
         "bug": bug, "read": read, "race": race, "flips": flips, "broken": broken, "ram": ram, "limits": limits, "cost": cost,
         "guards": guards, "released": released}
# Parts that run with --full, or where they are named.
LONG = ("released",)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--except", dest="left_out", action="append", default=[], choices=PARTS)
    parser.add_argument("--release", action="append", help="of Linux, for the part released")
    parser.add_argument("--tree", action="append", metavar="FOLDER", help="with a source of Linux, for the part install")
    parser.add_argument("--boots", type=int, metavar="N", help="part ram: of rv64 from an LZMA root that mkfs --for=nommu makes")
    parser.add_argument("--buildroot", metavar="FOLDER", help="with Buildroot's source, for the part builders")
    parser.add_argument("parts", nargs="*", choices=[[], *PARTS, "quick"])
    arguments = parser.parse_args()
    results = KernelResults()
    usual = [part for part in PARTS if arguments.full or part not in LONG]
    parts = [part for part in arguments.parts or usual if part not in arguments.left_out]
    try:
        if parts != ["quick"]:
            with kernels.lock("source-7.2"):
                kernels.fetch("7.2")
    except Failure as problem:
        results.skip("Linux without an MMU", f"its source is not to be had: {' '.join(str(problem).split())[-200:]}")
        return results.end()
    for part in parts:
        with tempfile.TemporaryDirectory() as folder, timed(f"part {part}"):
            more = {"builders": arguments.buildroot, "released": arguments.release, "ram": arguments.boots,
                    "install": arguments.tree}
            own = [more[part]] if part in more else []
            {**PARTS, "quick": quick}[part](results, folder, arguments.full, *own)
    return results.end()
