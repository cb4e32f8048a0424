# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What each instruction of LLVM IR is in C: a method for each, or an entry of PLAIN."""

import re

from .ir import bare
from .values import is_literal, signed, strip, wrapped

PLAIN = {"add": "+", "sub": "-", "mul": "*", "and": "&", "or": "|", "xor": "^", "udiv": "/", "urem": "%"}
COMPARE = {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}


class Instructions:
    """Mixed into Body. Those that end a block get its label and that of the one that follows, others the name of their value."""

    def two(self, tokens):
        kind = self.types.parse(tokens)
        first = self.operand(tokens, kind)
        tokens.want(",")
        second = self.operand(tokens, kind)
        tokens.end()
        return kind, first, second

    def integers(self, tokens):
        kind, first, second = self.two(tokens)
        if kind[0] != "i":
            tokens.refuse("not integers")
        return kind, first, second

    def arithmetic(self, operation, name, tokens):
        kind, a, b = self.integers(tokens)
        if operation == "mul" and kind[1] <= 16:
            a = f"(u32){a}"
        text = f"{a} {PLAIN[operation]} {b}"
        if operation in ("and", "or", "xor", "udiv", "urem"):
            self.define(name, kind, f"({text})")
        else:
            self.define(name, kind, wrapped(self.types, kind, text))

    def shift(self, name, tokens, operation):
        kind, a, b = self.integers(tokens)
        width = max(32, self.types.size(kind) * 8)
        amount = is_literal(b)
        # A shift by as many bits as there are, or more, is not defined in C; in LLVM its value is not used.
        count = str(amount) if amount is not None and amount < kind[1] else f"({b} & {width - 1}u)"
        if operation == ">>>":
            value = f"{signed(self.types, kind, a)} >> {count}"
            self.define(name, kind, f"(u{self.types.size(kind) * 8})({value})" if kind[1] in (8, 16, 32, 64)
                        else wrapped(self.types, kind, value))
        else:
            value = f"{a if kind[1] >= 32 else f'(u32){a}'} {operation} {count}"
            self.define(name, kind, wrapped(self.types, kind, value))

    def do_shl(self, name, tokens):
        self.shift(name, tokens, "<<")

    def do_lshr(self, name, tokens):
        self.shift(name, tokens, ">>")

    def do_ashr(self, name, tokens):
        self.shift(name, tokens, ">>>")

    def quotient(self, name, tokens, sign):
        kind, a, b = self.integers(tokens)
        text = f"({signed(self.types, kind, a)} {sign} {signed(self.types, kind, b)})"
        self.define(name, kind, f"(u{self.types.size(kind) * 8}){text}" if kind[1] in (8, 16, 32, 64)
                    else wrapped(self.types, kind, text))

    def do_sdiv(self, name, tokens):
        self.quotient(name, tokens, "/")

    def do_srem(self, name, tokens):
        self.quotient(name, tokens, "%")

    def do_icmp(self, name, tokens):
        word = tokens.next()
        kind, a, b = self.two(tokens)
        if kind == "ptr":
            if word not in ("eq", "ne"):
                # As the signed numbers that Swift made of them, too.
                cast = "(iword)(uword)" if word[0] == "s" else "(uword)"
                a, b = f"{cast}{a}", f"{cast}{b}"
        elif kind[0] != "i":
            tokens.refuse("neither integers nor pointers")
        elif word[0] == "s":
            a, b = signed(self.types, kind, a), signed(self.types, kind, b)
        if word not in COMPARE and word[1:] not in COMPARE:
            tokens.refuse("an unknown comparison")
        self.define(name, ("i", 1), f"({a} {COMPARE.get(word) or COMPARE[word[1:]]} {b})")

    def converted(self, tokens):
        source = self.types.parse(tokens)
        text = self.operand(tokens, source)
        tokens.want("to")
        kind = self.types.parse(tokens)
        tokens.end()
        return source, kind, text

    def do_zext(self, name, tokens):
        source, kind, text = self.converted(tokens)
        self.define(name, kind, f"({self.ctype(kind)}){text}", free=True)

    def do_trunc(self, name, tokens):
        source, kind, text = self.converted(tokens)
        whole = kind[1] in (8, 16, 32, 64)
        self.define(name, kind, f"({self.ctype(kind)}){text}" if whole else wrapped(self.types, kind, strip(text)), free=True)

    def do_sext(self, name, tokens):
        source, kind, text = self.converted(tokens)
        bits = self.types.size(kind) * 8
        value = f"(u{bits})(i{bits}){signed(self.types, source, text)}"
        self.define(name, kind, value if kind[1] == bits else wrapped(self.types, kind, value))

    def do_ptrtoint(self, name, tokens):
        source, kind, text = self.converted(tokens)
        self.define(name, kind, self.cast("ptrtoint", source, kind, text, tokens), free=True)

    def do_inttoptr(self, name, tokens):
        source, kind, text = self.converted(tokens)
        self.define(name, kind, self.cast("inttoptr", source, kind, text, tokens), free=True)

    def do_freeze(self, name, tokens):
        kind = self.types.parse(tokens)
        self.define(name, kind, self.operand(tokens, kind))

    def do_select(self, name, tokens):
        tokens.want("i1")
        condition = self.operand(tokens, ("i", 1))
        tokens.want(",")
        kind = self.types.parse(tokens)
        first = self.operand(tokens, kind)
        tokens.want(",")
        self.types.parse(tokens)
        second = self.operand(tokens, kind)
        tokens.end()
        self.define(name, kind, f"({condition} ? {first} : {second})")

    def do_getelementptr(self, name, tokens):
        text = self.address(tokens)
        tokens.end()
        # The distance to a field is part of an instruction.
        self.define(name, "ptr", text, free=bool(re.fullmatch(r"at\(\w+, -?\d+\)", text)))

    def pointer(self, tokens, kind, atomic):
        """The address of a load or store, and the end of a function's name that says how it may be aligned."""
        tokens.want(",")
        tokens.want("ptr")
        text = self.operand(tokens, "ptr")
        if atomic:
            # No order but that of one place: each is done once, and whole.
            tokens.want("monotonic")
        tokens.want(",")
        tokens.want("align")
        alignment = int(tokens.next())
        tokens.end()
        if kind != "ptr" and (kind[0] != "i" or kind[1] not in (1, 8, 16, 32, 64)):
            tokens.refuse("memory of this type")
        what = "ptr" if kind == "ptr" else f"u{self.types.size(kind) * 8}"
        size = self.types.size(kind)
        if atomic:
            if kind == "ptr" or kind[1] not in (8, self.types.pointer * 8) or alignment < size:
                tokens.refuse("atomic memory of this type")
            return strip(text), "word_once" if size > 1 else "u8_once"
        return strip(text), what + ("" if size == 1 else "_aligned" if alignment >= size else "")

    def do_load(self, name, tokens):
        atomic = tokens.take("atomic")
        kind = self.types.parse(tokens)
        text, what = self.pointer(tokens, kind, atomic)
        self.assign(name, kind, f"load_{what}({text})" + (" & 1u" if kind == ("i", 1) else ""))

    def do_store(self, name, tokens):
        atomic = tokens.take("atomic")
        kind = self.types.parse(tokens)
        value = self.operand(tokens, kind)
        text, what = self.pointer(tokens, kind, atomic)
        self.say(f"store_{what}({text}, {strip(value)});")

    def do_alloca(self, name, tokens):
        tokens.take("swifterror")
        kind = self.types.parse(tokens)
        tokens.want(",")
        tokens.want("align")
        alignment = tokens.next()
        tokens.end()
        memory = f"{self.name(name)}_memory"
        self.memory.append(f"_Alignas({alignment}) u8 {memory}[{max(1, self.types.size(kind))}];")
        self.texts[name] = memory

    def do_extractvalue(self, name, tokens):
        kind = self.types.parse(tokens)
        source = bare(tokens.next())
        tokens.want(",")
        index = int(tokens.next())
        tokens.end()
        if source in self.pairs:
            self.texts[name] = self.pair(source)[index]
        elif source in self.aggregates:
            self.texts[name] = self.aggregates[source][1][index]
        else:
            self.texts[name] = f"{self.name(source)}.f{index}"

    def do_insertvalue(self, name, tokens):
        kind = self.types.parse(tokens)
        source, fields = tokens.next(), []
        if source in ("poison", "undef"):
            fields = [self.zero(element, tokens) for element in kind[2]]
        elif source in ("{", "<{"):
            fields = self.fields(tokens, source)
        elif bare(source) in self.aggregates:
            fields = list(self.aggregates[bare(source)][1])
        elif source.startswith("%") and bare(source) not in self.pairs:
            fields = [f"{self.name(bare(source))}.f{index}" for index in range(len(kind[2]))]
        else:
            tokens.refuse("an unknown structure")
        tokens.want(",")
        element = self.types.parse(tokens)
        value = self.operand(tokens, element)
        tokens.want(",")
        fields[int(tokens.next())] = strip(value)
        tokens.end()
        self.aggregates[name] = (kind, fields)

    def do_br(self, block, following, tokens):
        if tokens.take("label"):
            for line in self.jump(block, bare(tokens.next()), following):
                self.say(line)
            return
        tokens.want("i1")
        condition = strip(self.operand(tokens, ("i", 1)))
        targets = []
        for _ in range(2):
            tokens.want(",")
            tokens.want("label")
            targets.append(bare(tokens.next()))
        tokens.end()
        first, second = self.jump(block, targets[0]), self.jump(block, targets[1], following)
        if first == [f"goto {self.label(targets[0])};"]:
            self.say(f"if ({condition})")
            self.say(f"\t{first[0]}")
        else:
            self.say(f"if ({condition}) {{")
            for line in first:
                self.say(f"\t{line}")
            self.say("}")
        for line in second:
            self.say(line)

    def do_switch(self, block, following, tokens):
        kind = self.types.parse(tokens)
        value = self.operand(tokens, kind)
        tokens.want(",")
        tokens.want("label")
        default, cases = bare(tokens.next()), {}
        tokens.want("[")
        while not tokens.take("]"):
            self.types.parse(tokens)
            text = self.operand(tokens, kind)
            tokens.want(",")
            tokens.want("label")
            cases.setdefault(bare(tokens.next()), []).append(text)
        self.say(f"switch ({strip(value)}) {{")
        for target, values in cases.items():
            for text in values:
                self.say(f"case {text}:")
            for line in self.jump(block, target):
                self.say(f"\t{line}")
        self.say("default:")
        for line in self.jump(block, default):
            self.say(f"\t{line}")
        self.say("}")

    def do_ret(self, name, tokens):
        kind = self.types.parse(tokens)
        if kind == "void":
            self.say("return;")
            return
        self.say(f"return {strip(self.operand(tokens, kind))};")

    def do_call(self, name, tokens):
        self.call(name, tokens)

    def do_unreachable(self, name, tokens):
        if not self.lines or self.lines[-1].strip() != "EROFS_TRAP();":
            self.say("EROFS_UNREACHABLE();")
