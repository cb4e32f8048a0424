# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Reads LLVM IR as text: types, global constants, functions. What it does not know, it refuses."""

import re

from ..project import Failure

TOKEN = re.compile(r'\s*(c"[^"]*"|[@%]"[^"]*"|[@%][-\w$.]+|-?\d+(?![\w.])|[A-Za-z_][\w.]*|<\{|\}>|"[^"]*"|![\w.]+|#\d+|\.\.\.|\S)')
# Attributes that say something to an optimizer only. `nounwind` and its like stand in groups, which are read by name.
WORDS = set("""noundef nonnull noalias nocapture readonly writeonly readnone swiftself swifterror zeroext signext returned nofree
    immarg protected internal private weak_odr linkonce_odr hidden local_unnamed_addr unnamed_addr fastcc swiftcc dso_local
    dead_on_return noinline nounwind writable dead_on_unwind""".split())
CALLED = {"range", "captures", "dereferenceable", "dereferenceable_or_null", "initializes", "memory", "sret"}
FLAGS = {"nuw", "nsw", "exact", "disjoint", "nneg", "samesign", "inbounds", "nusw", "tail", "notail"}


class Tokens:
    """The tokens of a line, and what is next."""

    def __init__(self, text):
        self.text, self.at, self.all = text, 0, []
        place = 0
        while match := TOKEN.match(text, place):
            if match[1] == ";":
                break
            self.all.append(match[1])
            place = match.end()

    def peek(self):
        return self.all[self.at] if self.at < len(self.all) else ""

    def next(self):
        if self.at >= len(self.all):
            self.refuse("it ends too early")
        self.at += 1
        return self.all[self.at - 1]

    def take(self, token):
        """Whether this is the next one, which is then consumed."""
        if self.peek() != token:
            return False
        self.at += 1
        return True

    def want(self, token):
        if self.next() != token:
            self.at -= 1
            self.refuse(f"{token} expected")

    def end(self):
        """Nothing may follow but metadata and the number of an attribute group."""
        while self.take(",") or re.match(r"[!#]", self.peek()):
            if not re.match(r"[!#]", self.peek()):
                self.refuse("metadata expected")
            while re.match(r"[!#]", self.peek()):
                self.next()
        if self.peek():
            self.refuse("something follows")

    def refuse(self, why):
        raise Failure(f"cannot be printed as C ({why} at {self.peek() or 'the end'}): {self.text.strip()[:300]}")

    def flags(self):
        while self.peek() in FLAGS:
            self.next()

    def parenthesis(self):
        depth = 0
        while True:
            token = self.next()
            depth += (token == "(") - (token == ")")
            if not depth:
                return

    def attributes(self):
        """Skips attributes; returns those that are single words."""
        found = set()
        while True:
            token = self.peek()
            if token in WORDS:
                found.add(self.next())
            elif token in CALLED:
                self.next()
                self.parenthesis()
            elif token == "align":
                self.next()
                self.next()
            else:
                return found


def align_up(offset, alignment):
    return (offset + alignment - 1) // alignment * alignment


class Types:
    """Types of a module: "ptr", "void", ("i", bits), ("a", count, element), ("s", packed, elements)."""

    def __init__(self, bits):
        self.pointer, self.texts, self.named = bits // 8, {}, {}

    def parse(self, tokens):
        word = tokens.next()
        if word in ("ptr", "void"):
            return word
        if match := re.fullmatch(r"i(\d+)", word):
            if not 1 <= int(match[1]) <= 64:
                tokens.refuse("an integer of more than 64 bits")
            return ("i", int(match[1]))
        if word == "[":
            count = int(tokens.next())
            tokens.want("x")
            element = self.parse(tokens)
            tokens.want("]")
            return ("a", count, element)
        if word in ("{", "<{"):
            close, elements = ("}" if word == "{" else "}>"), []
            while not tokens.take(close):
                elements.append(self.parse(tokens))
                tokens.take(",")
            return ("s", word == "<{", tuple(elements))
        if word in self.texts:
            if word not in self.named:
                self.named[word] = self.parse(Tokens(self.texts[word]))
            return self.named[word]
        tokens.at -= 1
        tokens.refuse("an unknown type")

    def size(self, kind):
        if kind == "ptr":
            return self.pointer
        if kind[0] == "i":
            return next(size for size in (1, 2, 4, 8) if kind[1] <= size * 8)
        if kind[0] == "a":
            return kind[1] * self.size(kind[2])
        return align_up(self.offset(kind, len(kind[2])), self.alignment(kind))

    def alignment(self, kind):
        if kind == "ptr" or kind[0] == "i":
            return self.size(kind)
        if kind[0] == "a":
            return self.alignment(kind[2])
        return 1 if kind[1] else max([self.alignment(element) for element in kind[2]], default=1)

    def offset(self, kind, index):
        """Bytes before an element of a structure; with the number of its elements, before what follows the last."""
        offset = 0
        for number, element in enumerate(kind[2]):
            offset = align_up(offset, 1 if kind[1] else self.alignment(element))
            if number == index:
                return offset
            offset += self.size(element)
        return offset


class Function:
    def __init__(self, name, result, parameters, is_internal, never_inlined):
        self.name, self.result, self.parameters = name, result, parameters
        self.is_internal, self.never_inlined = is_internal, never_inlined
        # (label, [line, ...]) in order; the first label is that of the entry.
        self.blocks = []


def bare(name):
    return name.lstrip("@%").strip('"')


class Module:
    """types, constants {name: (is_constant, type, tokens of its value, alignment)}, functions and declared {name: Function}."""

    def __init__(self, text, bits, big=False):
        self.types, self.constants, self.functions, self.declared = Types(bits), {}, {}, {}
        self.order = "big" if big else "little"
        layout = re.search(r'^target datalayout = "(\S*)"', text, re.MULTILINE)
        # Structures and pointers are as this file computes them only with natural alignment.
        start = "E-" if big else "e-"
        if not layout or not layout[1].startswith(start) or "i64:32" in layout[1] or ("p:32:32" in layout[1]) != (bits == 32):
            raise Failure(f"not the data layout that is expected: {layout and layout[1]}")
        lines = text.splitlines()
        groups = dict(re.findall(r"^attributes (#\d+) = \{(.*)\}$", text, re.MULTILINE))
        for line in lines:
            if match := re.match(r'(%"[^"]*"|%\S+) = type (.*)', line):
                self.types.texts[match[1]] = match[2]
        numbered = iter(lines)
        for line in numbered:
            if line.startswith("@"):
                self.constant(line)
            elif line.startswith(("declare ", "define ")):
                function = self.header(line, groups)
                if line.startswith("declare "):
                    self.declared[function.name] = function
                    continue
                self.functions[function.name] = function
                self.body(function, numbered)
            elif line and not re.match(r"[;!%}]|source_filename|target |attributes |\$", line):
                raise Failure(f"not known at the top of a module: {line[:200]}")

    def constant(self, line):
        match = re.match(r'(@"[^"]*"|@\S+) = (.*)', line)
        name = bare(match[1])
        if name.startswith(("llvm.", "_swift1_autolink")):
            return
        tokens = Tokens(match[2])
        tokens.attributes()
        kind = tokens.next()
        if kind not in ("constant", "global"):
            tokens.refuse("neither a constant nor a variable")
        shape = self.types.parse(tokens)
        found = re.search(r", align (\d+)", match[2])
        self.constants[name] = (kind == "constant", shape, tokens, int(found[1]) if found else self.types.alignment(shape))

    def header(self, line, groups):
        tokens = Tokens(line)
        tokens.next()
        words = tokens.attributes()
        result = self.types.parse(tokens)
        name, parameters = bare(tokens.next()), []
        tokens.want("(")
        while not tokens.take(")"):
            if tokens.peek() == "...":
                tokens.refuse("a variable number of arguments")
            if tokens.peek() == "metadata":
                tokens.next()
                continue
            kind = self.types.parse(tokens)
            tokens.attributes()
            parameters.append((kind, tokens.next() if tokens.peek().startswith("%") else None))
            tokens.take(",")
        rest = " ".join(groups.get(group, "") for group in re.findall(r"#\d+", line))
        return Function(name, result, parameters, bool(words & {"internal", "private"}), "noinline" in rest.split())

    def body(self, function, lines):
        # The entry has the next number after the parameters.
        function.blocks.append((str(len(function.parameters)), []))
        for line in lines:
            if line == "}":
                return
            if not line.strip():
                continue
            if match := re.match(r'("[^"]*"|[-\w$.]+):', line):
                label = match[1].strip('"')
                if not function.blocks[-1][1] and len(function.blocks) == 1:
                    function.blocks.pop()
                function.blocks.append((label, []))
                continue
            said = function.blocks[-1][1]
            if said and "switch " in said[-1] and said[-1].count("[") > said[-1].count("]"):
                said[-1] += " " + line.strip()
            else:
                said.append(line.strip())
