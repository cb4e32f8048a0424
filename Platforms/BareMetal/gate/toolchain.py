# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The tools of the Swift toolchain, and what every check here reads and says."""

import os
import pathlib
import re
import subprocess
import sys

GATE = pathlib.Path(__file__).resolve().parent
ROOT = GATE.parents[2]
sys.path.append(str(ROOT / "Scripts"))


def rows(path):
    """The words of every line that says something."""
    if not path.exists():
        return []
    lines = (line.split("#")[0].split() for line in path.read_text().splitlines())
    return [words for words in lines if words]


class Failure(Exception):
    """A command that failed, or a rule that is broken: its text names the culprit."""


def run(*command):
    command = [str(word) for word in command]
    done = subprocess.run(command, cwd=ROOT, text=True, capture_output=True)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if re.search(r"^\S.*error:|>>>", line)]
        raise Failure("\n".join(errors[:40]) or done.stderr[-2000:])
    return done.stdout


def tool(name):
    """A tool of the Swift toolchain."""
    swiftc = subprocess.check_output(["which", "swiftc"], text=True).strip()
    return pathlib.Path(os.path.realpath(swiftc)).parent / name


def demangle(text):
    done = subprocess.run(["swift", "demangle", "--simplified"], input=text, text=True, capture_output=True)
    return done.stdout if done.returncode == 0 else text
