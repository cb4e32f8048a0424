# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What goes wrong: traps of a program, and images that are broken."""

import re

from .. import images
from ..results import Results
from . import made
from .reading import last


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
