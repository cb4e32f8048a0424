# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What `erofs kernel` promises: a source is changed as it says, refused as a whole where an edit does not fit, and comes back
bit by bit; the patches that it writes do the same. A tree here has the files that are touched, and no others."""

import json
import os
import pathlib
import re
import shutil
import subprocess

from ..command import run
from . import build as kernels

RECORD = ".swift-erofs.json"
AUTHOR = {"GIT_AUTHOR_NAME": "A", "GIT_AUTHOR_EMAIL": "a@example", "GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@example"}


def version(source):
    """The version that a source's Makefile names: "6.6.93"."""
    makefile = (source / "Makefile").read_text()
    return ".".join(re.search(rf"^{name} = (\d+)$", makefile, re.MULTILINE)[1] for name in ("VERSION", "PATCHLEVEL", "SUBLEVEL"))


class Trees:
    """Trees of one release in a folder, and the program with the C that it installs."""

    def __init__(self, program, made, source, folder, environment=None):
        self.program, self.made, self.folder, self.environment = program, made, folder, environment
        # The cache's source is installed already: what is there of it comes back here, for all else to begin with.
        record = json.loads((source / RECORD).read_text()) if (source / RECORD).exists() else {"edits": {}, "added": {}}
        names = {"Makefile", "fs/erofs/compress.h", "fs/erofs/zmap.c", "fs/iomap/ioend.c", "fs/iomap/buffered-io.c",
                 "arch/riscv/Kconfig", "fs/erofs/zdata.c", "fs/erofs/decompressor.c", "fs/erofs/data.c", "fs/erofs/internal.h",
                 "fs/erofs/Kconfig", "fs/erofs/Makefile", "mm/Kconfig", "mm/Makefile", "mm/nommu.c",
                 *record["edits"], *record["added"], RECORD}
        self.base = folder / "base"
        for name in names:
            if (source / name).exists():
                (self.base / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source / name, self.base / name)
        if (self.base / RECORD).exists():
            self.call("uninstall", self.base)

    def call(self, *words, fails=False):
        """What the program prints; with `fails` what it refuses with."""
        done = subprocess.run([str(word) for word in [self.program, *words]], text=True, capture_output=True,
                              env=self.environment)
        if done.returncode != int(fails):
            raise kernels.Failure(f"{' '.join(map(str, words))}: status {done.returncode}: {done.stdout[-300:]}{done.stderr}")
        return done.stderr if fails else done.stdout

    def install(self, tree, *words, **options):
        return self.call("install", *(["--c", self.made] if self.made else []), *words, tree, **options)

    def copy(self, name):
        target = self.folder / name
        shutil.copytree(self.base, target, symlinks=True)
        return target


def content(tree):
    """{path: (bytes, mode)} of a tree, without what git keeps."""
    return {str(path.relative_to(tree)): (path.read_bytes(), path.stat().st_mode) for path in tree.rglob("*")
            if path.is_file() and ".git" not in path.relative_to(tree).parts}


def there_and_back(results, trees, release):
    before = content(trees.base)
    tree = trees.copy("installed")
    said = trees.install(tree, "--check")
    results.check(f"install {release}: --check says and does nothing",
                  "edits fs/erofs/decompressor.c" in said and content(tree) == before, said)
    trees.install(tree)
    after = content(tree)
    results.check(f"install {release}: both options, and no file but what is said", b"EROFS_FS_ZIP_PAGES" in
                  after["fs/erofs/Kconfig.pages"][0] and b"Kconfig.nommu_vmap" in after["mm/Kconfig"][0]
                  and all(f" {name}\n" in said for name in after if after[name] != before.get(name) and name != RECORD),
                  "not so")
    results.check(f"install {release}: again changes nothing", "there already" in trees.install(tree) and content(tree) == after,
                  "it did")
    # As a program leaves it that is stopped half-way, whichever files it came to.
    for odd in (0, 1):
        half = trees.copy(f"half-{odd}")
        for number, name in enumerate(sorted(after)):
            if name == RECORD or number % 2 == odd:
                (half / name).write_bytes(after[name][0])
        again = trees.folder / f"again-{odd}"
        shutil.copytree(half, again)
        trees.install(again)
        trees.call("uninstall", half)
        results.check(f"install {release}: stopped half-way, it goes on, or back",
                      content(again) == after and content(half) == before, "it does not")
    # Somebody's own change to a file that is edited too, elsewhere in it.
    own = tree / "fs/erofs/zdata.c"
    own.write_bytes(own.read_bytes() + b"/* mine */\n")
    trees.call("uninstall", tree)
    results.check(f"uninstall {release}: what others changed stays",
                  own.read_bytes() == before["fs/erofs/zdata.c"][0] + b"/* mine */\n", "it does not")
    own.write_bytes(before["fs/erofs/zdata.c"][0])
    results.check(f"uninstall {release}: the tree is as it was, bit by bit", content(tree) == before, "it is not")
    return after


def refusals(results, trees, release, after):
    before = content(trees.base)
    cases = {
        "an edit that does not fit": ("fs/erofs/decompressor.c", b".decompress = z_erofs_lz4_decompress,", b".decompress = other,",
                                      'z_erofs_lz4_decompress,"'),
        "a place that is there twice": ("mm/Kconfig", b'source "mm/damon/Kconfig"\n', b'source "mm/damon/Kconfig"\n' * 2,
                                        "fits in 2 places"),
        "an older kernel": ("Makefile", b"VERSION = ", b"VERSION = 3\n# VERSION = ", "this is for 6.1 to 7.2"),
        "what is no kernel": ("Makefile", b"PATCHLEVEL", b"LEVEL", "not a kernel's source"),
        "what shows neither of two": ("fs/erofs/compress.h", b"(*decompress)", b"(*decode)", "must have"),
    }
    for what, (name, old, new, reason) in cases.items():
        tree = trees.copy(what.replace(" ", "-"))
        path = tree / name
        path.write_bytes(path.read_bytes().replace(old, new))
        changed = content(tree)
        said = trees.install(tree, fails=True)
        results.check(f"install {release} refuses {what}, and changes nothing", reason in said and content(tree) == changed, said)
    tree = trees.copy("others")
    (tree / "fs/erofs/pages.h").write_text("mine\n")
    results.check(f"install {release} refuses a file of that name", "is there already" in trees.install(tree, fails=True), "no")
    tree, other = trees.copy("linked"), trees.copy("other")
    shutil.rmtree(tree / "fs/erofs")
    (tree / "fs/erofs").symlink_to(other / "fs/erofs")
    before = content(other)
    said = trees.install(tree, fails=True)
    results.check(f"install {release} refuses a folder of another tree", "leads out of" in said and content(other) == before, said)
    tree = trees.copy("changed")
    trees.install(tree)
    (tree / "fs/erofs/pages.h").write_text("mine\n")
    before = content(tree)
    said = trees.call("uninstall", tree, fails=True)
    results.check(f"uninstall {release} refuses a file that has changed", "pages.h has changed" in said
                  and content(tree) == before, said)


def lacking(results, trees, release):
    """A change that builds on a fix of Linux's own is left out where that is not there, and the others are made."""
    path, words = "fs/erofs/zdata.c", b"failed to read inline data"
    if words not in (trees.base / path).read_bytes():
        return
    tree = trees.copy("lacking")
    (tree / path).write_bytes((tree / path).read_bytes().replace(words, b"failed to get inline data"))
    before = (tree / path).read_bytes()
    said = trees.install(tree)
    results.check(f"install {release}: without a fix that a change needs, that change is left out",
                  "gives-up: left out, since this kernel lacks" in said and (tree / path).read_bytes() == before
                  and b"Kconfig.pages" in (tree / "fs/erofs/Kconfig").read_bytes(), said)


def mail(results, trees, release, after):
    """What `git am` makes of the patches is what install makes."""
    tree, letters = trees.copy("mailed"), trees.folder / "letters"
    trees.call("patches", *(["--c", trees.made] if trees.made else []), "--author", "Zoë Ä <a@example>", tree, letters)
    names = sorted(path.name for path in letters.iterdir())
    git = ["git", "-C", tree, "-c", "core.autocrlf=false", "-c", "commit.gpgsign=false"]
    environment = {**os.environ, **AUTHOR}
    run("git", "init", "-q", tree)
    run(*git, "add", "-A", "-f", env=environment)
    run(*git, "commit", "-q", "-m", "base", env=environment)
    run(*git, "am", "-q", *(letters / name for name in names if not name.startswith("0000")), env=environment)
    wanted = {name: bytes for name, (bytes, _) in after.items() if name != RECORD}
    got = {name: bytes for name, (bytes, _) in content(tree).items()}
    results.check(f"patches {release}: git am of {len(names) - 1} makes what install makes", got == wanted,
                  f"not {sorted(name for name in {**got, **wanted} if got.get(name) != wanted.get(name))[:4]}")
    count = run(*git, "log", "--format=%an", env=environment).splitlines().count("Zoë Ä")
    results.check(f"patches {release}: each is a commit of its author", count == len(names) - 1, f"{count}")
    said = trees.install(tree, fails=True)
    results.check(f"patches {release}: install refuses a tree that has them", "is there already" in said, said)


def without_swift(results, program, source, folder, environment):
    """The same program as it is released, which has all that it needs beside it."""
    release = version(source)
    there_and_back(results, Trees(program, None, source, pathlib.Path(folder), environment), f"{release}, as released,")


def check(results, program, made, source, folder):
    """Everything that is promised, of one source."""
    release = version(source)
    trees = Trees(program, made, source, pathlib.Path(folder))
    after = there_and_back(results, trees, release)
    refusals(results, trees, release, after)
    lacking(results, trees, release)
    mail(results, trees, release, after)
