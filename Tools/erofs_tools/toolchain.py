# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The tools of the Swift toolchain."""

import functools
import os
import pathlib
import re
import shutil

from .command import run
from .project import Failure


@functools.lru_cache(maxsize=None)
def folder():
    swiftc = shutil.which("swiftc")
    if not swiftc:
        raise Failure("no swiftc in PATH: install Swift 6.3 first (swift.org/install)")
    return pathlib.Path(os.path.realpath(swiftc)).parent


def tool(name):
    """A tool of the Swift toolchain: its clang and lld serve for all processors."""
    return folder() / name


def version():
    """What the compiler says of itself, all of it, and its version's number."""
    text = run(tool("swiftc"), "--version")
    return text, re.search(r"Swift version (\S+)", text)[1]


def demangle(text, *options):
    """Text with the names of Swift in it readable; as it was where that fails."""
    try:
        return run(tool("swift"), "demangle", "--simplified", *options, input=text)
    except Failure:
        return text
