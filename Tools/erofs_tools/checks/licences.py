# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Each text file of the project that can carry a comment names the licence in its first three lines."""

from ..project import ROOT

LINE = "SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0"
# Files that cannot carry a comment, and those that are data.
WITHOUT = (".json", ".jsonl", ".swift-format", "Package.resolved", "LICENSE")
DATA = ("LICENSES/", "/Corpus/", "/Fixtures/")


def check(results, files):
    for file in files:
        path = ROOT / file
        if file.endswith(WITHOUT) or any(folder in f"/{file}" for folder in DATA) or not path.is_file() or path.is_symlink():
            continue
        content = path.read_bytes()
        if content and b"\0" not in content[:8192]:
            results.check(file, LINE.encode() in b"\n".join(content.splitlines()[:3]), "has no licence line")
    for name in ("GPL-2.0-or-later", "Apache-2.0"):
        text = ROOT / f"LICENSES/{name}.txt"
        results.check(f"LICENSES/{name}.txt", text.exists() and text.stat().st_size, "is missing")
