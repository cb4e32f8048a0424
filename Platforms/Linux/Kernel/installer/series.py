# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Reads the files in series/: each is one change to a kernel, with the words that are sent with it.

    subject TEXT            its first line; what follows, up to the first line with @, explains it
    @from VERSION           older kernels do without this change
    @needs FILE: TEXT | WHAT
                            a kernel whose FILE has not got TEXT does without this change; it lacks WHAT
    @add PATH               a new file of that name, in the kernel
    @facts PATH             a new header; each line behind it is NAME in FILE: TEXT | OTHER: NAME is 1 if FILE has TEXT, and 0
                            if it has not. Where there is an OTHER, exactly one of both must be there
    @in FILE [where TEXT] [at the end]
                            an edit: lines with - are there, those with + come, and those with a blank stay. What is there
                            must be there exactly once, wherever that is. Where FILE has not got TEXT there is nothing to do
    @or [in FILE]           another way in which the same may stand there: one of them must fit
    @already                the line behind it shows that a kernel has the change
"""

import re

from .problem import Refusal


class Fact:
    """A word for the preprocessor, and how the kernel shows what it is."""

    def __init__(self, name, file, text, other):
        self.name, self.file, self.text, self.other = name, file, text, other

    def value(self, content):
        """1 or 0; None where the file shows neither."""
        found = self.text in content
        if self.other is not None and found == (self.other in content):
            return None
        return int(found)


class Way:
    """One way in which an edit's lines may stand in a file."""

    def __init__(self, file, at_end=False, shows=False):
        self.file, self.at_end, self.shows, self.lines = file, at_end, shows, []

    @property
    def old(self):
        return "".join(line[1:] + "\n" for line in self.lines if line[0] != "+")

    @property
    def new(self):
        return "".join(line[1:] + "\n" for line in self.lines if line[0] != "-")


class Edit:
    """One place in a file, and all ways in which it may look."""

    def __init__(self, name, where):
        self.name, self.where, self.ways = name, where, []

    @property
    def file(self):
        return self.ways[0].file

    def __str__(self):
        lines = [line for line in self.ways[-1].lines if line[0] != "+"] or self.ways[-1].lines
        return f'{self.file}: "{lines[0][1:].strip()}"'


class Change:
    """A file of series/."""

    def __init__(self, path):
        self.path, self.name = path, path.stem
        self.subject, self.explanation, self.since = "", "", (0, 0)
        # File, text, and what a kernel lacks where that is not there.
        self.needs = []
        self.added, self.facts, self.fact_file, self.edits = [], [], None, []
        kind = None
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            try:
                kind = self.take(kind, line)
            except (ValueError, IndexError, AttributeError):
                raise Refusal(f"{path}:{number}: not a line of a change: {line}") from None
        self.explanation = self.explanation.strip() + "\n"

    def take(self, kind, line):
        """Reads a line; `kind` and the result say what the lines around it belong to."""
        if kind is None:
            if line.startswith("#"):
                return None
            if not line.startswith("subject "):
                raise ValueError
            self.subject = line[len("subject "):]
            return "explanation"
        if line.startswith("@"):
            return self.direct(*line[1:].partition(" ")[::2])
        if kind == "explanation":
            self.explanation += line + "\n"
        elif kind == "already":
            self.edits[-1].ways[-1].lines.append(" " + line)
            return "done"
        elif line and kind == "facts":
            name, file, text, _, other = re.fullmatch(r"(\w+) in ([^:]+): (.+?)( \| (.+))?", line).groups()
            self.facts.append(Fact(name, file, text, other))
        elif line:
            if kind != "lines" or line[0] not in " -+":
                raise ValueError
            self.edits[-1].ways[-1].lines.append(line)
        return kind

    def direct(self, word, rest):
        if word == "from":
            self.since = version(rest)
        elif word == "needs":
            self.needs.append(re.fullmatch(r"([^:]+): (.+?) \| (.+)", rest).groups())
        elif word == "add" and rest:
            self.added.append(rest)
        elif word == "facts" and rest:
            self.fact_file = rest
            return "facts"
        elif word == "in":
            file, where, at_end = re.fullmatch(r"(\S+)(?: where (.+?))?( at the end)?", rest).groups()
            self.edits.append(Edit(self.name, where))
            self.edits[-1].ways.append(Way(file, bool(at_end)))
            return "lines"
        elif word == "or":
            self.another(re.fullmatch(r"(?:in (\S+))?", rest)[1])
            return "lines"
        elif word == "already" and not rest:
            self.another(None, shows=True)
            return "already"
        else:
            raise ValueError
        return word

    def another(self, file, shows=False):
        edit = self.edits[-1]
        file = file or edit.file
        # @in may be followed by @already at once.
        if not edit.ways[-1].lines:
            edit.ways.pop()
        edit.ways.append(Way(file, shows=shows))

    @property
    def files(self):
        """The kernel's files that it may look at."""
        return ({way.file for edit in self.edits for way in edit.ways} | {fact.file for fact in self.facts}
                | {file for file, _, _ in self.needs})


def version(text):
    """(6, 12) of "6.12"."""
    found = re.fullmatch(r"(\d+)\.(\d+)", text)
    if not found:
        raise ValueError(text)
    return int(found[1]), int(found[2])


def read(folder):
    """All changes, in the order in which they are made."""
    paths = sorted(folder.glob("*.edits"))
    if not paths:
        raise Refusal(f"{folder} has no changes: this program is not as it was released")
    return [Change(path) for path in paths]
