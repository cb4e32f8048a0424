# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run NAME [ARGUMENT...]: runs one of the tools; `Tools/run NAME --help` says what it takes."""

import importlib
import signal
import sys

from .project import Failure

TOOLS = {
    "test": ("stages", "every check of the project, or some of them: ./test"),
    "lint": ("checks.lint", "formatting, licence lines, names and toolsets"),
    "gate": ("gate.gate", "Core on bare metal without an allocator; its size and stack"),
    "registers": ("gate.registers", "finds functions of ARM programs that do not keep their caller's registers"),
    "c": ("c.check", "Core as portable C: compiled, and run on this machine and under QEMU"),
    "c-files": ("c.generate", "Core as portable C"),
    "c-bench": ("c.bench", "Core as C beside Swift and Linux's decoders: ./bench c"),
    "release": ("c.release", "Core as C in a folder for those without Swift: ./release"),
    "codecs": ("codecs", "what Swift and C need to know of the table of codecs"),
    "toy-codec": ("checks.toy_codec", "adds a codec to a copy of the project, as DESIGN.md says"),
    "traits": ("checks.traits", "a package that wants one codec"),
    "firmware": ("firmware.check", "firmware of each machine under QEMU"),
    "measure": ("firmware.measure", "flash, memory and instructions of firmware"),
    "containers-bench": ("builder.bench", "images of container layers beside mkfs.erofs and GNU tar"),
    "registry": ("registry.check", "erofs oci pull from registries on this machine"),
    "mkfs-matrix": ("builder.matrix", "images of erofs mkfs, read by the kernel and by fsck.erofs"),
    "mkfs-scale": ("builder.scale", "time and memory of erofs mkfs for large trees"),
    "kernel": ("kernel.build", "builds a kernel without an MMU and prints its path"),
    "swift-object": ("kernel.objects", "Core as objects for a kernel"),
    "kernel-install": ("kernel.install", "brings compressed EROFS into the source of a kernel: erofs kernel"),
    "boot": ("kernel.boot", "boots Linux from an image, with a console: erofs boot"),
    "linux": ("kernel.linux", "tests of the kernels"),
    "linux-bench": ("kernel.bench", "figures of the kernels: ./bench linux"),
    "mount-bench": ("mounting.bench", "erofs mount against erofsfuse and the kernel: ./bench mount"),
    "mount-stress": ("mounting.stress", "mounts with many readers, damaged images, and without root"),
    "fskit": ("checks.fskit", "the volume for macOS, against declarations of FSKit"),
    "userspace": ("userspace.test", "builds and tests the programs of the root file system"),
    "userspace-build": ("userspace.build", "those programs for one processor, and an image of them"),
    "documentation": ("checks.documentation", "DocC pages of the library"),
    "manual": ("checks.manual", "manual pages of the command"),
    "coverage": ("checks.coverage", "line coverage by module"),
    "events": ("checks.events", "counts the cases of a run of Swift Testing"),
}


def main():
    if len(sys.argv) < 2 or sys.argv[1] in ("-h", "--help"):
        print(f"{__doc__}\n")
        for name, (_, what) in TOOLS.items():
            print(f"  {name:16}  {what}")
        return 0
    name = sys.argv[1]
    if name not in TOOLS:
        print(f"Tools/run: no tool {name}; there are {', '.join(TOOLS)}", file=sys.stderr)
        return 2
    # An interrupt ends a tool without a word; what it started gets the interrupt as well.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    module = importlib.import_module(f"erofs_tools.{TOOLS[name][0]}")
    sys.argv = [f"Tools/run {name}", *sys.argv[2:]]
    try:
        return module.main()
    except Failure as problem:
        print(f"{name}: {problem}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
