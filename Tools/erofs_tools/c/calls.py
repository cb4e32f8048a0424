# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Calls: LLVM's own functions, those of the module, and those of whoever links it."""

import re

from .ir import bare
from .values import is_literal, literal, signed, strip, wrapped

# They say something to an optimizer, and compute nothing.
SILENT = ("llvm.lifetime.", "llvm.experimental.noalias.scope.decl", "llvm.assume")
FUNNEL = {"fshl": ("<<", ">>"), "fshr": (">>", "<<")}


class Calls:
    """What a body prints of a call; mixed into Body."""

    def call(self, name, tokens):
        tokens.attributes()
        result = self.types.parse(tokens)
        if tokens.peek() == "asm":
            # Swift puts these in front of traps, so that the traps are not merged. They have no instruction.
            if not re.search(r'asm sideeffect "", "n"\(i32 \d+\)', tokens.text):
                tokens.refuse("assembly")
            return
        callee, arguments, kinds = tokens.next(), [], []
        if bare(callee).startswith(SILENT):
            return
        tokens.want("(")
        while not tokens.take(")"):
            kind = self.types.parse(tokens)
            tokens.attributes()
            kinds.append(kind)
            arguments.append(self.operand(tokens, kind))
            tokens.take(",")
        tokens.end()
        if callee.startswith("@llvm."):
            self.intrinsic(name, bare(callee)[5:].split("."), result, arguments, kinds, tokens)
            return
        if callee.startswith("%"):
            text = self.library.indirect(self.local(bare(callee), tokens), result, kinds, tokens)
        else:
            text = self.library.function(bare(callee), tokens)
        text = f"{text}({', '.join(strip(argument) for argument in arguments)})"
        if result == "void" or not self.uses.get(name):
            self.say(f"{text};")
        else:
            self.assign(name, result, text)

    def intrinsic(self, name, words, result, arguments, kinds, tokens):
        word, bits = words[0], result[1] if result[0] == "i" else 0
        bare_arguments = [strip(argument) for argument in arguments]
        if word == "trap":
            self.say("EROFS_TRAP();")
        elif word in ("memcpy", "memmove", "memset"):
            if arguments[3] != "0u":
                tokens.refuse("volatile memory")
            length = is_literal(arguments[2])
            if length != 0:
                # Sizes that are known are not 0; the others may be, of memory that is not there.
                what = {"memcpy": "copy", "memmove": "move", "memset": "fill"}[word] + ("" if length is None else "_some")
                self.say(f"{what}({', '.join(bare_arguments[:2])}, (uword){arguments[2]});")
        elif word in ("umin", "umax", "smin", "smax") and bits:
            a, b = arguments
            pair = (a, b) if word[0] == "u" else (signed(self.types, result, a), signed(self.types, result, b))
            self.define(name, result, f"({pair[0]} {'<' if word.endswith('min') else '>'} {pair[1]} ? {a} : {b})", twice=True)
        elif word in ("scmp", "ucmp") and bits:
            pair = arguments if word == "ucmp" else [signed(self.types, kinds[0], argument) for argument in arguments]
            less, more = (f"{pair[0]} {sign} {pair[1]}" for sign in "<>")
            self.define(name, result, f"({less} ? {literal(-1, result)} : (u{self.types.size(result) * 8})({more}))", twice=True)
        elif words[1:2] == ["with"] and words[2] == "overflow":
            kind = kinds[0]
            if kind[1] not in (8, 16, 32, 64):
                tokens.refuse("overflow of this width")
            self.pairs[name] = result
            value, over = self.pair(name)
            self.declare(value, self.ctype(kind))
            self.declare(over, "u8")
            self.say(f"{over} = {word}_overflows_{kind[1]}({', '.join(bare_arguments)}, &{value});")
        elif word in ("usub", "uadd") and words[1] == "sat" and bits in (8, 16, 32, 64):
            a, b = arguments
            if word == "usub":
                self.define(name, result, f"({a} > {b} ? {wrapped(self.types, result, f'{a} - {b}')} : {literal(0, result)})")
            else:
                total = wrapped(self.types, result, f"{a} + {b}")
                self.define(name, result, f"({total} < {a} ? {literal(-1, result)} : {total})")
        elif word in ("ctlz", "cttz", "ctpop", "bswap") and bits in (8, 16, 32, 64):
            helper = {"ctlz": "leading_zeros", "cttz": "trailing_zeros", "ctpop": "ones", "bswap": "swapped"}[word]
            self.define(name, result, f"{helper}_{bits}({bare_arguments[0]})", twice=True)
        elif word in FUNNEL and bits in (32, 64):
            self.define(name, result, f"{word}_{bits}({', '.join(bare_arguments)})", twice=True)
        elif word == "abs" and bits in (32, 64):
            a = arguments[0]
            self.define(name, result, f"({signed(self.types, result, a)} < 0 ? 0u - {a} : {a})")
        else:
            tokens.refuse("an unknown function of LLVM's")
