# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The body of a function in C: blocks and jumps, and assignments to variables that are only assigned in one place, or at the
jumps to the block where values of several blocks meet."""

import collections
import re

from .calls import Calls
from .instructions import PLAIN, Instructions
from .ir import Tokens, bare
from .values import Values, ctype, scan, strip

# Expressions that are longer get a variable.
LONG = 90
# A number that is read and written, and not looked at.
COPY = re.compile(r"^\t(\w+) = load_(u16|u32|u64)\((.*)\);\n\tstore_\2\((.*), \1\);$", re.MULTILINE)


class Body(Instructions, Calls, Values):
    def __init__(self, function, library):
        Values.__init__(self, library.types, self.value, library.symbol)
        self.function, self.library = function, library
        self.variables, self.names, self.texts, self.aggregates, self.pairs = {}, {}, {}, {}, {}
        # Variables whose assignment has no other effect.
        self.computed = set()
        self.lines, self.memory = [], []
        self.parsed = self.ordered([(label, [(line, *scan(line)) for line in lines]) for label, lines in function.blocks])
        self.count()

    @staticmethod
    def ordered(blocks):
        """The blocks in an order in which a value is computed before it is used, except by a jump back."""
        lines_of, order, seen = dict(blocks), [], set()
        stack = [(blocks[0][0], None)]
        while stack:
            label, successors = stack.pop()
            if successors is None:
                if label in seen:
                    continue
                seen.add(label)
                tokens = lines_of[label][-1][2].all
                successors = [bare(tokens[place + 1]) for place, token in enumerate(tokens) if token == "label"]
            if successors:
                stack.append((label, successors[:-1]))
                stack.append((successors[-1], None))
            else:
                order.append(label)
        return [(label, lines_of[label]) for label in reversed(order)]

    def ctype(self, kind):
        self.library.print_structure(kind)
        return ctype(self.types, kind)

    def structure(self, kind, fields):
        return f"({self.ctype(kind)}){{ {', '.join(fields)} }}"

    def count(self):
        """How often each value is used, and in which blocks; and which blocks only a branch comes to."""
        jumps = [(bare(tokens.all[place + 1]), tokens.all[1] == "i1") for _, lines in self.parsed for _, _, tokens in lines
                 for place, token in enumerate(tokens.all) if token == "label" and tokens.all[0] == "br"]
        times = collections.Counter(label for label, _ in jumps)
        self.ways = {label for label, is_branch in jumps if is_branch and times[label] == 1}
        self.uses, self.places, self.home = collections.Counter(), collections.defaultdict(set), {}
        for label, lines in self.parsed:
            for line, name, tokens in lines:
                if name is not None:
                    self.home[name] = label
                for token in tokens.all:
                    if token.startswith("%"):
                        self.uses[bare(token)] += 1
                        # What a phi uses is used at the jump of another block.
                        self.places[bare(token)].add("phi" if tokens.all[0] == "phi" else label)

    # Names and values

    def name(self, name):
        """A variable of C for a name of LLVM's."""
        if name not in self.names:
            plain = f"v{name}" if name.isdigit() else "v_" + re.sub(r"\W+", "_", name).strip("_")
            unique, number = plain, 1
            while unique in self.names.values():
                number += 1
                unique = f"{plain}_{number}"
            self.names[name] = unique
        return self.names[name]

    def value(self, name, tokens):
        if name in self.pairs:
            return self.structure(self.pairs[name], self.pair(name))
        if name in self.aggregates:
            return self.structure(*self.aggregates[name])
        return self.texts.get(name) or self.name(name)

    def declare(self, variable, kind):
        self.variables[variable] = kind

    def say(self, text):
        self.lines.append(f"\t{text}")

    def variable_type(self, kind):
        """A variable of few bits has a word: a compiler of C computes in words, and need not cut what it computes in bytes too."""
        return f"u{self.types.pointer * 8}" if kind[0] == "i" and kind[1] <= 16 else self.ctype(kind)

    def assign(self, name, kind, text):
        self.declare(self.name(name), self.variable_type(kind))
        self.say(f"{self.name(name)} = {strip(text)};")

    def define(self, name, kind, text, free=False, twice=False):
        """A value without a side effect. It is written where it is used if that costs nothing: if it is used once, in the
        same block, or if computing it is `free`. `twice`: where it is used, operands are repeated, so they are short."""
        if not self.uses[name]:
            return
        if len(text) <= (LONG if not free else 60) and (
                free or self.uses[name] == 1 and self.places[name] == {self.home[name]} and not (twice and len(text) > 40)):
            self.texts[name] = text
        else:
            self.assign(name, kind, text)
            self.computed.add(self.name(name))

    def pair(self, name):
        """The variables of arithmetic that may overflow: its value, and whether it did."""
        return [f"{self.name(name)}_value", f"{self.name(name)}_over"]

    # Blocks

    def label(self, block):
        return f"L{block}" if block.isdigit() else "L_" + re.sub(r"\W", lambda found: f"_{ord(found[0]):x}_"
                                                                 if found[0] not in "._" else "_", block.lstrip("."))

    def print(self):
        self.meetings()
        blocks = []
        for index, (label, lines) in enumerate(self.parsed):
            self.lines = []
            following = self.parsed[index + 1][0] if index + 1 < len(self.parsed) else None
            for line, name, tokens in lines:
                self.instruction(label, following, name, tokens)
            blocks.append((label, self.lines))
        labels = {self.label(label) for label, _ in blocks}
        if len(labels) != len(blocks):
            raise AssertionError("labels of two blocks are the same")
        wanted = {found for _, lines in blocks for line in lines for found in re.findall(r"goto (\w+);", line)}
        text = []
        for label, lines in blocks:
            if self.label(label) in wanted:
                text.append(f"{self.label(label)}:;")
            text += self.hints(label, len(lines)) + lines
        joined = self.copies(self.without_unread("\n".join(text)))
        said = [f"\t{memory}" for memory in self.memory]
        said += [f"\t{kind}{'' if kind.endswith('*') else ' '}{name};" for name, kind in sorted(self.variables.items(), key=order)]
        said += [f"\t(void){name};" for _, name in self.parameters() if not re.search(rf"\b{name}\b", joined)]
        return "\n".join([*said, joined])

    def hints(self, label, count):
        """What start.h says to a compiler at the begin of a block: in a loop of one block the numbers that it counts by, and on
        machines of 32 bits that a block is one way of two, where it is short enough to be made conditional."""
        said = [f"\tEROFS_COUNTED({self.name(name)});" for name, kind, *_ in self.incoming.get((label, label), ())
                if kind == ("i", self.types.pointer * 8)]
        return said + (["\tEROFS_WAY();"] if label in self.ways and 3 <= count <= 16 and self.types.pointer == 4 else [])

    def without_unread(self, text):
        """Without variables that only values had that were not printed: a condition of one outcome, for one."""
        while unread := [name for name in self.computed if name in self.variables
                         and len(re.findall(rf"\b{name}\b", text)) == 1]:
            for name in unread:
                text = re.sub(rf"^\t{name} = .*;\n", "", text, flags=re.MULTILINE)
                del self.variables[name]
        return text

    def copies(self, text):
        """What is only copied as a copy: where words may not lie at any address, bytes need not be put together for it."""
        def copy(found):
            name, kind, source, target = found.groups()
            if name not in self.variables or len(re.findall(rf"\b{name}\b", text)) != 2:
                return found[0]
            del self.variables[name]
            return f"\tcopy_{kind}({target}, {source});"
        return COPY.sub(copy, text)

    def parameters(self):
        return [(kind, self.name(bare(name) if name else str(number)))
                for number, (kind, name) in enumerate(self.function.parameters)]

    def meetings(self):
        """The values that a block takes from those that jump to it."""
        self.incoming = collections.defaultdict(list)
        for label, lines in self.parsed:
            for line, name, tokens in lines:
                if tokens.all[0] != "phi":
                    continue
                phi = Tokens(line.split(" = ", 1)[1])
                phi.next()
                kind = self.types.parse(phi)
                self.declare(self.name(name), self.variable_type(kind))
                while True:
                    phi.want("[")
                    place = phi.at
                    phi.next()
                    while phi.peek() not in (",",) or self.inside(phi, place):
                        phi.next()
                    phi.want(",")
                    self.incoming[bare(phi.next()), label].append((name, kind, line, place))
                    phi.want("]")
                    if not phi.take(","):
                        break

    @staticmethod
    def inside(tokens, start):
        part = tokens.all[start:tokens.at]
        return sum(part.count(word) for word in ("(", "{", "<{")) > sum(part.count(word) for word in (")", "}", "}>"))

    def jump(self, source, target, following=None):
        """What a jump does: the values that meet in the target are assigned as if at the same time."""
        pending = []
        for name, kind, line, place in self.incoming[source, target]:
            tokens = Tokens(line.split(" = ", 1)[1])
            tokens.at = place
            text, variable = strip(self.operand(tokens, kind)), self.name(name)
            if text != variable:
                pending.append((variable, text, self.variable_type(kind)))
        said = []
        while pending:
            for index, (variable, text, _) in enumerate(pending):
                if not any(re.search(rf"\b{variable}\b", other) for number, (_, other, _) in enumerate(pending) if number != index):
                    said.append(f"{variable} = {text};")
                    del pending[index]
                    break
            else:
                # A circle: one value moves out of the way.
                variable, _, kind = pending[0]
                self.declare(f"{variable}_before", kind)
                said.append(f"{variable}_before = {variable};")
                pending = [(name, text if not index else re.sub(rf"\b{variable}\b", f"{variable}_before", text), shape)
                           for index, (name, text, shape) in enumerate(pending)]
        if target != following:
            said.append(f"goto {self.label(target)};")
        return said

    def instruction(self, block, following, name, tokens):
        tokens.flags()
        operation = tokens.next()
        tokens.flags()
        if operation == "phi":
            return
        action = getattr(self, f"do_{operation}", None)
        if operation in PLAIN:
            self.arithmetic(operation, name, tokens)
        elif operation in ("br", "switch"):
            action(block, following, tokens)
        elif action:
            action(name, tokens)
        else:
            tokens.refuse("an unknown instruction")


def order(item):
    """By their numbers, for a reader."""
    return [int(part) if part.isdigit() else part for part in re.split(r"(\d+)", item[0])]
