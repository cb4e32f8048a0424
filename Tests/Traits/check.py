#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds a package that wants LZ4 only of this project's codecs, and holds what it makes of the fixtures to that: images
with LZ4, or nothing compressed, are read; any other is refused when it is opened, with the name of the codec.

Last line: "N passed, N failed".
"""

import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(ROOT / "Scripts"))
import codecs_table  # noqa: E402

FIXTURES = ROOT / "Tests/Fixtures/images"
FILE = "/contents/text-150000"
# Images by the start of their names, and what refuses them.
FIRST, *OTHERS = (codec for codec in codecs_table.CODECS if codec.image)
CODECS = {"plain": None, FIRST.word: None, **{codec.image.split("-")[0]: codec.case for codec in OTHERS}}


def main():
    # Without the host's part, whose packages nobody needs here.
    environment = dict(os.environ, EROFS_SMALL="1")
    build = ["swift", "build", "--package-path", HERE, "--scratch-path", ROOT / ".build-traits"]
    done = subprocess.run(build, env=environment, text=True, capture_output=True)
    if done.returncode != 0:
        print(done.stdout[-3000:] + done.stderr[-3000:] + "FAILED the package does not build\n0 passed, 1 failed")
        return 1
    folder = subprocess.check_output([*build, "--show-bin-path"], env=environment, text=True).strip()
    rows = map(json.loads, (FIXTURES / "manifest.jsonl").read_text().splitlines())
    digest = next(row["sha256"] for row in rows if row["path"] == FILE)
    failures, seen, passed = [], set(), 0
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
