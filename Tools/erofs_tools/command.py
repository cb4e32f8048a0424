# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The one way to run a command."""

import contextlib
import os
import re
import subprocess
import sys
import time

from .project import ROOT, Failure


def say(text):
    """Says what is going on, on the error output: the standard output may be a path that somebody reads."""
    print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def timed(label):
    """Adds how long something took to the file that EROFS_TIMES names: `./test` shows the longest steps."""
    start = time.monotonic()
    try:
        yield
    finally:
        if path := os.environ.get("EROFS_TIMES"):
            with open(path, "a") as file:
                file.write(f"{time.monotonic() - start:.2f}\t{label}\n")


# SwiftPM defines the traits of a package in the order of a set, which is another in each process. When it is, all modules are
# compiled again. For builds only: tests are run with sets in any order.
SAME_ORDER = {"SWIFT_DETERMINISTIC_HASHING": "1"}


def run(*command, log=None, seconds=None, label=None, cwd=ROOT, **options):
    """Runs a command to its end and returns what it printed.

    With `log`, what it prints, errors among it, is appended to that file. A command that fails, or does not end in
    `seconds`, is a Failure with its errors, or with the last that it said where no line looks like an error.
    """
    command = [str(word) for word in command]
    name = os.path.basename(command[0])
    errors = subprocess.STDOUT if log else subprocess.PIPE
    if command[:2] == ["swift", "build"]:
        options["env"] = {**(options.get("env") or os.environ), **SAME_ORDER}
    try:
        with timed(label or name):
            done = subprocess.run(command, cwd=cwd, text=True, errors="surrogateescape", stdout=subprocess.PIPE, stderr=errors,
                                  timeout=seconds, **options)
    except subprocess.TimeoutExpired:
        raise Failure(f"{name} did not end in {seconds} s: {' '.join(command)[:300]}") from None
    except OSError as problem:
        raise Failure(f"{name} does not run: {problem.strerror}") from None
    if log:
        with open(log, "a") as file:
            file.write(f"$ {' '.join(command)}\n{done.stdout}")
    if done.returncode != 0:
        said = done.stdout + (done.stderr or "")
        found = [line for line in said.splitlines() if re.search(r"^\S.*error:|>>>", line)]
        place = f" (all of it is in {log})" if log else ""
        raise Failure(f"{name} failed with status {done.returncode}{place}:\n" + ("\n".join(found[:40]) or said[-3000:].strip()))
    return done.stdout
