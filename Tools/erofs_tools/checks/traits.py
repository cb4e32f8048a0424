# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds the package in Tests/Traits, which depends on this one with the trait LZ4 only, and holds what it makes of the
fixtures to that: images with LZ4, or nothing compressed, are read; any other is refused when it is opened, with the name of
the codec.
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import tempfile

from .. import codecs, images
from ..command import run
from ..project import ROOT, Failure
from ..results import Results

PACKAGE = ROOT / "Tests/Traits"
SCRATCH = ROOT / ".build-traits"
FILE = "/contents/text-150000"
# Images by the start of their names, and what refuses them.
FIRST, *OTHERS = (codec for codec in codecs.CODECS if codec.image)
CODECS = {"plain": None, FIRST.word: None, **{codec.image.split("-")[0]: codec.case for codec in OTHERS}}
# The trait that brings the dependencies of the command; a package without it fetches nothing.
HOST = "HostTools"
# Git finds no repository at any address, whatever mirrors this machine is configured for.
OFFLINE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
           "GIT_CONFIG_KEY_0": "url.file:///nonexistent/.insteadOf", "GIT_CONFIG_VALUE_0": "https://"}


def fetches_with_host_tools(environment):
    """Whether the same package does need the network once it enables HostTools: otherwise the other check proves nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        package = pathlib.Path(scratch) / "package"
        shutil.copytree(PACKAGE, package, ignore=shutil.ignore_patterns(".build*", "Package.resolved"))
        manifest = package / "Package.swift"
        text = manifest.read_text().replace('path: "../.."', f'path: "{ROOT}"').replace('["LZ4"]', f'["LZ4", "{HOST}"]')
        manifest.write_text(text)
        try:
            run("swift", "package", "--package-path", package, "--cache-path", scratch + "/cache", "resolve", env=environment)
        except Failure as problem:
            return "Failed to clone repository" in str(problem)
        return False


def main():
    results = Results()
    build = ["swift", "build", "--package-path", PACKAGE, "--scratch-path", SCRATCH]
    if has_host_trait := f'"{HOST}"' in (ROOT / "Package.swift").read_text():
        environment = dict(os.environ, **OFFLINE)
        shutil.rmtree(SCRATCH / "empty-cache", ignore_errors=True)
        build += ["--cache-path", SCRATCH / "empty-cache"]
    else:
        environment = dict(os.environ, EROFS_SMALL="1")
    try:
        run(*build, env=environment, label="swift build of Tests/Traits")
        folder = pathlib.Path(run(*build, "--show-bin-path", env=environment).strip())
    except Failure as problem:
        results.check("the package with LZ4 only builds", False, str(problem))
        return results.end()
    if has_host_trait:
        checkouts = SCRATCH / "checkouts"
        fetched = sorted(path.name for path in checkouts.iterdir()) if checkouts.exists() else []
        results.check(f"nothing is fetched without {HOST}", not fetched, ", ".join(fetched))
        results.check(f"with {HOST} something is fetched", fetches_with_host_tools(environment), "nothing is")
    fixtures = images.unpacked(images.FIXTURES)
    rows = map(json.loads, (fixtures / "manifest.jsonl").read_text().splitlines())
    digest = next(row["sha256"] for row in rows if row["path"] == FILE)
    seen = set()
    for image in sorted(fixtures.glob("*.erofs")):
        kind = next((kind for kind in CODECS if image.name.startswith(kind)), None)
        if kind is None:
            continue
        seen.add(kind)
        done = subprocess.run([folder / "consumer", image, FILE], capture_output=True)
        codec = CODECS[kind]
        if codec is None:
            good = done.returncode == 0 and hashlib.sha256(done.stdout).hexdigest() == digest
        else:
            good = done.returncode == 2 and done.stderr.decode().strip() == codec and not done.stdout
        results.check(image.name, good, f"status {done.returncode}, {done.stderr.decode()[:200].strip()}")
    for kind in CODECS.keys() - seen:
        results.check(f"fixtures that start with {kind}", False, "there are none")
    return results.end()
