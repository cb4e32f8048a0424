# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds programs of firmware with many sets of traits, from modules that these sets share.

SwiftPM compiles each module again for each set of traits, because it defines all traits for all modules. Here a module is
compiled once for those that it, or one that it imports, asks about: with other codecs that is the reader only. What the
modules are, and what is defined for them, is read from Package.swift; the options are those of the toolsets. What SwiftPM
makes is held to what comes out here (`firmware.variants.small_system`).
"""

import functools
import json
import os
import threading

from ..command import run
from ..gate import registers
from ..gate.gate import conditions, toolset
from ..project import BARE_METAL, ROOT, Failure, digest, lock
from ..toolchain import tool, version

SCRATCH = ROOT / ".build-firmware/shared"
READING = threading.Lock()
# The linker scripts refuse a program without an image, but for those who say that theirs has none.
NO_IMAGE = "--defsym=MACHINE_NO_IMAGE=1"
KIND = {"strictMemorySafety": lambda kind: ["-strict-memory-safety"],
        "enableExperimentalFeature": lambda kind: ["-enable-experimental-feature", kind["_0"]],
        "define": lambda kind: ["-D", kind["_0"]]}


def targets():
    """The targets of Package.swift by name."""
    with READING:
        return dumped()


@functools.cache
def dumped():
    said = run("swift", "package", "dump-package", env={**os.environ, "EROFS_EMBEDDED": "1"})
    return {target["name"]: target for target in json.loads(said)["targets"]}


def closure(name):
    """A target and all that it needs, each after those that it needs itself."""
    found = {}
    for (needed, _) in (dependency["byName"] for dependency in targets()[name]["dependencies"]):
        found |= dict.fromkeys(closure(needed))
    return [*found, name]


def settings(target, traits):
    """The options that Package.swift gives a target with these traits."""
    words = []
    for setting in target["settings"]:
        if set(setting.get("condition", {}).get("traits", traits)) & set(traits):
            ((kind, value),) = setting["kind"].items()
            words += KIND[kind](value)
    return words


class Programs:
    """The programs of one machine: a triple, and the toolset of that name. Machines that differ in the linker's options share
    modules too."""

    def __init__(self, name, triple):
        self.name, self.triple, self.folder = name, triple, SCRATCH / triple

    def sources(self, target, suffix):
        return sorted((ROOT / target["path"]).rglob(f"*{suffix}"))

    def make(self, name, key, compile_into):
        """A folder with what was made of `key`; made in it unless it is there."""
        folder = self.folder / f"{name}-{digest(version()[0], *map(str, key))}"
        with lock(folder.with_suffix(".lock")):
            if not (folder / "made").exists():
                folder.mkdir(parents=True, exist_ok=True)
                compile_into(folder)
                (folder / "made").touch()
        return folder

    def c_module(self, target):
        """The objects of a target in C, and a module map of its headers."""
        sources = self.sources(target, ".c")
        include = ROOT / target["path"] / "include"
        options = ["-target", self.triple, *toolset("common", "cCompiler"), *toolset(self.name, "cCompiler"), "-I", include]

        def compile_into(folder):
            for source in sources:
                run(tool("clang"), *options, "-c", source, "-o", folder / f"{source.stem}.o")
            (folder / "module.modulemap").write_text(f'module {target["name"]} {{ umbrella "{include}" export * }}\n')

        return self.make(target["name"], [*options, digest(*sources, include)], compile_into)

    def swift_module(self, target, traits, relevant, maps, imported):
        """The object of a target in Swift. `relevant` is what its sources, and those of what it imports, ask about."""
        name, sources = target["name"], self.sources(target, ".swift")
        words = [word for trait in traits for word in ("-D", trait)] + settings(target, traits)
        kept = [word for at, word in enumerate(words)
                if not (word == "-D" and words[at + 1] not in relevant or at and words[at - 1] == "-D" and word not in relevant)]
        main = target["type"] == "executable"
        options = ["-target", self.triple, "-parse-as-library", "-swift-version", "6", "-warnings-as-errors",
                   "-package-name", "swift_erofs", *kept, *toolset("common", "swiftCompiler"), *toolset(self.name, "swiftCompiler"),
                   *(["-Xfrontend", "-entry-point-function-name", "-Xfrontend", f"{name}_main"] if main else []),
                   *(word for each in maps for word in ("-Xcc", f"-fmodule-map-file={each}"))]

        def compile_into(folder):
            search = [word for each in imported for word in ("-I", each)]
            # As SwiftPM does it: an object for each file, which decides in which order the linker sees the code.
            run(tool("swiftc"), *search, *options, "-module-cache-path", self.folder / "cache", "-module-name", name,
                "-emit-module", "-emit-module-path", folder / f"{name}.swiftmodule", "-num-threads", "2", "-c", *sources,
                cwd=folder, label=f"compile {name} for {self.name}")

        return self.make(name, [*options, *imported, digest(*sources)], compile_into)

    def build(self, product, traits):
        """The path of a program."""
        maps, imported, relevant = [], [], set()
        for name in closure(product):
            target = targets()[name]
            if target["type"] == "system":
                maps.append(ROOT / target["path"] / "module.modulemap")
            elif self.sources(target, ".c"):
                imported.append(self.c_module(target))
                maps.append(imported[-1] / "module.modulemap")
            else:
                relevant |= conditions(self.sources(target, ".swift"))
                imported.append(self.swift_module(target, traits, relevant, maps, imported))
        objects = [path for folder in sorted(imported) for path in sorted(folder.glob("*.o"))]
        # A linker script is named in the options.
        options = [*toolset("common", "linker", board=True), *toolset(self.name, "linker", board=True),
                   "--defsym", f"main={product}_main", NO_IMAGE]

        def link_into(folder):
            run(tool("ld.lld"), *options, "-o", folder / product, *objects, label=f"link {product} for {self.name}")
            if wrong := registers.check(folder / product):
                raise Failure(f"{product} for {self.name} is miscompiled:\n" + "\n".join(wrong))

        scripts = sorted((BARE_METAL / "linker").glob("*.ld"))
        return self.make(f"{product}-linked", [*options, *objects, digest(*scripts)], link_into) / product
