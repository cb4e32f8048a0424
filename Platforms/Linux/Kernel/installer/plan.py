# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What is to be done to a tree: each change's files, old and new, worked out in memory before anything is written."""

from .problem import Refusal
from .tree import digest, undo

# The changes are tried on SEEN; the edits were tried on the files of most of what lies between, and have to fit everywhere.
LEAST, MOST = (6, 1), (7, 2)
SEEN = [(6, 1), (6, 6), (6, 12), (6, 18), (7, 2)]
# Where the files that @add names are, by folder of the kernel's.
FOLDERS = {"fs/erofs": "fs-erofs", "mm": "mm"}


class Step:
    """What one change does: the explanation, and {path: (old bytes or None, new bytes)}."""

    def __init__(self, change):
        self.change, self.files = change, {}


class Plan:
    """All changes to a tree. `home` has the folders of FOLDERS; `made` the C that is made from Swift, where it is not there."""

    def __init__(self, tree, changes, home, made=None, left_out=(), untried=False):
        self.tree, self.home, self.made = tree, home, made
        self.now, self.before, self.steps = {}, {}, []
        self.record = {"edits": {}, "added": {}}
        known = {change.name for change in changes}
        if unknown := set(left_out) - known:
            raise Refusal(f"no change {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
        if not LEAST <= tree.version <= MOST and not untried:
            raise Refusal(f"{tree.path} is Linux {tree.release}, and this is for {text(LEAST)} to {text(MOST)}: "
                          "--untried makes the changes if all of them fit")
        self.problems, self.skipped = [], []
        for change in changes:
            if change.name in left_out:
                continue
            if tree.version < change.since:
                self.skipped.append(f"{change.name}: not for kernels before {text(change.since)}")
                continue
            lacks = [what for file, words, what in change.needs if words.encode() not in (self.read(file) or b"")]
            if lacks:
                self.skipped.append(f"{change.name}: left out, since this kernel lacks {' and '.join(lacks)}")
                continue
            self.make(change)
        if self.problems:
            raise Refusal("\n".join([f"Linux {tree.release} in {tree.path} is not as it must be; nothing was changed",
                                     *self.problems]))
        self.prove()

    def read(self, name):
        """A file as the changes before have left it."""
        if name not in self.now:
            self.before[name] = self.now[name] = self.tree.pristine(name)
        return self.now[name]

    def write(self, step, name, content):
        old = step.files[name][0] if name in step.files else self.read(name)
        step.files[name] = old, content
        self.now[name] = content

    def make(self, change):
        step = Step(change)
        for fact_file in [change.fact_file] if change.fact_file else []:
            self.add(step, fact_file, self.facts(change))
        for name in change.added:
            self.add(step, name, self.source(name))
        for edit in change.edits:
            self.edit(step, edit)
        if step.files:
            self.steps.append(step)
        else:
            self.skipped.append(f"{change.name}: not needed here")

    def problem(self, change, words):
        self.problems.append(f"  {change.name}: {words}")

    def source(self, name):
        """The content of a new file."""
        folder, _, file = name.rpartition("/")
        for path in [self.home / FOLDERS[folder] / file, *([self.made / file] if self.made else [])]:
            if path.is_file():
                return path.read_bytes()
        raise Refusal(f"{file} is missing: this program is not as it was released, or --c has to name where it is")

    def facts(self, change):
        guard = change.fact_file.rpartition("/")[2].upper().replace(".", "_")
        lines = ["/* SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0 */",
                 "/* What this kernel has, as its files show it: written by the program that installed this. */",
                 f"#ifndef EROFS_{guard}", f"#define EROFS_{guard}", ""]
        for fact in change.facts:
            value = fact.value((self.read(fact.file) or b"").decode("utf-8", "surrogateescape"))
            if value is None:
                other = f" or {fact.other!r}, and not both" if fact.other else ""
                self.problem(change, f"{fact.file} must have {fact.text!r}{other}")
            lines.append(f"#define {fact.name} {value}")
        return "\n".join([*lines, "", "#endif", ""]).encode()

    def add(self, step, name, content):
        if self.read(name) is not None:
            self.problem(step.change, f"{name} is there already, and this program did not install it: undo the patches that "
                                      "did, or move it away")
        self.write(step, name, content)
        self.record["added"][name] = [digest(content)]

    def edit(self, step, edit):
        # As it was: an edit before this one may have changed that very line.
        self.read(edit.file)
        if edit.where and edit.where.encode() not in (self.before[edit.file] or b""):
            return
        fits = [(way, at) for way in edit.ways for at in places(self.read(way.file), way)]
        if len(fits) != 1:
            how = f"fits in {len(fits)} places, and must in one" if fits else "does not fit: nothing like it is there"
            self.problem(step.change, f"the edit of {edit} {how}")
            return
        way, at = fits[0]
        if way.shows:
            return
        content, old, new = self.now[way.file], way.old.encode(), way.new.encode()
        if way.at_end and content and not content.endswith(b"\n"):
            new = b"\n" + new
        self.write(step, way.file, content[:at] + new + content[at + len(old):])
        pairs = self.record["edits"].setdefault(way.file, [[]])[0]
        pairs.append([old.decode(), new.decode()])

    def prove(self):
        """Each edited file can be brought back, bit by bit."""
        for name, ways in self.record["edits"].items():
            if undo(self.now[name], ways[0]) != self.before[name]:
                raise Refusal(f"the edits of {name} could not be undone; nothing was changed")

    def wanted(self):
        """{path: content} of all files that are touched, also of those that an installation before this one touched only."""
        wanted = {name: content for name, content in self.now.items() if content != self.before[name]}
        for kind in ("edits", "added"):
            for name in self.tree.record[kind]:
                wanted.setdefault(name, self.tree.pristine(name))
        return wanted


def places(content, way):
    """Where a way's old lines begin in a file."""
    if content is None:
        return []
    if way.at_end:
        return [len(content)]
    old, found, at = way.old.encode(), [], -1
    while (at := content.find(old, at + 1)) >= 0:
        if at == 0 or content[at - 1:at] == b"\n":
            found.append(at)
    return found


def text(version):
    return ".".join(map(str, version))
