# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Who calls whom in a linked image, and how deep the stack gets."""

import bisect
import re

from ..command import run
from ..elf import Elf
from ..project import Failure
from ..toolchain import demangle, tool


class Calls:
    """Who calls whom in a linked image, read from its disassembly."""

    LINE = re.compile(r"^\s*([0-9a-f]+):(.*)")
    TARGET = re.compile(r"0x([0-9a-f]+) <")
    # An address in a literal pool: on ARM, a function that is called often is called through a register.
    LITERAL = re.compile(r"\.word\s+0x([0-9a-f]+)")
    CALL = re.compile(r"\t(bl|jal|callq?)\s")
    # A jump through a register is a switch's table everywhere but on ARM, which has other instructions for those.
    INDIRECT = re.compile(r"\t(bl?x\s+r\d|jalr\s+(?!.*<)|callq?\s+\*)")

    def __init__(self, image):
        elf = Elf(image)
        functions = sorted(set(elf.functions))
        starts = [start for start, _, _ in functions]
        self.names = {start: name for start, _, name in functions}
        self.edges = {start: set() for start in starts}
        indirect, literals = set(), set()
        for line in run(tool("llvm-objdump"), "-d", "--no-show-raw-insn", image).splitlines():
            found = self.LINE.match(line)
            if not found:
                continue
            index = bisect.bisect_right(starts, int(found[1], 16)) - 1
            if index < 0:
                continue
            function, text = starts[index], found[2]
            for target in self.TARGET.findall(text):
                target = int(target, 16) & elf.code
                # A branch to the function's own start is a loop, unless it is a call.
                if target in self.names and (target != function or self.CALL.search(text)):
                    self.edges[function].add(target)
            for word in self.LITERAL.findall(text):
                if int(word, 16) & ~elf.code and int(word, 16) & elf.code in self.names:
                    self.edges[function].add(int(word, 16) & elf.code)
                    literals.add(function)
            if self.INDIRECT.search(text):
                indirect.add(function)
        # What was outlined from several functions calls through the register that they loaded.
        outlined = {start for start, name in self.names.items() if name.startswith("OUTLINED_FUNCTION")}
        self.indirect = indirect - literals - outlined

    def find(self, name):
        return next(address for address, label in self.names.items() if label == name)

    def path(self, start, name):
        """The names on a shortest way from `start` to the function called `name`."""
        came, queue = {start: None}, [start]
        for function in queue:
            if self.names[function] == name:
                names = []
                while function is not None:
                    names.append(self.names[function])
                    function = came[function]
                return names[::-1]
            for target in self.edges[function]:
                if target not in came:
                    came[target] = function
                    queue.append(target)
        return [self.names[start], "...", name]

    def circles(self, start):
        """The functions that `start` reaches, by groups that can call each other: Tarjan's algorithm, callees first."""
        order, low, path, on_path, groups = {}, {}, [], set(), []

        def visit(function):
            order[function] = low[function] = len(order)
            path.append(function)
            on_path.add(function)
            for target in self.edges[function]:
                if target not in order:
                    visit(target)
                    low[function] = min(low[function], low[target])
                elif target in on_path:
                    low[function] = min(low[function], order[target])
            if low[function] == order[function]:
                group = path[path.index(function) :]
                del path[path.index(function) :]
                on_path.difference_update(group)
                groups.append(group)

        visit(start)
        return groups

    def longest(self, own):
        """The most stack that a chain of calls inside a circle takes that enters no function twice.

        All ways are tried; where there are too many, all functions of the circle together are the answer.
        """
        best, tries = 0, 0

        def walk(function, used, size):
            nonlocal best, tries
            tries += 1
            best = max(best, size)
            for target in self.edges[function]:
                if target in own and target not in used and tries < 300_000:
                    walk(target, used | {target}, size + own[target])

        for function in own:
            walk(function, {function}, own[function])
        return best if tries < 300_000 else sum(own.values())

    def deepest(self, start, frames, returns, times):
        """Stack bytes of the deepest chain of calls from `start`.

        A call that pushes its return address adds `returns`; a chain passes at most `times` times through a circle of
        calls, or fails where that is 0.
        """
        depth = {}
        for group in self.circles(start):
            own = {function: frames.get(function, 0) + returns for function in group}
            size = max(own.values())
            if len(group) > 1 or group[0] in self.edges[group[0]]:
                if times == 0:
                    raise Failure(demangle("recursion: " + " -> ".join(self.names[f] for f in [*group, group[0]])))
                size = self.longest(own) * times
            for function in group:
                if function in self.indirect:
                    raise Failure(
                        demangle(f"a call through a pointer in {self.names[function]}: stack use has no bound"))
            below = max((depth[t] for f in group for t in self.edges[f] if t not in own), default=0)
            depth.update({function: size + below for function in group})
        return depth[start]
