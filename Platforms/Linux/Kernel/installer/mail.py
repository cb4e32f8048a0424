# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""A plan as a series of patches, as `git am` takes them and as they are sent."""

import difflib
import email.header
import email.utils
import re

from .problem import Refusal

CONTEXT = 3
# git takes any number for the commit that a patch comes from; this is what it writes for none.
NOWHERE = "0" * 40
STAMP = "Mon Sep 17 00:00:00 2001"


def lines(content):
    return content.decode("utf-8", "surrogateescape").splitlines(keepends=True) if content else []


def difference(name, old, new):
    """One file's part of a patch."""
    head = f"diff --git a/{name} b/{name}\n"
    if old is None:
        head += "new file mode 100644\n"
    text = ""
    for line in difflib.unified_diff(lines(old), lines(new), "/dev/null" if old is None else f"a/{name}", f"b/{name}",
                                     n=CONTEXT):
        # A file may end without a line break; a patch says so.
        text += line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"
    return head + text


def counts(text):
    body = [line for line in text.splitlines() if not line.startswith(("+++", "---"))]
    return sum(line.startswith("+") for line in body), sum(line.startswith("-") for line in body)


def statistics(files):
    """What a reader sees first: {name: text of its difference}."""
    width = max(map(len, files))
    rows, total = [], [0, 0]
    for name, text in files.items():
        plus, minus = counts(text)
        total = [total[0] + plus, total[1] + minus]
        rows.append(f" {name:{width}} | {plus + minus:5} {'+' * min(plus, 8)}{'-' * min(minus, 8)}".rstrip())
    many = "s" * (len(files) != 1)
    rows.append(f" {len(files)} file{many} changed, {total[0]} insertions(+), {total[1]} deletions(-)")
    return "\n".join(rows) + "\n"


def header(number, total, subject, author, date):
    name, address = author
    width = len(str(total))
    if not name.isascii():
        name = email.header.Header(name, "utf-8").encode()
    return (f"From {NOWHERE} {STAMP}\nFrom: {email.utils.formataddr((name, address))}\n"
            f"Date: {email.utils.formatdate(date)}\n"
            f"Subject: [PATCH {number:0{width}}/{total}] {subject}\nMIME-Version: 1.0\n"
            "Content-Type: text/plain; charset=UTF-8\nContent-Transfer-Encoding: 8bit\n\n")


def letters(plan, cover, author, date):
    """{file name: text} of the cover letter and all patches."""
    found = {}
    total = len(plan.steps)
    everything, titles = {}, []
    for number, step in enumerate(plan.steps, 1):
        files = {name: difference(name, *pair) for name, pair in sorted(step.files.items())}
        everything.update({name: difference(name, plan.before[name], plan.now[name]) for name in files})
        titles.append(f"  {number}: {step.change.subject}\n")
        slug = re.sub(r"[^A-Za-z0-9]+", "-", step.change.subject).strip("-")[:52].strip("-")
        found[f"{number:04}-{slug}.patch"] = (
            header(number, total, step.change.subject, author, date) + step.change.explanation
            + "---\n" + statistics(files) + "\n" + "".join(files.values()) + "-- \nswift-erofs\n\n")
    subject, _, words = cover.partition("\n")
    words = words.strip() + f"\n\nMade for Linux {plan.tree.release}.\n\n" + "".join(titles)
    found["0000-cover-letter.patch"] = (header(0, total, subject, author, date) + words + "\n"
                                        + statistics(dict(sorted(everything.items()))) + "\n-- \nswift-erofs\n\n")
    return found


def author_of(text):
    """("Name", "address") of "Name <address>"."""
    name, address = email.utils.parseaddr(text)
    if not name or "@" not in address:
        raise Refusal(f"{text!r} is no author: write 'Name <address>'")
    return name, address
