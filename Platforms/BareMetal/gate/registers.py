#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Looks in programs for Cortex-M for a fault of the compiler: functions that do not keep their caller's registers.

    registers.py PROGRAM...   ELF files, linked or not; names each such function, and fails where there is one

With -Osize, LLVM (21 and before) turns the last accesses through a pointer into `ldm` or `stm` with write-back, after it
has decided which registers a function saves. Swift passes `self` in r10, which a caller may expect to find unchanged: a
method that ends with the first words of `self` moves the `self` of who called it. What helps is to hand over by `inout`
instead of as `self`, or the compiler's option -Xllvm -arm-load-store-opt=false, at 5% more code.
"""

import pathlib
import re
import subprocess
import sys

from toolchain import demangle, tool

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
WRITE_BACK = re.compile(r"\t(?:ldm|stm)\S*\s+(r4|r5|r6|r7|r8|r9|r10|r11)!|\[(r4|r5|r6|r7|r8|r9|r10|r11)(?:\], #|, #\S+\]!)")
SAVE = re.compile(r"\t(?:push|stmdb)\S*\s+(?:sp!, )?\{(.*)\}")


def unsaved(listing):
    """The functions of a disassembly that write back to a register of their caller, each as (name, register)."""
    found, name, saved = [], "", set()
    for line in listing.splitlines():
        if start := FUNCTION.match(line):
            name, saved = start[1], set()
        elif save := SAVE.search(line):
            saved |= set(save[1].split(", "))
        elif (back := WRITE_BACK.search(line)) and (back[1] or back[2]) not in saved:
            found.append((name, back[1] or back[2]))
    return found


def check(program):
    """What is wrong with a program, as a list of words; nothing for one that is not for ARM."""
    if program.read_bytes()[18:20] != b"\x28\x00":
        return []
    listing = subprocess.check_output([tool("llvm-objdump"), "-d", "--no-show-raw-insn", program], text=True)
    return [demangle(f"{name} does not keep its caller's {register}").strip() for name, register in unsaved(listing)]


def main():
    wrong = [f"{program}: {words}" for program in sys.argv[1:] for words in check(pathlib.Path(program))]
    print("\n".join(wrong) or "every function keeps its caller's registers")
    return 1 if wrong or len(sys.argv) < 2 else 0


if __name__ == "__main__":
    sys.exit(main())
