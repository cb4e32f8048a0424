# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Values of LLVM IR as expressions of C.

An integer of n bits is in the smallest unsigned type of C that has them, and the bits that are left over are 0. All arithmetic
is unsigned. A pointer is `u8 *`, and an address is computed as an integer: LLVM may compute one that is outside of everything,
and not use it.
"""

import re

from ..project import Failure
from .ir import Tokens, bare


def ctype(types, kind):
    if kind == "void":
        return "void"
    if kind == "ptr":
        return "u8 *"
    if kind[0] == "i":
        return f"u{types.size(kind) * 8}"
    return "struct " + structure_name(types, kind)


def structure_name(types, kind):
    """A name that says what is in it; only what functions return are structures."""
    if kind[0] != "s" or any(element != "ptr" and element[0] != "i" for element in kind[2]):
        raise Failure(f"cannot be printed as C: a value of type {kind}")
    return "of_" + "_".join("ptr" if element == "ptr" else f"u{types.size(element) * 8}" for element in kind[2])


def literal(value, kind):
    value &= (1 << kind[1]) - 1
    text = str(value) if value < 1000 else hex(value)
    return f"{text}u" if kind[1] <= 32 else f"UINT64_C({text})"


def is_literal(text):
    match = re.fullmatch(r"(?:UINT64_C\()?(0x[0-9a-f]+|\d+)[u)]", text)
    return int(match[1], 0) if match else None


def strip(text):
    """Without parentheses around all of it."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for place, letter in enumerate(text):
            depth += (letter == "(") - (letter == ")")
            if not depth and place < len(text) - 1:
                return text
        inner = text[1:-1]
        # A cast alone is not an expression.
        if re.fullmatch(r"[ui](8|16|32|64|word)|u8 \*", inner):
            return text
        text = inner
    return text


def signed(types, kind, text):
    """The value as a signed number."""
    bits = types.size(kind) * 8
    if kind[1] == bits:
        return f"(i{bits}){text}"
    # What is shifted keeps its parentheses: it may be a comparison.
    return f"((i{bits})((u{bits})({text} << {bits - kind[1]})) >> {bits - kind[1]})"


def wrapped(types, kind, text):
    """An expression whose value may have more bits than its type."""
    bits = types.size(kind) * 8
    if kind[1] == bits:
        return f"({text})" if bits >= 32 else f"(u{bits})({text})"
    return f"(u{bits})(({text}) & {literal(-1, kind)})"


class Values:
    """Operands: `local` gives the text of a name, `symbol` that of a global one."""

    def __init__(self, types, local, symbol):
        self.types, self.local, self.symbol = types, local, symbol

    def operand(self, tokens, kind):
        word = tokens.next()
        if word.startswith("%"):
            return self.local(bare(word), tokens)
        if word.startswith("@"):
            return self.symbol(bare(word), tokens)
        if word == "null":
            return "(u8 *)0"
        if word in ("undef", "poison", "zeroinitializer"):
            return self.zero(kind, tokens)
        if kind == "ptr":
            if word == "getelementptr":
                return self.address(tokens, nested=True)
            if word == "inttoptr":
                return self.constant_cast(tokens, word, kind)
        elif kind[0] == "i":
            if word in ("true", "false") and kind[1] == 1:
                return literal(word == "true", kind)
            if re.fullmatch(r"-?\d+", word):
                return literal(int(word), kind)
            if word == "ptrtoint":
                return self.constant_cast(tokens, word, kind)
        elif kind[0] == "s" and word in ("{", "<{"):
            return self.structure(kind, self.fields(tokens, word))
        tokens.at -= 1
        tokens.refuse("an unknown operand")

    def fields(self, tokens, opened):
        """The elements of a structure that is written out."""
        fields = []
        while not tokens.take("}" if opened == "{" else "}>"):
            element = self.types.parse(tokens)
            fields.append(strip(self.operand(tokens, element)))
            tokens.take(",")
        return fields

    def zero(self, kind, tokens):
        if kind == "ptr":
            return "(u8 *)0"
        if kind[0] == "i":
            return literal(0, kind)
        if kind[0] == "s":
            return self.structure(kind, [self.zero(element, tokens) for element in kind[2]])
        tokens.refuse("an array of zeros")

    def constant_cast(self, tokens, word, kind):
        tokens.want("(")
        source = self.types.parse(tokens)
        text = self.operand(tokens, source)
        tokens.want("to")
        self.types.parse(tokens)
        tokens.want(")")
        return self.cast(word, source, kind, text, tokens)

    def cast(self, word, source, kind, text, tokens):
        """A pointer as an integer, or the other way."""
        pointer = self.types.pointer * 8
        if word == "ptrtoint" and source == "ptr" and kind[0] == "i":
            whole = f"(uword){text}"
            return f"({whole})" if kind[1] == pointer else wrapped(self.types, kind, whole)
        if word == "inttoptr" and kind == "ptr" and source[0] == "i" and source[1] <= pointer:
            return f"((u8 *)(uword){text})"
        tokens.refuse("a cast of a kind that is not known")

    def address(self, tokens, nested=False):
        """getelementptr: a base, a constant distance, and products."""
        tokens.flags()
        if nested:
            tokens.want("(")
        kind = self.types.parse(tokens)
        tokens.want(",")
        tokens.want("ptr")
        base, constant, parts, first = self.operand(tokens, "ptr"), 0, [], True
        while tokens.peek() == "," and not tokens.all[tokens.at + 1].startswith("!"):
            tokens.next()
            number = self.types.parse(tokens)
            index = self.operand(tokens, number)
            if not first and kind[0] == "s":
                place = is_literal(index)
                if place is None:
                    tokens.refuse("an element of a structure must be constant")
                constant += self.types.offset(kind, place)
                kind = kind[2][place]
                continue
            if not first:
                if kind[0] != "a":
                    tokens.refuse("neither an array nor a structure")
                kind = kind[2]
            first = False
            size, value = self.types.size(kind), is_literal(index)
            if value is not None:
                constant += size * (value - (1 << number[1]) if value >> (number[1] - 1) else value)
                continue
            pointer = self.types.pointer * 8
            if number[1] < pointer:
                index = f"(uword)(iword){signed(self.types, number, index)}"
            elif number[1] > pointer:
                index = f"(uword){index}"
            parts.append(index if size == 1 else f"{index} * {size}u")
        if nested:
            tokens.want(")")
        return self.moved(base, parts, constant)

    @staticmethod
    def moved(base, parts, constant):
        match = re.fullmatch(r"at\((.*), (-?\d+)\)", base)
        if match and match[1].count("(") == match[1].count(")"):
            # Of an address at a constant distance.
            base, constant = match[1], constant + int(match[2])
        if parts:
            total = " + ".join(parts)
            base = f"at({base}, {strip(total) if len(parts) == 1 else total})"
        return f"at({base}, {constant})" if constant else base


def scan(line):
    """The name that a line defines, or None, and the tokens of the rest."""
    match = re.match(r'(%"[^"]*"|%\S+) = (.*)', line)
    return (bare(match[1]), Tokens(match[2])) if match else (None, Tokens(line))
