# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What somebody has who has no Swift: a release folder, a kernel's source and that kernel's compiler. The source is changed by the
folder's own program, and kernels are built and booted of what that made of it, for a little-endian and a big-endian machine."""

import contextlib
import os
import pathlib

from .. import images
from ..c import release as releases
from ..c import release_check
from ..command import run
from . import build as kernels
from . import guests, machine
from .guests import boot, program, root, say

# What a release can read of the reference images: a disk for each, of which QEMU's rv64 has seven beside the root.
NEW = ("lz4hc-64k-dedupe-fragments", "lz4hc-1m", "lzma-64k", "deflate-64k", "zstd-64k", "zstd-16k-fragments", "plain-4k")
IMAGES = {"6.6": tuple(name for name in NEW if not name.startswith("zstd")),
          "6.1": ("lz4", "lz4hc-64k", "lz4hc-64k-tail", "lz4hc-64k-fragments", "lzma-64k", "lzma-4k-tail", "plain-4k")}
# Blocks that are smaller than pages, which those of a ColdFire are, these read only where they are not compressed.
WHOLE_PAGES = {(release, "m68k"): ("-b8192", "-C65536", "-Eztailpacking") for release in ("6.1", "6.6")}
# The algorithms that a release has.
CODECS = {"6.1": ("lz4", "lzma"), "6.6": ("lz4", "lzma", "deflate")}
# Before readahead gave up for want of memory, which 6.1 has no part of, and with stacks of 16 KiB. 6.18 has 200 KiB more in use at
# the prompt than 7.2: in 4 MiB one boot of four ran out of memory.
MEMORY = {"6.1": "8M", "6.6": "8M", "6.18": "5M"}
CPUS = ("rv64", "m68k")
# As many as the ColdFire's command line has room to name.
ONBOARD = 3


@contextlib.contextmanager
def without_swift(folder):
    """What is called meanwhile, the kernel's make too, has no Swift in its PATH."""
    before = os.environ["PATH"]
    os.environ["PATH"] = release_check.without_swift(folder)["PATH"]
    try:
        yield
    finally:
        os.environ["PATH"] = before


def install(results, folder, release):
    """Changes the cache's source by the released program; the same as what the checkout's has made of it."""
    with kernels.lock(f"source-{release}"):
        tree = kernels.fetch(release)
        kernels.forget_patches(tree)
        if (tree / ".swift-erofs.json").exists():
            run(kernels.INSTALLER, "uninstall", tree)
        said = run(folder / "kernel/erofs-kernel", "install", tree)
        again = run(kernels.INSTALLER, "install", "--check", "--c", kernels.generated(), tree)
        line = next(line for line in said.splitlines() if "files written" in line)
        results.check(f"released {release}: {line.partition(';')[0]} to {tree.name}, as the checkout does it",
                      "there already" in again, again)


def read(results, folder, release, cpu):
    references = guests.References()
    chosen = [name for name in IMAGES.get(release, NEW) if references.image(name)
              and ((release, cpu) not in WHOLE_PAGES or name.startswith("plain"))]
    image = kernels.build(cpu, "pages", release=release, in_c=True)
    init, right, wrong = program(cpu, "reader", as_flat=True), 0, []
    step = ONBOARD if cpu in machine.MTD else len(chosen)
    for batch in (chosen[at:at + step] for at in range(0, len(chosen), step)):
        table = b"".join(f"{name}\0{machine.disk(cpu, number)}\0".encode() for number, name in enumerate(batch, 1))
        base = root(folder, init, [("images", table), ("expected", references.expected)])
        output = boot(cpu, image, base, seconds=900, data=[references.image(name) for name in batch], ram="16M")
        good = [name for name in batch if f"IMAGE {name} right {references.count} wrong 0 failed 0\n" in output]
        right += len(good)
        wrong += [name for name in batch if name not in good]
        if "\nEND\n" not in output or results.broken(output):
            wrong.append("(the kernel)")
    results.check(f"released {release} {cpu}: a kernel with the C, {right} of {len(chosen)} images, {references.count} files each",
                  chosen and not wrong, ", ".join(wrong), output)


def check(results, folder, wanted, prompt):
    """All of that for each release; `prompt` boots to our shell's prompt and reads everything there."""
    made, own = kernels.generated(), pathlib.Path(folder) / "release"
    # What is made by Swift's compiler is made first.
    images.product("erofs")
    for cpu in CPUS:
        machine.userspace(cpu)
    releases.write(own)
    say(f"        {sum(path.is_file() for path in own.rglob('*'))} files released, the decoders from {made.name}")
    with without_swift(pathlib.Path(folder)):
        for release in wanted:
            install(results, own, release)
            for cpu in CPUS:
                read(results, folder, release, cpu)
                how = WHOLE_PAGES.get((release, cpu), ("-C65536", "-Eztailpacking"))
                memory = "8M" if cpu == "m68k" else MEMORY.get(release, "3584K")
                for codec in CODECS.get(release, guests.CODECS):
                    right, _, bad = prompt(folder, cpu, "pages", codec, memory, 1, how=how, release=release, in_c=True)
                    results.check(f"released {release} {cpu} {codec} {memory}: a prompt, all files right there", right == 1,
                                  "not so", bad)
