# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Builds a Linux kernel without an MMU and prints the path of its image; nothing is done where it is there already.

    Tools/run kernel CPU DECODER [--smp] [--algorithms LIST] [--release N] [--extra FRAGMENT] [--cached]

CPU is rv64, rv32, cortex-m3 or m68k. DECODER is

    stock   the kernel as it is
    vmap    the kernel's decoders on our vmap (CONFIG_NOMMU_VMAP)
    pages   our decoders from pages to pages (CONFIG_EROFS_FS_ZIP_PAGES)

Sources come from Debian (linux-source), by apt from the mirror that this machine uses. Sources, Swift objects and object
trees are kept in ${XDG_CACHE_HOME:-~/.cache}/swift-erofs/linux, so that a change builds in seconds. A first build takes
some minutes; EROFS_IDLE=1 runs it when nobody else wants the processor. With --cached nothing is built: a kernel that is not
there is a failure.
"""

import argparse
import functools
import os
import pathlib
import re
import shutil
import tempfile

from .. import codecs, project
from ..c import generate
from ..command import run, say
from ..processors import LINUX
from ..project import INSTALL, ROOT, Failure, digest
from ..toolchain import version
from . import objects

SOURCES = project.LINUX / "Kernel"
INSTALLER = SOURCES / "erofs-kernel"
# The release that all is shown on, and that every configuration here fits.
NEWEST = "7.2"
CACHE = project.CACHE / "linux"
# Each with the option by which a kernel has it; the first is in every kernel.
ALGORITHMS = {codec.word: codec.kernel if number else None for number, codec in enumerate(codecs.KERNEL)}


def lock(name):
    return project.lock(CACHE / f".lock-{name}")


def fetch(release):
    """The folder with the source of a release ("7.2"), from the network the first time. The caller holds its lock."""
    marker = CACHE / f"source-{release}"
    if not marker.is_symlink():
        say(f"fetching linux-source-{release}")
        run(INSTALL / "linux-source.sh", release, CACHE, label=f"fetch linux-source-{release}")
    return marker.resolve()


def generated():
    """The folder with the decoders and the map as C, for a kernel."""
    folder = CACHE / "c"
    parts = [part for part in generate.parts() if part.name != "erofs"]
    printer = pathlib.Path(generate.__file__).parent
    key = digest(version()[0], codecs.kernel_entries(),
                 *(printer / f"{name}.py" for name in ("generate", "ir", "body", "values", "library", "calls", "instructions")),
                 *(generate.HERE / name for name in ("start.h", "layout-pages.h", "BigEndian.swift")),
                 SOURCES / "Swift", SOURCES / "fs-erofs/pages.h", SOURCES / "fs-erofs/pages_codecs.h", SOURCES / "mm/nommu_vmap.h",
                 *(ROOT / core for core in objects.CORE.values()))
    with lock("c"):
        stamp = folder / "key"
        if not (stamp.exists() and stamp.read_text() == key):
            say("compiling Core to C for kernels")
            with tempfile.TemporaryDirectory() as intermediate:
                generate.all_ir(parts, pathlib.Path(intermediate))
                generate.print_all(parts, pathlib.Path(intermediate), folder)
            stamp.write_text(key)
    return folder


def forget_patches(tree):
    """Brings a source back that this tool has patched, as it did before there was `erofs kernel install`."""
    pristine = tree / ".pristine"
    if pristine.is_dir():
        run("cp", "-a", f"{pristine}/.", tree)
        for folder, place in (("fs-erofs", "fs/erofs"), ("mm", "mm")):
            for file in (SOURCES / folder).iterdir():
                (tree / place / file.name).unlink(missing_ok=True)
        shutil.rmtree(pristine)


@functools.lru_cache(maxsize=None)
def source(release):
    """The folder with the source of a release, with all that `erofs kernel install` brings into one."""
    made = generated()
    with lock(f"source-{release}"):
        tree = fetch(release)
        forget_patches(tree)
        run(INSTALLER, "install", "--c", made, tree)
    return tree


def swift_objects(cpu, only_cached=False):
    """The folder with the objects of Core for a processor; None where they are not current and must be."""
    folder = CACHE / f"swift-{cpu}"
    with lock(f"swift-{cpu}"):
        key, stamp = objects.key(cpu), folder / "key"
        if not (stamp.exists() and stamp.read_text() == key):
            if only_cached:
                return None
            say(f"compiling Core for {cpu}")
            objects.build(cpu, folder, say)
            stamp.write_text(key)
    return folder


def configure(tree, folder, make, arch, fragments, log, older=False):
    """tinyconfig and the fragments; fails where a line of theirs did not come to hold. An older release does without what it has
    not got, algorithms among it, but not without the file system."""
    run(*make, "tinyconfig", log=log, cwd=tree)
    config = folder / ".config"
    run("scripts/kconfig/merge_config.sh", "-O", folder, "-m", config, *fragments, log=log, cwd=tree,
        env={**os.environ, "ARCH": arch})
    run(*make, "olddefconfig", log=log, cwd=tree)
    have = set(config.read_text().splitlines())
    wanted = {}
    for fragment in fragments:
        for line in fragment.read_text().splitlines():
            if found := re.match(r"(?:# )?(CONFIG_\w+)(=.*| is not set)$", line):
                wanted[found[1]] = line
    for name, line in wanted.items():
        off = line.endswith("is not set")
        if (off and any(other.startswith(f"{name}=") for other in have)) or (not off and line not in have):
            if older and not re.fullmatch("CONFIG_(MMU|EROFS_FS(_ZIP(_PAGES)?)?)", name):
                continue
            actual = next((other for other in have if re.match(rf"(# )?{name}[= ]", other)), "nothing")
            raise Failure(f"the configuration wants {line!r} and has {actual!r}")


def object_of(decoder, algorithms):
    """The object of Core's that a kernel is linked with."""
    return "vmap.o" if decoder == "vmap" else "-".join(["pages-lz4", *(name for name in algorithms if name != "lz4")]) + ".o"


def build(cpu, decoder, smp=False, algorithms=tuple(ALGORITHMS), release=NEWEST, extra=(), only_cached=False, in_c=False):
    """The path of a kernel's image; with `only_cached` a Failure where that would have to be built. With `in_c` its decoders are
    C on every processor."""
    linux = LINUX[cpu]
    in_c = (in_c or linux.in_c) and decoder != "stock"
    if only_cached and not (CACHE / f"source-{release}").is_symlink():
        raise Failure(f"the source of Linux {release} is not in the cache")
    tree = source(release)
    fragments = [SOURCES / "config" / f"{name}.config" for name in ["common", *linux.configurations, *(["smp"] if smp else []),
                                                                      *([decoder] if decoder != "stock" else []), *extra,
                                                                      *(["older"] if release != NEWEST else [])]]
    picked = sorted(algorithms, key=list(ALGORITHMS).index)
    lines = [f"CONFIG_EROFS_FS_ZIP_{ALGORITHMS[name]}=y" for name in picked if ALGORITHMS[name]]
    lines += [f"# CONFIG_EROFS_FS_ZIP_{option} is not set" for name, option in ALGORITHMS.items()
              if option and name not in picked]
    own = ["c"] if in_c and not linux.in_c else []
    name = "-".join([cpu, *(["smp"] if smp else []), decoder, *own, *extra, *([] if len(picked) == len(ALGORITHMS) else picked)])
    folder = CACHE / "objects" / tree.name.removeprefix("source-") / name
    swift = core = None
    if decoder != "stock" and not in_c:
        swift = swift_objects(cpu, only_cached)
        if not swift:
            raise Failure(f"Core's objects for {cpu} are not in the cache")
        core = (swift / object_of(decoder, picked)).read_bytes()
    elif decoder != "stock":
        core = (generated() / ("nommu_vmap_core.c" if decoder == "vmap" else "erofs_pages.c")).read_bytes()
    # A kernel is made anew where the object or the C that it is linked with changed, not where its source did.
    key = digest(tree.name, SOURCES / "series", SOURCES / "fs-erofs", SOURCES / "mm", *fragments, *lines, core or "")
    with lock(f"{tree.name}-{name}"):
        stamp = folder / "swift-erofs.key"
        if not (stamp.exists() and stamp.read_text() == key and (folder / linux.image).exists()):
            if only_cached:
                raise Failure(f"{name} of {tree.name} is not in the cache")
            say(f"building {name} of {tree.name}")
            compile_kernel(folder, cpu, smp, tree, swift, fragments, lines, release != NEWEST)
            stamp.write_text(key)
    return folder / linux.image


def compile_kernel(folder, cpu, smp, tree, swift, fragments, lines, older):
    """Configures and makes a kernel in its folder; `lines` choose its algorithms."""
    name, linux = folder.name, LINUX[cpu]
    log = CACHE / f"{name}.log"
    log.unlink(missing_ok=True)
    if not (folder / "vmlinux").exists():
        # Whatever another variant of the same CPU has compiled is compiled; the newest is the likeliest to be up to date.
        folder.parent.mkdir(parents=True, exist_ok=True)
        kin = [other for other in folder.parent.iterdir() if (other / "swift-erofs.key").exists()
               and other.name.startswith(f"{cpu}-") and ("-smp-" in other.name) == smp]
        if kin:
            shutil.rmtree(folder, ignore_errors=True)
            run("cp", "-a", max(kin, key=lambda other: (other / "swift-erofs.key").stat().st_mtime), folder)
            (folder / "swift-erofs.key").unlink()
    folder.mkdir(parents=True, exist_ok=True)
    own = folder / "algorithms.config"
    own.write_text("\n".join(lines) + "\n")
    idle = ["chrt", "-i", "0", "nice", "-n", "19"] if os.environ.get("EROFS_IDLE") else []
    make = [*idle, "make", "-s", f"-j{os.cpu_count()}", f"O={folder}", f"ARCH={linux.architecture}",
            f"CROSS_COMPILE={linux.compiler}", *([f"KERNEL_SWIFT_OBJECTS={swift}"] if swift else [])]
    configure(tree, folder, make, linux.architecture, [*fragments, own], log, older)
    run(*make, *linux.targets, log=log, cwd=tree, label=f"make kernel {name}")
    # A relocatable kernel links with symbols undefined; this is all that it says then.
    if "CHKREL" in log.read_text():
        raise Failure(f"the kernel has symbols that nothing defines: see {log}")


def vmlinux(image):
    """The linked kernel that an image is made of."""
    return next(folder / "vmlinux" for folder in image.parents if (folder / "vmlinux").exists())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cpu", choices=LINUX)
    parser.add_argument("decoder", choices=["stock", "vmap", "pages"])
    parser.add_argument("--smp", action="store_true")
    parser.add_argument("--algorithms", default=",".join(ALGORITHMS))
    parser.add_argument("--release", default=NEWEST)
    parser.add_argument("--extra", action="append", default=[], help="another fragment of config")
    parser.add_argument("--cached", action="store_true")
    arguments = parser.parse_args()
    algorithms = arguments.algorithms.split(",")
    if unknown := set(algorithms) - set(ALGORITHMS):
        parser.error(f"no algorithm {', '.join(sorted(unknown))}; there are {', '.join(ALGORITHMS)}")
    print(build(arguments.cpu, arguments.decoder, arguments.smp, algorithms, arguments.release, arguments.extra, arguments.cached))
