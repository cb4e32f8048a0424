# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""No two paths, and no two targets of a package, differ by case only: file systems of other hosts do not tell them apart."""

import json
import os

from ..command import run
from ..project import ROOT

# Packages, and what is set in the environment for each form of their targets.
PACKAGES = {".": ({}, {"EROFS_EMBEDDED": "1"}, {"EROFS_SMALL": "1"}), "Benchmarks": ({},),
            "Fuzzing": ({}, {"EROFS_FUZZ_ENGINE": "1"}), "Tests/Traits": ({},)}


def clashes(names):
    """Groups of different names that are the same without case."""
    groups = {}
    for name in names:
        groups.setdefault(name.casefold(), set()).add(name)
    return sorted(sorted(group) for group in groups.values() if len(group) > 1)


def paths(files):
    """Each file, and each folder that it is in: `Boot/file` clashes with `boot`."""
    for file in files:
        parts = file.split("/")
        yield from ("/".join(parts[:end]) for end in range(1, len(parts) + 1))


def targets():
    """The targets of all packages. Their modules are in one folder when they are built, so all packages share one list."""
    names = set()
    for package, forms in PACKAGES.items():
        for form in forms:
            said = run("swift", "package", "--package-path", ROOT / package, "--scratch-path", ROOT / ".build-manifests",
                       "dump-package", env={**os.environ, **form}, label="swift package dump-package")
            names |= {target["name"] for target in json.loads(said)["targets"]}
    return names


def check(results, files):
    for what, names in (("paths", list(paths(files))), ("targets", list(targets()))):
        results.check(f"{what} that are to be compared", names, "there are none")
        for group in clashes(names):
            results.check(f"{what} {', '.join(group)}", False, "differ by case only")
    # A check that lets these through would prove nothing.
    bad = {"Fuzz/a.swift, fuzz": ["Fuzz/a.swift", "fuzz"], "a/B/c, a/b/d": ["a/B/c", "a/b/d"]}
    for what, tree in bad.items():
        results.check(f"the names {what}", clashes(paths(tree)), "were let through")
    results.check("the targets EROFS, erofs", clashes(["EROFS", "erofs"]), "were let through")
    results.check("the names a/b, a/c, b", not clashes(paths(["a/b", "a/c", "b"])), "were refused")
