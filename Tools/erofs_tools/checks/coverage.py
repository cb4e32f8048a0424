# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Prints line coverage by module from llvm-cov's export: Tools/run coverage EXPORT.json."""

import json
import pathlib
import sys

from ..project import ROOT


def main():
    return show(sys.argv[1])


def show(export):
    modules = {}
    for file in json.loads(pathlib.Path(export).read_text())["data"][0]["files"]:
        path = pathlib.Path(file["filename"])
        if not path.is_relative_to(ROOT / "Sources"):
            continue
        parts = path.relative_to(ROOT / "Sources").parts
        lines, regions = file["summary"]["lines"], file["summary"]["regions"]
        # Sources/Core/Codecs/LZ4/…: a codec is a row of its own.
        name = "/".join(parts[1:-1][:2])
        row = modules.setdefault(name, [0, 0, 0, 0])
        for i, value in enumerate((lines["count"], lines["covered"], regions["count"], regions["covered"])):
            row[i] += value
    print(f"  {'module':32}{'lines':>8}{'covered':>10}{'regions':>10}")
    for name, (lines, covered, regions, entered) in sorted(modules.items()):
        print(f"  {name:32}{lines:>8}{100 * covered / max(1, lines):>9.1f}%{100 * entered / max(1, regions):>9.1f}%")
    return 0 if modules else 1
