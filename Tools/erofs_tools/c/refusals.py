# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The printer refuses what it does not know."""

import re

from ..project import Failure
from .ir import Module
from .library import Library

MODULE = """target datalayout = "e-m:e-p:32:32-i64:64-n32-S128"
{top}
define i32 @f(i32 %0, ptr %1) {{
  {line}
  ret i32 %0
}}
"""
# That it prints these shows that the others are not refused for another reason.
KNOWN = ["%3 = add i32 %0, 1", "%3 = load i32, ptr %1, align 2", "call void @llvm.trap()"]
UNKNOWN = [
    "%3 = fadd float 1.0, 2.0", "%3 = load float, ptr %1, align 4", "%3 = load volatile i32, ptr %1, align 4",
    "%3 = load i24, ptr %1, align 4", "%3 = load atomic i32, ptr %1 acquire, align 4", "fence seq_cst",
    "%3 = cmpxchg ptr %1, i32 0, i32 1 monotonic monotonic", "%3 = atomicrmw add ptr %1, i32 1 monotonic, align 4",
    "%3 = zext i32 %0 to i128", "%3 = load <4 x i8>, ptr %1, align 4", "%3 = call i32 @llvm.bitreverse.i32(i32 %0)",
    "%3 = call i32 @g(i32 %0)", "%3 = call i32 %1(i32 %0)", 'call void asm sideeffect "nop", ""()',
    "call void @llvm.memcpy.p0.p0.i32(ptr %1, ptr %1, i32 8, i1 true)", "%3 = add i32 %0, 1, something",
    "%3 = bitcast i32 %0 to float", "%3 = alloca i32, i32 %0, align 4",
]
TOPS = ['@x = thread_local global i32 0', "@x = global float 1.0", "module asm \"nop\""]


def printed(line, top=""):
    module = Module(MODULE.format(line=line, top=top), 32)
    return Library(module, ["f"], [], "int f(int number, void *bytes);").print()


def refused(*words):
    try:
        printed(*words)
    except Failure:
        return True
    return False


def check(results):
    for line in KNOWN:
        results.check(f"printed: {line}", not refused(line), "it was refused")
    said = printed("%3 = icmp eq i32 %0, 10\n  %4 = sext i1 %3 to i64\n  store i64 %4, ptr %1, align 8")
    results.check("printed: a comparison whose bit is extended", re.search(r"\(\w+ == 10u\) << 7", said), said)
    for line in UNKNOWN:
        results.check(f"refused: {line}", refused(line), "it was printed")
    for top in TOPS:
        # Only what is used is printed, so it is used.
        results.check(f"refused: {top}", refused("store ptr @x, ptr %1, align 4", top), "it was printed")
    results.check("refused: the other order of bytes", other_layout("E-m", False), "it was read")
    results.check("refused: the other order of bytes, where it is big", other_layout("e-m", True), "it was read")
    results.check("read: a big-endian module", not other_layout("E-m", True), "it was refused")


def other_layout(start, big):
    """Whether a module whose layout starts like this is refused where that order of bytes is expected."""
    try:
        Module(MODULE.format(line="", top="").replace('"e-m', f'"{start}'), 32, big)
    except Failure:
        return True
    return False
