# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What is at the edge of a small machine, in three boots: on rv32 a dictionary larger than all memory, a file larger than its
addresses; on two harts of rv64 readers that meet, readers that are killed, and a program that needs a long run of memory; on
rv64 a reader that finds memory full of what is being read ahead."""

import hashlib
import json
import os
import pathlib
import random
import re

from .. import images
from ..command import run
from . import build as kernels
from . import guests, machine
from .guests import boot, program

# The program's bytes behind what it is compiled to, and where the large file has data.
ROOM, KIBIBYTE, PIECE = 400 << 10, 4718592, 65536
LARGE, BLOCK = 5 << 30, 4096
# Two images with Zstandard for readers that meet: where tails are beside inodes, mkfs has all other data begin where a block does.
MEETING = {"tails beside inodes": "48bit,ztailpacking", "data at any byte": "48bit"}


def text(seed, size):
    """Words that compress to a third or so, the same each time."""
    chance = random.Random(seed)
    words = [chance.randbytes(chance.randrange(3, 12)).hex().encode() + b" " for _ in range(800)]
    return b"".join(chance.choices(words, k=size // 12))[:size]


def digest(data):
    return hashlib.sha256(data).hexdigest()


def ended(output):
    """Whether the machine went on to the last command, which is `free`."""
    return re.search(r"^Mem: .*$", output, re.MULTILINE)


def begin_inside(image, names):
    """How many files have data, as their first extent, that begins inside a block."""
    starts = []
    for name in names:
        said = run(images.product("erofs"), "dump", "--json", "--extents", f"/{name}", image,
                   env={**os.environ, **images.NO_PROFILE})
        starts.append(json.loads(said)["extents"]["extents"][0]["offset"] % BLOCK)
    return sum(start != 0 for start in starts)


def large_file(folder):
    """An image with a file of 5 GiB that has data at 4.5 GiB only, and that data."""
    tree, data = folder / "large", text(1, PIECE)
    tree.mkdir()
    with open(tree / "file", "wb") as file:
        file.seek(KIBIBYTE << 10)
        file.write(data)
        file.truncate(LARGE)
    return images.make(folder / "large.erofs", tree, "-zlz4hc", "-C65536", "--max-extent-bytes=131072"), digest(data)


def edges(results, folder):
    """One boot of rv32 in as little memory as is promised."""
    cpu, memory = "rv32", "3584K"
    large, wanted = large_file(folder)
    base, sums = guests.userspace_root(folder, cpu, ["-zlzma,dictsize=8388608", "-C65536", "-Eztailpacking",
                                                     "--max-extent-bytes=131072"],
                                       [("bin/piece", program(cpu, "piece", as_flat=True))])
    output = boot(cpu, kernels.build(cpu, "pages"), base, seconds=300, ram=memory, data=[large], append="quiet", icount=3,
                  commands=["sum -b /files", "mount -t erofs -o ro /dev/vdb /mnt", f"piece /mnt/file {KIBIBYTE} {PIECE}", "free"])
    lines = output.splitlines()
    results.check(f"limits {cpu} {memory}: a root with LZMA that announces a dictionary of 8 MiB, all files right",
                  sums <= set(lines), "not all", output)
    results.check(f"limits {cpu} {memory}: a file of 5 GiB, data at 4.5 GiB",
                  wanted in lines and ended(output) and not results.broken(output),
                  "other data, or none", output)


def meetings(results, folder):
    """One boot of rv64 with two harts."""
    cpu, kills, rounds, pins = "rv64", 30, 4, 300
    tree = folder / "zstd"
    tree.mkdir()
    # Lengths of all kinds, so that there are tails of all lengths beside inodes.
    files = {f"{number}": text(number + 2, 1500 * number * number % 150000 + 700) for number in range(24)}
    files["long"] = text(99, 1 << 20)
    for name, content in files.items():
        (tree / name).write_bytes(content)
    made = [images.make(folder / f"zstd-{number}.erofs", tree, "-zzstd,19", f"-b{BLOCK}", "-C65536", f"-E{features}")
            for number, features in enumerate(MEETING.values())]
    inside = begin_inside(made[1], files)
    results.check(f"limits: {inside} of {len(files)} files begin inside a block where data begins at any byte",
                  inside > len(files) // 2, "too few")
    own = program(cpu, "piece", as_flat=True, room=ROOM)
    base, _ = guests.userspace_root(folder, cpu, [*guests.CODECS["zstd"], "-C65536"], [("bin/piece", own)])
    mounts = [f"umount /mnt; mount -t erofs -o ro {machine.disk(cpu, number)} /mnt" for number in (1, 2)]
    both = [f"{mount}; sum -b /mnt >/dev/s1 & sum -b /mnt >/dev/s2; wait; cat /dev/s1 /dev/s2" for mount in mounts]
    kill = [f"i=0; while [ $i -lt {kills} ]; do {mount}; cat /mnt/long >/dev/null & sleep 0.00$i; kill -9 $!; wait $! || "
            "echo killed; i=$((i+1)); done" for mount in mounts]
    # Pages that cannot be reclaimed, each behind others that can: /dev is in memory. One in two goes again.
    pin = (f"i=0; while [ $i -lt {pins} ]; do head -c 4096 /files/$i >/dev/p$i; sum /files/$i >/dev/null; i=$((i+1)); done; "
           f"i=0; while [ $i -lt {pins} ]; do rm /dev/p$i; i=$((i+2)); done")
    content = own.read_bytes()
    execute = f"for i in 1 2 3; do piece - {len(content) - ROOM} {ROOM}; done"
    unpin = f"i=1; while [ $i -lt {pins} ]; do rm /dev/p$i; i=$((i+2)); done"
    output = boot(cpu, kernels.build(cpu, "pages", smp=True), base, seconds=300, ram="16M", smp=2, data=made, append="quiet",
                  commands=[f"echo fresh; {execute}", f"mount -t erofs -o ro {machine.disk(cpu, 1)} /mnt",
                            *[word for number in (0, 1) for word in
                              (*[f"echo round {number}; {both[number]}"] * rounds, f"echo kills {number}; {kill[number]}",
                               f"echo round {number}; {both[number]}")],
                            f"sum /files >/dev/null; echo cached; {execute}",
                            f"{pin}; cat /proc/buddyinfo; echo pinned; {execute}", f"{unpin}; echo unpinned; {execute}",
                            "free"])
    parts = re.split(r"^(round \d|kills \d|cached)$", output, flags=re.MULTILINE)[1:]
    printed = [(title, part.splitlines()) for title, part in zip(parts[::2], parts[1::2])]
    want = {f"{digest(content)}  /mnt/{name}" for name, content in files.items()}
    for number, what in enumerate(MEETING):
        right = [all(lines.count(line) == 2 for line in want) for title, lines in printed if title == f"round {number}"]
        killed = sum(lines.count("killed") for title, lines in printed if title == f"kills {number}")
        results.check(f"limits {cpu}, 2 harts: Zstandard, {what}: {sum(right)} of {rounds + 1} times right for both readers",
                      sum(right) == rounds + 1, "not all", output)
        # The last of these rounds is behind the kills.
        results.check(f"limits {cpu}, 2 harts: {what}: {killed} of {kills} readers killed at their first read, and then all "
                      "files right", killed > kills // 4 and len(right) == rounds + 1 and right[-1], "too few",
                      output)
    fresh, cached, pinned, unpinned = (part.splitlines().count(digest(content[-ROOM:])) for part in
                                re.split(r"^(?:fresh|cached|pinned|unpinned)$", output, flags=re.MULTILINE)[1:5] or [""] * 4)
    free = re.search(r"^Node 0.*$", output, re.MULTILINE)
    # Linux gives a program's text one run of memory, whatever the file system: where there is none, it is refused.
    results.check(f"limits {cpu} 16M: a program of {len(content) >> 10} KiB from a compressed root: {fresh} of 3 after the boot, "
                  f"{cached} behind caches, {pinned} with memory in pieces, {unpinned} later", fresh == 3, "not all", output)
    guests.say(f"        {free[0] if free else 'nothing is said of free memory'}")
    results.check(f"limits {cpu}: nothing is wrong with the kernel, to the end", ended(output) and not results.broken(output),
                  "something is, or it stopped", output)


def ahead(results, folder):
    """One boot of rv64 that reads single pages while a stretch is read ahead in most of the free memory."""
    cpu, memory, rounds, free, number = "rv64", "3584K", 150, (136, 150), 2
    (_, image), = guests.hammer_images(folder, only="lz4-64k")
    base = guests.root(folder, program(cpu, "scarce"))
    output = boot(cpu, kernels.build(cpu, "pages"), base, seconds=300, ram=memory, data=[image], append="quiet", icount=3,
                  arguments=f"{rounds} {free[0]} {free[1]} {machine.disk(cpu, 1)} {number}")
    found = re.search(r"^READS (\d+) bad (\d+) failed (\d+)$", output, re.MULTILINE)
    reads, bad, failed = map(int, found.groups()) if found else (0, 0, 0)
    results.check(f"limits {cpu} {memory}: {reads:,} pages read beside a readahead, with {free[0]} to {free[1]} pages free: "
                  f"{bad} bad, {failed} failed",
                  reads > 10 * rounds and bad == 0 and failed == 0 and "\nEND\n" in output and not results.broken(output),
                  "the reader did not end" if not found else "not all are right", output)


def check(results, folder):
    for name, part in (("edges", edges), ("meetings", meetings), ("ahead", ahead)):
        own = pathlib.Path(folder) / name
        own.mkdir()
        part(results, own)
