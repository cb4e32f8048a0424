# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Every section and rule of Documentation/Format.md that a file cites exists, and citations have one form: "Format.md, section N",
"section N.M" or "sections N and M"; rules are cited by id, as R-SB-1."""

import re

from ..project import ROOT

FORMAT = "Documentation/Format.md"
CITED = re.compile(r"Format\.md, sections? (\d+(?:\.\d+)?)(?: and (\d+(?:\.\d+)?))?")
RULE = re.compile(r"\bR-[A-Z]+-\d+\b")
# A section of the format without the document's name.
NAMELESS = re.compile(r"format(?:, |'s \()section [0-9.]+")
CODE = ("Sources/", "Platforms/", "Tests/", "Fuzzing/", "Benchmarks/")


def anchor(heading):
    return re.sub(r"[^a-z0-9 -]", "", heading.lower()).replace(" ", "-")


def document(results, text, sections, rules):
    """The document's own references, its table of rules, and its table of contents."""
    rows = re.findall(r"^\| (R-[A-Z]+-\d+) \|[^|]*\| *([^|]*?) *\|(.*)$", text, re.MULTILINE)
    numbers = re.findall(r"^##+ (\d+(?:\.\d+)?)", text, re.MULTILINE)
    twice = {one for one in [*numbers, *(rule for rule, _, _ in rows)] if [*numbers, *(rule for rule, _, _ in rows)].count(one) > 1}
    wrong = [f"no section {cited}" for cited in re.findall(r"[Ss]ections? (\d+(?:\.\d+)?)", text) if cited not in sections]
    wrong += [f"rule {rule}: no section {section}" for rule, section, _ in rows if section not in sections]
    wrong += [f"given twice: {one}" for one in sorted(twice)]
    headings = {anchor(line) for line in re.findall(r"^##+ (.*)$", text, re.MULTILINE)}
    wrong += [f"no heading for the link #{link}" for link in re.findall(r"\]\(#([^)]*)\)", text) if link not in headings]
    # The cases of Defect and Feature that the table names.
    core = "\n".join(path.read_text() for path in (ROOT / "Sources/Core").rglob("*.swift"))
    cases = " ".join(re.findall(r"^ *case (.*)$", core, re.MULTILINE))
    for name in sorted(set(re.findall(r"(?:Defect|Feature)\.([a-zA-Z]+)", "\n".join(rest for _, _, rest in rows)))):
        if not re.search(rf"\b{name}\b", cases):
            wrong.append(f"no error is called {name}")
    results.check(FORMAT, not wrong and len(rules) == len(rows), "; ".join(wrong[:5]))


def check(results, files):
    text = (ROOT / FORMAT).read_text()
    sections = set(re.findall(r"^##+ (\d+(?:\.\d+)?)", text, re.MULTILINE))
    rules = set(re.findall(r"^\| (R-[A-Z]+-\d+) ", text, re.MULTILINE))
    document(results, text, sections, rules)
    count = 0
    for file in files:
        # This file, and data, cite nothing.
        if file.startswith("Tools/erofs_tools/checks/") or "/Corpus/" in file or "/Fixtures/" in file:
            continue
        content = (ROOT / file).read_bytes()
        if b"\0" in content[:8192]:
            continue
        content = content.decode(errors="replace")
        own = [section for pair in CITED.findall(content) for section in pair if section]
        wrong = [f"no section {cited}" for cited in own if cited not in sections]
        count += len(own)
        if file.startswith(CODE):
            cited = RULE.findall(content)
            count += len(cited)
            wrong += [f"no rule {rule}" for rule in cited if rule not in rules]
            wrong += [f'{found}: cite as "Format.md, section N"' for found in NAMELESS.findall(content)]
        if wrong:
            results.check(f"citations in {file}", False, "; ".join(wrong[:5]))
    results.check("citations of Format.md", count > 0, "nothing cites it: this check looks for the wrong thing")
