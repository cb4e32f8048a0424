# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The trees for Buildroot and Yocto, as a release folder has them. With a stand-in for Buildroot: its options are read by the
kernel's own Kconfig program, and what it hooks into the build of a kernel is run by make on a source. With --buildroot FOLDER, by
Buildroot itself."""

import hashlib
import os
import pathlib
import re
import subprocess

from ..c import release as releases
from ..command import run
from ..project import ROOT, Failure
from . import build as kernels
from . import installing

# What Buildroot has of options that the tree's depend on or select, and no more.
OPTIONS = """\
mainmenu "a stand-in for Buildroot"
config BR2_LINUX_KERNEL
        bool "a kernel"
config BR2_USE_MMU
        bool "an MMU"
source "{tree}/Config.in"
"""
# What Buildroot has of make that the tree's files use. An option is switched on in a file here, as Buildroot does it.
MAKE = """\
BR2_EXTERNAL_SWIFT_EROFS_PATH = {tree}
BR2_PACKAGE_SWIFT_EROFS_KERNEL = y
BR2_PACKAGE_SWIFT_EROFS_KERNEL_LZMA = y
BR2_PACKAGE_SWIFT_EROFS_KERNEL_WITHOUT = "{without}"
qstrip = $(strip $(subst ",,$(1)))
define sep


endef
KCONFIG_ENABLE_OPT = echo $(1)=y >>$(@D)/fixed.config
include {tree}/external.mk
$(TREE)/.patched:
        $(foreach hook,$(LINUX_POST_PATCH_HOOKS),$(call $(hook))$(sep))
        $(SWIFT_EROFS_KERNEL_LINUX_CONFIG_FIXUPS)
""".replace(" " * 8, "\t")


def kconfig(results, folder, tree):
    """All options of the tree, as the kernel's Kconfig reads them; a wrong line is a warning or an error of its."""
    conf = kconfig_program(folder)
    top, copy, names = folder / "Config.in", folder / "copy", set()
    top.write_text(OPTIONS.format(tree=copy))
    environment = {**os.environ, "KCONFIG_CONFIG": str(folder / ".config")}
    for path in tree.rglob("Config.in*"):
        # Buildroot's own Kconfig has an older way to name a folder.
        text = path.read_text().replace("$BR2_EXTERNAL_SWIFT_EROFS_PATH", str(copy))
        names |= set(re.findall(r"^config (\w+)", text, re.MULTILINE))
        target = copy / path.relative_to(tree)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)
    wanted = folder / "defconfig"
    mine = ["BR2_LINUX_KERNEL", *sorted(name for name in names if not re.search("WITHOUT|CHECKOUT|OPTIONS", name))]
    wanted.write_text("".join(f"CONFIG_{name}=y\n" for name in mine))
    done = subprocess.run([conf, f"--defconfig={wanted}", top], cwd=folder, env=environment, text=True, capture_output=True)
    have = (folder / ".config").read_text() if (folder / ".config").exists() else ""
    lost = [name for name in names if f"CONFIG_{name}=" not in have]
    said = done.stdout + done.stderr
    results.check(f"Buildroot: Kconfig takes {len(names)} options", done.returncode == 0 and len(names) > 8 and not lost
                  and "warning" not in said, f"lost: {lost}; {said}")
    wanted.write_text("".join(f"CONFIG_{name}=y\n" for name in [*mine, "BR2_USE_MMU"]))
    run(conf, f"--defconfig={wanted}", top, cwd=folder, env=environment)
    results.check("Buildroot: with an MMU there is no such kernel", "SWIFT_EROFS_KERNEL=y" not in (folder / ".config").read_text(),
                  "there is")
    # What a configuration sets of ours is an option of ours.
    for path in sorted((tree / "configs").iterdir()):
        set_here = set(re.findall(r"^(BR2_\w*SWIFT_EROFS\w*)=", path.read_text(), re.MULTILINE))
        files = re.findall(r"\$\(BR2_EXTERNAL_SWIFT_EROFS_PATH\)/([\w./-]+)", path.read_text())
        missing = [name for name in files if not (tree / name).exists()]
        results.check(f"Buildroot: {path.name}", set_here and set_here <= names and not missing,
                      f"{sorted(set_here - names)} are no options, {missing} no files")


def kconfig_program(folder):
    """The kernel's `conf`: that of a kernel which was built, or made here."""
    made = sorted(kernels.CACHE.glob("objects/*/*/scripts/kconfig/conf"))
    if made:
        return made[0]
    run("make", "-s", f"O={folder / 'kconfig'}", "ARCH=riscv", "tinyconfig", cwd=kernels.source(kernels.NEWEST))
    return folder / "kconfig/scripts/kconfig/conf"


def hook(results, folder, tree, trees):
    """What a build of Buildroot's does to a kernel's source, and to its configuration."""
    makefile = folder / "Makefile"
    wanted = trees.copy("wanted")
    trees.install(wanted)
    source = trees.copy("hooked")
    makefile.write_text(MAKE.format(tree=tree, without=""))
    run("make", "-s", "-f", makefile, f"TREE={source}", cwd=folder)
    fixed = (source / "fixed.config").read_text().split()
    (source / "fixed.config").unlink()
    results.check("Buildroot: its hook does to a source what install does",
                  installing.content(source) == installing.content(wanted), "it does not")
    results.check("Buildroot: and its configuration has the decoders",
                  {"CONFIG_EROFS_FS_ZIP_PAGES=y", "CONFIG_EROFS_FS_ZIP_LZMA=y"} <= set(fixed)
                  and "CONFIG_EROFS_FS_ZIP_ZSTD=y" not in fixed, fixed)
    source = trees.copy("without")
    makefile.write_text(MAKE.format(tree=tree, without="0003-nommu-vmap 0005-iomap-small-pools"))
    run("make", "-s", "-f", makefile, f"TREE={source}", cwd=folder)
    results.check("Buildroot: changes are left out", (source / "fs/erofs/pages.h").exists()
                  and not (source / "mm/nommu_vmap.c").exists(), "they are not")
    source = trees.copy("odd")
    file = source / "fs/erofs/decompressor.c"
    file.write_bytes(file.read_bytes().replace(b"z_erofs_lz4_decompress,", b"other,"))
    done = subprocess.run(["make", "-s", "-f", makefile, f"TREE={source}"], cwd=folder, text=True, capture_output=True)
    results.check("Buildroot: a source that does not fit ends the build", done.returncode and "does not fit" in done.stderr,
                  done.stderr)


def yocto(results, folder, layer, trees):
    """The class's task as a shell runs it, and what the files say of others."""
    text = (layer / "classes/swift-erofs-kernel.bbclass").read_text()
    body = re.search(r"^do_swift_erofs\(\) \{\n(.*?)^\}$", text, re.MULTILINE | re.DOTALL)[1]
    results.check("Yocto: the task is there between patches and configuration",
                  re.search(r"^addtask swift_erofs after do_patch before .*do_configure$", text, re.MULTILINE), text)
    wanted, source = trees.copy("wanted-yocto"), trees.copy("task")
    trees.install(wanted)
    values = {"S": str(source), "SWIFT_EROFS_RELEASE": str(layer.parents[1]), "SWIFT_EROFS_WITHOUT": ""}
    # BitBake puts its own variables into a task's text, and leaves others to the shell.
    script = re.sub(r"\$\{(\w+)\}", lambda found: values[found[1]], body)
    run("sh", "-eu", "-c", script, cwd=folder)
    results.check("Yocto: its task does to a source what install does", installing.content(source) == installing.content(wanted),
                  "it does not")
    said = (layer / "conf/layer.conf").read_text()
    digest = hashlib.md5((ROOT / "LICENSE").read_bytes()).hexdigest()
    results.check("Yocto: the licence is the one that recipes name", f'"{digest}"' in said, digest)
    fragment = (layer / "recipes-kernel/linux/files/swift-erofs.cfg").read_text()
    results.check("Yocto: the class's fragment is there", "CONFIG_EROFS_FS_ZIP_PAGES=y" in fragment, fragment)


def check(results, folder, made, source, buildroot=None):
    """All of that on a source of Linux; `buildroot` is a folder with Buildroot's own."""
    folder = pathlib.Path(folder)
    own = folder / "release"
    releases.for_kernels(own, made)
    for name in ("kconfig", "trees", "make"):
        (folder / name).mkdir()
    trees = installing.Trees(own / "kernel/erofs-kernel", None, source, folder / "trees")
    kconfig(results, folder / "kconfig", own / "buildroot")
    hook(results, folder / "make", own / "buildroot", trees)
    yocto(results, folder / "make", own / "yocto/meta-swift-erofs", trees)
    if buildroot:
        real(results, folder, own / "buildroot", pathlib.Path(buildroot).resolve())


def real(results, folder, tree, buildroot):
    """Each configuration by Buildroot's own make: every line of it holds."""
    for path in sorted((tree / "configs").iterdir()):
        output = folder / path.name
        make = ["make", "-C", buildroot, f"O={output}", f"BR2_EXTERNAL={tree}"]
        try:
            run(*make, path.name)
            have = set((output / ".config").read_text().splitlines())
            lost = [line for line in path.read_text().splitlines() if line and line not in have
                    and not line.startswith("# SPDX") and line.replace("$(BR2_EXTERNAL_SWIFT_EROFS_PATH)", str(tree)) not in have
                    and not (line.startswith("#") and not line.endswith("is not set"))]
            said = run(*make, "-s", "--no-print-directory", "printvars", "VARS=LINUX_POST_PATCH_HOOKS PACKAGES")
        except Failure as problem:
            results.check(f"Buildroot itself: {path.name}", False, str(problem))
            continue
        results.check(f"Buildroot itself: {path.name}, and the kernel's hook is there",
                      not lost and "SWIFT_EROFS_KERNEL_CHANGE_LINUX" in said and "swift-erofs-kernel" in said, f"{lost}; {said}")
