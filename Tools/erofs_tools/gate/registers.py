# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Looks in programs for Cortex-M for a fault of the compiler: functions that do not keep their caller's registers.

    Tools/run registers PROGRAM...   ELF files, linked or not; names each such function, and fails where there is one

With -Osize, LLVM (21 and before) turns the last accesses through a pointer into `ldm` or `stm` with write-back, after it
has decided which registers a function saves. Swift passes `self` in r10, which a caller may expect to find unchanged: a
method that ends with the first words of `self` moves the `self` of who called it. What helps is to hand over by `inout`
instead of as `self`, or the option -arm-load-store-opt=false where code is made (-Xllvm of swiftc, -mllvm of the linker), at 4%
more code.

A function that never returns owes nobody anything, and one that throws gives its error back in r8. What was outlined from
several functions owes what they owe, where they are left through it or go on behind it.
"""

import argparse
import pathlib
import re

from ..command import run
from ..elf import ARM, machine
from ..toolchain import demangle, tool

FUNCTION = re.compile(r"^[0-9a-f]+ <(.*)>:$")
KEPT = "r4|r5|r6|r7|r8|r9|r10|r11"
WRITE_BACK = re.compile(rf"\tv?(?:ldm|stm)\S*\s+({KEPT})!|\[({KEPT})(?:\], #|, #\S+\]!)")
SAVE = re.compile(r"\t(?:push|stmdb)\S*\s+(?:sp!, )?\{(.*)\}")
RETURN = re.compile(r"\tbx\s|\t(?:pop|ldm)\S*\s.*\bpc\b|\tmov\s+pc, lr")
# Of a branch or call: where to, if that is a function's start.
BRANCH = re.compile(r"\tb\S*\s.*<([^+>]*)>")
OUTLINED = "OUTLINED_FUNCTION"
# In the mangled name of a function that throws an error of a known type.
THROWS = "YK"


class Function:
    def __init__(self, name):
        self.name, self.saved, self.changed, self.returns = name, set(), [], False
        # The functions that it calls or jumps to; of these, those that it jumps to.
        self.targets, self.jumps = set(), set()

    def owes(self, register):
        return self.returns and register not in self.saved and not (register == "r8" and THROWS in self.name)


def functions(listing):
    """The functions of a disassembly, by their names."""
    found, function = {}, None
    for line in listing.splitlines():
        if start := FUNCTION.match(line):
            function = found[start[1]] = Function(start[1])
        elif function:
            if save := SAVE.search(line):
                function.saved |= set(save[1].split(", "))
            elif back := WRITE_BACK.search(line):
                function.changed.append(back[1] or back[2])
            if branch := BRANCH.search(line):
                function.targets.add(branch[1])
                if branch[1] != function.name and line.split("\t")[1] not in ("bl", "blx"):
                    function.jumps.add(branch[1])
            function.returns |= bool(RETURN.search(line))
    # Who jumps to a function that returns, returns.
    changed = True
    while changed:
        more = [each for each in found.values() if not each.returns
                and any(found[jump].returns for jump in each.jumps & found.keys())]
        for each in more:
            each.returns = True
        changed = bool(more)
    return found


def unsaved(listing):
    """The functions of a disassembly that write back to a register of their caller, each as (name, register)."""
    found = functions(listing)
    users = {name: [] for name in found}
    for function in found.values():
        for target in function.targets & users.keys():
            users[target].append(function)
    wrong = []
    for function in found.values():
        owing = users[function.name] if function.name.startswith(OUTLINED) else [function]
        wrong += [(each.name, register) for register in dict.fromkeys(function.changed) for each in owing if each.owes(register)]
    return list(dict.fromkeys(wrong))


def check(program):
    """What is wrong with a program, as a list of words; nothing for one that is not for ARM."""
    if machine(program) != ARM:
        return []
    return words(disassembly(program))


def disassembly(program, *options):
    return run(tool("llvm-objdump"), "-d", "--no-show-raw-insn", *options, program)


def words(listing):
    """A sentence on each such function of a disassembly."""
    return [demangle(f"{name} does not keep its caller's {register}").strip() for name, register in unsaved(listing)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("programs", nargs="+", type=pathlib.Path, metavar="PROGRAM")
    # Tools run commands in the project's folder; a path on the command line is one of the caller's folder.
    programs = [program.resolve() for program in parser.parse_args().programs]
    wrong = [f"{program}: {problem}" for program in programs for problem in check(program)]
    print("\n".join(wrong) or "every function keeps its caller's registers")
    return 1 if wrong else 0
