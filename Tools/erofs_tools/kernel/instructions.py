# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What reading a page costs: instructions of the whole machine, counted by QEMU (-icount), which repeat."""

import pathlib
import re

from .. import images
from ..project import Failure
from . import build as kernels
from . import guests, machine
from .guests import CODECS, boot, program, root


def sample(folder):
    """A tree with one file: text and machine code, both of the kernel."""
    tree = kernels.source("7.2")
    text = bytearray()
    for path in sorted((tree / "Documentation").rglob("*.rst")):
        text += path.read_bytes()
        if len(text) >= 1_500_000:
            break
    image = kernels.build("rv64", "stock", smp=True).read_bytes()
    place = pathlib.Path(folder) / "sample"
    place.mkdir()
    (place / "file").write_bytes(text[:1_500_000] + image[:800_000])
    return place


def a_page(folder, cpu):
    """Instructions a page from a cold cache, by decoder, image and way: "sequential" from begin to end, "random" 256 single
    pages. The decoders are "pages", ours, and "vmap", the kernel's own over a vmap that copies back."""
    tree = sample(folder)
    made = []
    for codec, options in CODECS.items():
        for cluster in (4096, 65536):
            path = pathlib.Path(folder) / f"{codec}-{cluster >> 10}k"
            made.append((path.name, images.make(path, tree, *options, f"-C{cluster}", program=images.peer())))
    # The board has no room for a disk in memory, but its disks are memory; of those it has room for one at a time.
    onboard = cpu in machine.MTD
    data = pathlib.Path(folder) / "data"
    counts = {}
    for batch in [[image] for image in made] if onboard else [made]:
        base = root(folder, program(cpu, "timer"), [("images", guests.disk(data, batch))])
        for decoder in ("pages", "vmap"):
            output = boot(cpu, kernels.build(cpu, decoder, extra=() if onboard else ("ramdisk",)), base, seconds=600, data=[data],
                          ram="10M" if onboard else "32M", icount=3, append="nommu_vmap=copyback", arguments=machine.disk(cpu, 1))
            for name, way, pages, count in re.findall(r"TIME (\S+) (\S+) pages (\d+) instructions (\d+)", output):
                counts[decoder, name, way] = int(count) // int(pages)
            # What is refused is read fast.
            if "\nEND\n" not in output or "cannot" in output:
                raise Failure(f"{decoder}: the machine stopped, or could not read:\n{output[-2000:]}")
    return counts
