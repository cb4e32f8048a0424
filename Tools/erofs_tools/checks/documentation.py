# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds the DocC pages of each module that has a catalog into .build-documentation; any warning of DocC is a failure.

    Tools/run documentation [OPTION...]

The options are those of `swift build` for modules that SwiftPM has to build: a build folder that exists already saves time.
"""

import json
import os
import pathlib
import shutil
import sys

from ..command import run
from ..project import ROOT
from ..results import Results
from ..toolchain import tool

OUT = ROOT / ".build-documentation"
# These modules import each other only, in this order, and are compiled for this host apart from SwiftPM, which does not say
# where it writes symbol graphs, and builds the firmware's module for bare metal only.
ALONE = {"PageVectors": "Sources/Core/PageVectors", "Codecs": "Sources/Core/Codecs", "EROFS": "Sources/Core/EROFS",
         "EROFSFirmware": "Platforms/BareMetal/Library"}
# These import modules of C libraries and of other packages.
BUILT = {"EROFSTools": "Sources/Host/EROFSTools"}


def catalog(module, folder):
    return ROOT / folder / f"{module}.docc"


def graph_alone(module, folder, graphs):
    run("swiftc", "-swift-version", "6", "-package-name", "swift-erofs", "-parse-as-library", "-module-name", module,
        "-I", graphs, "-emit-module", "-emit-module-path", graphs / f"{module}.swiftmodule", "-emit-symbol-graph",
        "-emit-symbol-graph-dir", graphs, "-symbol-graph-minimum-access-level", "public",
        *sorted((ROOT / folder).rglob("*.swift")), label=f"symbol graph of {module}")


def graph_built(module, graphs, options):
    run("swift", "build", *options, "--target", module, label=f"swift build {module} for its documentation")
    binaries = pathlib.Path(run("swift", "build", *options, "--show-bin-path").strip())
    # The modules of C libraries: this package's, and the checkout's beside the build.
    maps = [*(ROOT / "Sources/Libraries").glob("*/module.modulemap"),
            *binaries.parents[1].glob("checkouts/swift-system/Sources/CSystem/include/module.modulemap")]
    triple = json.loads(run("swiftc", "-print-target-info"))["target"]["triple"]
    run("swift", "symbolgraph-extract", "-module-name", module, "-target", triple, "-I", binaries / "Modules",
        *(word for each in maps for word in ("-I", each.parent)), "-minimum-access-level", "public", "-output-dir", graphs)


def convert(module, folder, graphs):
    own = OUT / "in" / module
    shutil.rmtree(own, ignore_errors=True)
    own.mkdir(parents=True)
    for graph in [*graphs.glob(f"{module}.symbols.json"), *graphs.glob(f"{module}@*.symbols.json")]:
        shutil.copy(graph, own)
    run(tool("docc"), "convert", catalog(module, folder), "--additional-symbol-graph-dir", own,
        "--fallback-display-name", module, "--fallback-bundle-identifier", f"swift-erofs.{module}",
        "--output-path", OUT / module, "--warnings-as-errors", label=f"docc {module}")


def main():
    results, graphs = Results(), OUT / "graphs"
    options = sys.argv[1:] or ["--scratch-path", str(OUT / "package")]
    shutil.rmtree(graphs, ignore_errors=True)
    graphs.mkdir(parents=True)
    written = {module: folder for module, folder in {**ALONE, **BUILT}.items() if catalog(module, folder).exists()}
    for module, folder in ALONE.items():
        results.attempt(f"symbol graph of {module}", graph_alone, module, folder, graphs)
    for module in BUILT.keys() & written.keys():
        results.attempt(f"symbol graph of {module}", graph_built, module, graphs, options)
    for module, folder in written.items():
        results.attempt(f"documentation of {module}", convert, module, folder, graphs)
    results.check("modules with documentation", len(written) >= 3, f"{len(written)}")
    print(f"  documentation of {', '.join(written)} in {os.path.relpath(OUT, ROOT)}")
    return results.end()
