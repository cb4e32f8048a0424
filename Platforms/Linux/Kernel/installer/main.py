# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""erofs-kernel brings compressed EROFS into the source of a Linux kernel for machines without an MMU.

    erofs-kernel install TREE             makes the changes
    erofs-kernel install --check TREE     says what it would do, and whether it can
    erofs-kernel uninstall TREE           leaves the tree as it was
    erofs-kernel patches TREE FOLDER      writes the same changes as patches that `git am` takes, with a cover letter

TREE is the source of Linux 6.1 to 7.2. It is changed by what stands there: where an edit does not fit, nothing is changed, and
the program says which. Then `make menuconfig` has EROFS_FS_ZIP_PAGES (below File systems, EROFS) and NOMMU_VMAP (below Memory
Management options) for each machine without an MMU. Nothing but the kernel's own compiler is needed to build it.
"""

import argparse
import os
import pathlib
import subprocess
import sys
import tempfile
import time

from . import mail, series
from .plan import SEEN, Plan, text
from .problem import Refusal
from .tree import RECORD, Tree

HOME = pathlib.Path(__file__).resolve().parents[1]
# As sysexits.h has it.
USAGE, REFUSED = 64, 1


class Parser(argparse.ArgumentParser):
    def error(self, message):
        self.exit(USAGE, f"erofs-kernel: {message}\n")


def arguments_of(words):
    parser = Parser(prog="erofs-kernel", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=Parser)
    install = commands.add_parser("install", help="makes the changes")
    uninstall = commands.add_parser("uninstall", help="leaves the tree as it was")
    patches = commands.add_parser("patches", help="writes the changes as patches")
    for command in (install, uninstall, patches):
        command.add_argument("tree", metavar="TREE", type=pathlib.Path, help="the kernel's source")
    for command in (install, patches):
        command.add_argument("--without", metavar="CHANGE", action="append", default=[],
                             help="leaves a change out; --check names them")
        command.add_argument("--untried", action="store_true", help="takes other versions too, if every edit fits")
        command.add_argument("--c", metavar="FOLDER", type=pathlib.Path,
                             help="where erofs_pages.c and nommu_vmap_core.c are; beside this program, if it was released")
    for command in (install, uninstall):
        command.add_argument("--check", action="store_true", help="says what would be done, and does nothing")
    patches.add_argument("folder", metavar="FOLDER", type=pathlib.Path, help="where patches are written; it is made")
    patches.add_argument("--author", metavar="'NAME <ADDRESS>'", help="who sends them; else git is asked. git am -s signs them off")
    return parser.parse_args(words)


def plan_of(arguments):
    tree = Tree(arguments.tree)
    plan = Plan(tree, series.read(HOME / "series"), HOME, arguments.c, arguments.without, arguments.untried)
    if tree.version not in SEEN:
        print(f"Linux {tree.release} is not among those that this was tried on ({', '.join(map(text, SEEN))}); all edits fit")
    return plan


def install(arguments):
    plan = plan_of(arguments)
    tree, wanted = plan.tree, plan.wanted()
    different = {name for name, content in wanted.items() if tree.content(name) != content}
    print(f"Linux {tree.release} in {tree.path}")
    for step in plan.steps:
        print(f"  {step.change.name}: {step.change.subject}")
        for name, (old, _) in sorted(step.files.items()):
            print(f"    {'adds' if old is None else 'edits'} {name}")
    for line in plan.skipped:
        print(f"  {line}")
    if not different and tree.record == plan.record:
        print("all of this is there already")
    elif arguments.check:
        print(f"{len(different)} files would be written")
    else:
        tree.update(wanted, plan.record)
        print(f"{len(different)} files written; erofs-kernel uninstall undoes it")
    return 0


def uninstall(arguments):
    tree = Tree(arguments.tree)
    names = sorted({*tree.record["edits"], *tree.record["added"]})
    if not names:
        raise Refusal(f"nothing was installed in {tree.path}: there is no {RECORD}")
    wanted, problems = {}, []
    for name in names:
        try:
            wanted[name] = tree.pristine(name)
        except Refusal as problem:
            problems.append(f"  {problem}")
    if problems:
        raise Refusal("\n".join(["nothing was changed", *problems]))
    for name in names:
        print(f"  {'removes' if wanted[name] is None else 'restores'} {name}")
    if arguments.check:
        print(f"{len(names)} files would be as they were")
    else:
        tree.update(wanted, {"edits": {}, "added": {}})
        print(f"{len(names)} files are as they were")
    return 0


def git(*words):
    try:
        return subprocess.run(["git", *words], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout.strip()
    except OSError:
        return ""


def patches(arguments):
    author = arguments.author or f"{git('config', 'user.name')} <{git('config', 'user.email')}>"
    try:
        author = mail.author_of(author)
    except Refusal:
        raise Refusal("who sends the patches? --author 'Name <address>' says it, or git's user.name and user.email") from None
    plan = plan_of(arguments)
    if not plan.steps:
        raise Refusal("no change is left to be made into a patch")
    if arguments.folder.exists() and (not arguments.folder.is_dir() or any(arguments.folder.iterdir())):
        raise Refusal(f"{arguments.folder} is there already: name a folder that is not, or an empty one")
    date = int(os.environ.get("SOURCE_DATE_EPOCH") or time.time())
    cover = (HOME / "series/cover-letter.txt").read_text(encoding="utf-8")
    cover = cover.partition("\n\n")[2]
    letters = mail.letters(plan, cover, author, date)
    folder = arguments.folder.absolute()
    folder.parent.mkdir(parents=True, exist_ok=True)
    # The folder appears when it is whole.
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}-", dir=folder.parent) as temporary:
        partial = pathlib.Path(temporary) / folder.name
        partial.mkdir()
        for name, words in letters.items():
            (partial / name).write_bytes(words.encode("utf-8", "surrogateescape"))
        partial.replace(folder)
    print(f"{len(letters) - 1} patches and a cover letter for Linux {plan.tree.release} in {arguments.folder}")
    return 0


def main(words=None):
    arguments = arguments_of(words)
    try:
        return {"install": install, "uninstall": uninstall, "patches": patches}[arguments.command](arguments)
    except Refusal as refusal:
        print(f"erofs-kernel: {refusal}", file=sys.stderr)
    except OSError as problem:
        print(f"erofs-kernel: {problem.filename or arguments.tree}: {problem.strerror}; call this again when that is mended",
              file=sys.stderr)
    return REFUSED
