#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds a package that depends on this one with the trait LZ4 only, without network and without a package cache.

Without the trait HostTools nothing may be fetched: the dependencies of the command are not those of the library. The
program that is built must read the fixtures that are compressed with LZ4 or not at all, and refuse every other one when it
opens it, with the name of the codec.

Last line: "N passed, N failed".
"""

import hashlib
import json
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
FIXTURES = ROOT / "Tests/Fixtures/images"
FILE = "/contents/text-150000"
# Images by the start of their names, and what refuses them.
CODECS = {"plain": None, "lz4": None, "lzma": "microLZMA", "libdeflate": "deflate", "zstd": "zstandard"}
# Git finds no repository at any address, whatever mirrors this machine is configured for.
OFFLINE = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1", "GIT_CONFIG_COUNT": "1",
           "GIT_CONFIG_KEY_0": "url.file:///nonexistent/.insteadOf", "GIT_CONFIG_VALUE_0": "https://"}


def fetches_with_host_tools(environment):
    """Whether the same package does need the network once it enables HostTools: otherwise the check above proves nothing."""
    with tempfile.TemporaryDirectory() as scratch:
        package = pathlib.Path(scratch) / "package"
        shutil.copytree(HERE, package, ignore=shutil.ignore_patterns(".build*", "Package.resolved"))
        manifest = package / "Package.swift"
        text = manifest.read_text()
        changed = text.replace('path: "../.."', f'path: "{ROOT}"').replace('["LZ4"]', '["LZ4", "HostTools"]')
        manifest.write_text(changed)
        command = ["swift", "package", "--package-path", package, "--cache-path", scratch + "/cache", "resolve"]
        done = subprocess.run(command, env=environment, text=True, capture_output=True)
        return done.returncode != 0 and "nonexistent" in done.stdout + done.stderr


def main():
    environment = dict(os.environ, **OFFLINE)
    cache = ROOT / ".build-traits/empty-cache"
    shutil.rmtree(cache, ignore_errors=True)
    build = ["swift", "build", "--package-path", HERE, "--scratch-path", ROOT / ".build-traits", "--cache-path", cache]
    done = subprocess.run(build, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        print(done.stdout[-3000:] + done.stderr[-3000:] + "FAILED the package does not build\n0 passed, 1 failed")
        return 1
    folder = subprocess.check_output([*build, "--show-bin-path"], env=environment, text=True).strip()
    rows = map(json.loads, (FIXTURES / "manifest.jsonl").read_text().splitlines())
    digest = next(row["sha256"] for row in rows if row["path"] == FILE)
    failures, seen, passed = [], set(), 0
    checkouts = ROOT / ".build-traits/checkouts"
    fetched = sorted(path.name for path in checkouts.iterdir()) if checkouts.exists() else []
    for good, what in [(not fetched, f"without HostTools, {', '.join(fetched)} is fetched"),
                       (fetches_with_host_tools(environment), "with HostTools, nothing is fetched")]:
        passed += good
        if not good:
            failures.append(what)
    with tempfile.TemporaryDirectory() as scratch:
        subprocess.run(["tar", "--zstd", "-xf", FIXTURES / "images.tar.zst", "-C", scratch], check=True)
        for image in sorted(pathlib.Path(scratch).rglob("*.erofs")):
            kind = next((kind for kind in CODECS if image.name.startswith(kind)), None)
            if kind is None:
                continue
            seen.add(kind)
            done = subprocess.run([pathlib.Path(folder) / "consumer", image, FILE], capture_output=True)
            codec = CODECS[kind]
            if codec is None:
                good = done.returncode == 0 and hashlib.sha256(done.stdout).hexdigest() == digest
            else:
                good = done.returncode == 2 and done.stderr.decode().strip() == codec and not done.stdout
            passed += good
            if not good:
                failures.append(f"{image.name}: status {done.returncode}, {done.stderr.decode()[:200].strip()}")
    failures += [f"no fixture starts with {kind}" for kind in CODECS if kind not in seen]
    for failure in failures:
        print(f"FAILED {failure}")
    print(f"{passed} passed, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
