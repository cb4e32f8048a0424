# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What a program reads of images: all of them, in every configuration, and in exactly the memory that it asks for."""

import re

from .. import images
from ..results import Results
from . import reports


def last(output):
    return output.decode("latin-1").strip()[-300:]


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
