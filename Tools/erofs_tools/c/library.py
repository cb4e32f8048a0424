# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""A library in C from a module of LLVM IR: its constants, functions, and entries that have the types of a header."""

import re

from ..kernel.objects import readable
from ..project import Failure
from .body import Body
from .ir import bare
from .values import ctype, literal, strip, structure_name

# Nothing calls it: Swift has no exceptions.
LEFT_OUT = {"_swift_exceptionPersonality"}


class Prototype:
    """A function of a header: its result, and the types and names of its parameters, as they stand there."""

    def __init__(self, result, name, parameters):
        self.result, self.name = result.strip(), name
        self.parameters = []
        for parameter in parameters.split(","):
            if parameter.strip() != "void":
                kind, word = re.fullmatch(r"\s*(.*?)(\w+)\s*", parameter, re.DOTALL).groups()
                self.parameters.append((" ".join(kind.split()), word))

    def text(self):
        parameters = ", ".join(f"{kind}{'' if kind.endswith('*') else ' '}{word}" for kind, word in self.parameters)
        return f"{self.result}{'' if self.result.endswith('*') else ' '}{self.name}({parameters or 'void'})"


def prototypes(header):
    """The functions that a header declares, by name."""
    text = re.sub(r"/\*.*?\*/|^\s*#.*?$|_N(on)?null(able)?\b", "", header, flags=re.DOTALL | re.MULTILINE)
    text = re.sub(r"\b_N(onnull|ullable)\b", "", text)
    found = re.findall(r"^((?:const )?(?:struct )?\w+(?: \w+)*?\s*\**\s*)(\w+)\s*\(([^()]*)\);", text, re.MULTILINE)
    return {name: Prototype(" ".join(result.split()), name, parameters) for result, name, parameters in found}


class Library:
    """What is printed of a module.

    entries   names of functions that others call
    needs     names of functions of whoever links it
    header    text of the header with the types of both
    callback  the type of functions that are called by their address, and its signature in LLVM's words; or None
    optional  macros that leave an entry out, by its name
    """

    def __init__(self, module, entries, needs, header, callback=None, optional=None):
        self.module, self.types, self.callback = module, module.types, callback
        self.prototypes = prototypes(header)
        self.entries, self.needs, self.optional = sorted(entries), needs, optional or {}
        for name in [*entries, *needs]:
            if name not in self.prototypes:
                raise Failure(f"no header declares {name}")
        functions = [name for name in module.functions if name not in LEFT_OUT]
        shown = {name for name in functions if not module.functions[name].is_internal}
        if shown != set(entries):
            raise Failure(f"entries that are not as expected: {', '.join(sorted(shown ^ set(entries)))}")
        mangled = [name for name in functions if name not in entries]
        self.names = readable(mangled)
        self.names |= {name: f"{name}_body" for name in entries}
        self.used_constants, self.used_needs, self.structures = [], set(), {}
        self.constants = {}

    def symbol(self, name, tokens):
        """The address of a constant, a variable or a function."""
        if name not in self.module.constants:
            tokens.refuse("the address of something unknown")
        if name not in self.constants:
            self.constants[name] = self.constant_name(name)
            self.used_constants.append(name)
        return f"((u8 *){self.constants[name]})"

    def constant_name(self, name):
        kind = "text" if name.startswith(".str") else "table" if self.module.constants[name][0] else "state"
        return f"{kind}_{1 + sum(other.startswith(kind) for other in self.constants.values())}"

    def function(self, name, tokens):
        if name in self.names and name not in self.entries:
            return self.names[name]
        if name not in self.needs or name not in self.module.declared:
            tokens.refuse(f"calls {name}, which is not known")
        self.used_needs.add(name)
        return f"call_{name}"

    def indirect(self, address, result, kinds, tokens):
        signature = f"{self.word(result)}({','.join(self.word(kind) for kind in kinds)})"
        if not self.callback or signature != self.callback[1].replace("word", f"i{self.types.pointer * 8}"):
            tokens.refuse(f"calls a function by its address, as {signature}")
        return f"({ctype(self.types, result)})(({self.callback[0]})(uword){address})"

    @staticmethod
    def word(kind):
        return kind if isinstance(kind, str) else f"i{kind[1]}" if kind[0] == "i" else "structure"

    def print_structure(self, kind):
        if kind not in ("ptr", "void") and kind[0] == "s":
            self.structures[structure_name(self.types, kind)] = kind

    def print(self):
        """The text of everything, in an order that a compiler of C takes."""
        bodies, heads = [], []
        for name, function in self.module.functions.items():
            if name in LEFT_OUT:
                continue
            self.print_structure(function.result)
            body = Body(function, self)
            text = body.print()
            parameters = ", ".join(f"{ctype(self.types, kind)}{'' if kind == 'ptr' else ' '}{word}"
                                   for kind, word in body.parameters())
            result = ctype(self.types, function.result)
            # A function of its own in Swift keeps its stack to itself.
            head = f"EROFS_FUNCTION {'EROFS_NOINLINE ' if function.never_inlined else ''}" \
                   f"{result}{'' if result.endswith('*') else ' '}{self.names[name]}({parameters or 'void'})"
            heads.append(f"{head};")
            bodies.append(f"{head}\n{{\n{text}\n}}")
        printed = {}
        # One may have the address of another.
        while waiting := [name for name in self.used_constants if name not in printed]:
            printed |= {name: self.print_constant(name) for name in waiting}
        constants = [printed[name] for name in sorted(printed, key=self.dependence)]
        structures = [self.declare_structure(name, kind) for name, kind in sorted(self.structures.items())]
        needs = [self.print_need(name) for name in sorted(self.used_needs)]
        entries = [self.print_entry(name) for name in self.entries]
        return "\n\n".join(part for part in ["\n".join(structures), "\n".join(constants), "\n".join(heads), *needs, *bodies,
                                             *entries] if part) + "\n"

    def dependence(self, name):
        """Constants that have addresses of others come after them."""
        return (any(token.startswith("@") for token in self.module.constants[name][2].all), self.used_constants.index(name))

    def declare_structure(self, name, kind):
        fields = " ".join(f"{ctype(self.types, element)}{'' if element == 'ptr' else ' '}f{index};"
                          for index, element in enumerate(kind[2]))
        return f"struct {name} {{ {fields} }};"

    def print_constant(self, name):
        is_constant, kind, tokens, alignment = self.module.constants[name]
        tokens.at = next(place for place, token in enumerate(tokens.all) if token in ("constant", "global")) + 1
        self.types.parse(tokens)
        word, size = self.constants[name], self.types.size(kind)
        start = f"static {'const ' if is_constant else ''}_Alignas({alignment}) "
        if tokens.peek() == "zeroinitializer":
            return f"{start}u8 {word}[{max(1, size)}] = {{ 0 }};"
        if kind[0] == "a" and kind[2] == ("i", 8) and tokens.peek().startswith('c"'):
            return f"{start}u8 {word}[{size}] = {self.bytes_of(tokens)};"
        if kind[0] == "a" and kind[2] != "ptr" and kind[2][0] == "i" and kind[2][1] in (8, 16, 32, 64) and tokens.take("["):
            values = []
            while not tokens.take("]"):
                element = self.types.parse(tokens)
                said = tokens.next()
                # Nobody looks at what is not said.
                values.append(literal(0 if said in ("undef", "poison") else int(said), element))
                tokens.take(",")
            lines = [", ".join(values[place:place + 10]) for place in range(0, len(values), 10)]
            return f"{start}{ctype(self.types, kind[2])} {word}[{kind[1]}] = {{\n\t" + ",\n\t".join(lines) + "\n};"
        if kind[0] == "a" and kind[2] == "ptr" and is_constant and tokens.take("["):
            values = []
            while not tokens.take("]"):
                tokens.want("ptr")
                values.append("(u8 *)0" if tokens.take("null") else strip(self.symbol(bare(tokens.next()), tokens)))
                tokens.take(",")
            return f"static u8 *const {word}[{kind[1]}] = {{\n\t" + ",\n\t".join(values) + "\n};"
        content = bytearray(size)
        self.lay_out(kind, tokens, content, 0)
        shown = ", ".join(str(byte) for byte in content.rstrip(b"\0")) or "0"
        return f"{start}u8 {word}[{max(1, size)}] = {{ {shown} }};"

    def lay_out(self, kind, tokens, content, place):
        """Puts a constant value into bytes; one with addresses is refused."""
        if any(tokens.take(word) for word in ("zeroinitializer", "undef", "poison")):
            return
        if kind != "ptr" and kind[0] == "i":
            word = tokens.next()
            value = {"true": 1, "false": 0}[word] if word in ("true", "false") else int(word)
            size = self.types.size(kind)
            content[place:place + size] = (value & ((1 << kind[1]) - 1)).to_bytes(size, self.module.order)
        elif kind != "ptr" and tokens.peek() in ("[", "{", "<{"):
            close = {"[": "]", "{": "}", "<{": "}>"}[tokens.next()]
            index = 0
            while not tokens.take(close):
                element = self.types.parse(tokens)
                offset = index * self.types.size(element) if kind[0] == "a" else self.types.offset(kind, index)
                self.lay_out(element, tokens, content, place + offset)
                tokens.take(",")
                index += 1
        else:
            tokens.refuse("a constant of a kind that is not known")

    @staticmethod
    def bytes_of(tokens):
        text = tokens.next()[2:-1]
        if text.endswith("\\00") and re.fullmatch(r"[ !#-\[\]-~]*", text[:-3]):
            return f'"{text[:-3]}"'
        plain = re.sub(r"\\([0-9A-Fa-f]{2})", lambda found: chr(int(found[1], 16)), text)
        return "{ " + ", ".join(str(ord(letter)) for letter in plain) + " }"

    def converted(self, kind, text):
        """A value of C in this file's type."""
        return f"(u8 *){text}" if kind == "ptr" else f"({ctype(self.types, kind)}){text}"

    def returned(self, prototype, kind, text):
        if kind == "ptr":
            return f"({prototype.result})({text})"
        return f"({prototype.result})(i{self.types.size(kind) * 8})({text})"

    def pairs(self, function):
        """Parameters in LLVM's words, and in the header's."""
        prototype = self.prototypes[function.name]
        if len(prototype.parameters) != len(function.parameters):
            raise Failure(f"{function.name} has another number of parameters in its header")
        return prototype, zip(function.parameters, prototype.parameters)

    def print_entry(self, name):
        function = self.module.functions[name]
        prototype, pairs = self.pairs(function)
        arguments = ", ".join(self.converted(kind, word) for (kind, _), (_, word) in pairs)
        call = f"{self.names[name]}({arguments})"
        text = f"{call};" if function.result == "void" else f"return {self.returned(prototype, function.result, call)};"
        printed = f"{prototype.text()}\n{{\n\t{text}\n}}"
        return f"#ifndef {self.optional[name]}\n{printed}\n#endif" if name in self.optional else printed

    def print_need(self, name):
        function, parameters, arguments = self.module.declared[name], [], []
        _, pairs = self.pairs(function)
        for number, ((kind, _), (wanted, _)) in enumerate(pairs):
            word = f"p{number}"
            parameters.append(f"{ctype(self.types, kind)}{'' if kind == 'ptr' else ' '}{word}")
            arguments.append(f"({wanted}){word}")
        call = f"{name}({', '.join(arguments)})"
        text = f"{call};" if function.result == "void" else f"return {self.converted(function.result, call)};"
        result = ctype(self.types, function.result)
        return f"EROFS_INLINE {result}{'' if result.endswith('*') else ' '}call_{name}({', '.join(parameters) or 'void'})" \
               f"\n{{\n\t{text}\n}}"
