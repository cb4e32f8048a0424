# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Formatting of Swift and of these tools, citations of the format and what these tools take from it, licence lines, names
that differ by case only, and the flags of toolsets."""

import ast

from .. import codecs
from .. import format as formats
from ..command import run
from ..project import ROOT
from ..results import Results
from . import citations, licences, names, toolsets

WIDTH = 132


def files():
    """What is in the repository, or will be."""
    listed = run("git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    return sorted(file for file in listed if file and (ROOT / file).exists())


def python(results, sources):
    """What a Python of 2020 reads, and no stray blanks or long lines. The standard library is all that is there."""
    for file in sources:
        text = (ROOT / file).read_text()
        try:
            ast.parse(text, file, feature_version=(3, 9))
        except SyntaxError as problem:
            results.check(f"{file}:{problem.lineno}", False, f"{problem.msg}, for Python 3.9")
            continue
        wrong = [f"{number}: {what}" for number, line in enumerate(text.splitlines(), 1)
                 for what, bad in (("a tab", "\t" in line), ("blanks at the end", line != line.rstrip()),
                                   (f"more than {WIDTH} columns", len(line) > WIDTH)) if bad]
        if not text.endswith("\n") or text.endswith("\n\n"):
            wrong.append("ends without one line break")
        results.check(file, not wrong, "; ".join(wrong[:5]))


def main():
    results, listed = Results(), files()
    swift = [file for file in listed if file.endswith(".swift")]
    results.attempt("swift format lint", lambda: run("swift", "format", "lint", "--strict", *swift, label="swift format lint"))
    python(results, [file for file in listed if file.startswith(("Tools/", "Platforms/")) and file.endswith(".py")])
    citations.check(results, listed)
    codecs.check(results, listed)
    formats.check(results)
    licences.check(results, listed)
    names.check(results, listed)
    toolsets.check(results)
    return results.end()
