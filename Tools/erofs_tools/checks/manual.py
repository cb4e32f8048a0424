# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run manual [--check] [COMMAND]: writes a manual page for erofs and each of its subcommands to Documentation/manual,
from the help texts of the command; a subcommand that parses its arguments itself also describes them itself. With --check
nothing is written, and the exit status is 1 if a page is missing, old, or belongs to no command. COMMAND is the erofs to use;
the default is that of the debug build."""

import json
import sys

from ..command import run
from ..project import ROOT

PAGES = ROOT / "Documentation/manual"


def escaped(text):
    """Text as troff takes it: no character of it is a request or an escape."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return "\n".join("\\&" + line if line.startswith((".", "'")) else line for line in text.split("\n"))


def bold(text):
    return "\\fB" + escaped(text) + "\\fR"


def italic(text):
    return "\\fI" + escaped(text) + "\\fR"


def option_name(name):
    return ("--" if name["kind"] == "long" else "-") + name["name"]


def placeholder(argument):
    """What stands for a value, in capitals; but alternatives are written as they are given."""
    name = argument["valueName"]
    return name if "|" in name or name != name.lower() else name.upper()


def value(argument):
    """What follows an option's name."""
    if argument["kind"] != "option":
        return ""
    # One that may be left out follows an equals sign.
    return f"[={italic(placeholder(argument))}]" if argument.get("isValueOptional") else " " + italic(placeholder(argument))


def synopsis(argument):
    if argument["kind"] == "positional":
        text = italic(placeholder(argument))
    else:
        text = bold(option_name(argument["preferredName"])) + value(argument)
    if argument["isRepeating"]:
        text += "..."
    return f"[{text}]" if argument["isOptional"] else text


def heading(argument):
    if argument["kind"] == "positional":
        return italic(placeholder(argument))
    return ", ".join(bold(option_name(name)) for name in argument["names"]) + value(argument)


def describe(argument):
    text = argument.get("abstract", "")
    if argument.get("defaultValue") not in (None, ""):
        text += f" Default: {argument['defaultValue']}."
    return escaped(text)


def shown(command):
    """The arguments of a command that belong on its page."""
    return [a for a in command.get("arguments", []) if a["shouldDisplay"] and a.get("valueName") not in ("help", "version")]


def page(words, command, related):
    name = "-".join(words)
    lines = [
        '.\\" SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0',
        '.\\" Made by Tools/run manual from the help texts of the command.',
        f'.TH {name.upper()} 1 "" "swift-erofs" "User Commands"',
        ".SH NAME",
        f"{escaped(name)} \\- {escaped(command.get('abstract', '').rstrip('.'))}",
        ".SH SYNOPSIS",
        ".nh",
        bold(" ".join(words)),
    ]
    arguments = shown(command)
    subcommands = [s for s in command.get("subcommands", []) if s["shouldDisplay"] and s["commandName"] != "help"]
    # Positional arguments in front, as they are given.
    for argument in sorted(arguments, key=lambda a: a["kind"] != "positional"):
        if argument.get("inSynopsis", True):
            lines.append(synopsis(argument))
    if subcommands:
        lines.append(italic("SUBCOMMAND") + " ...")
    lines.append(".hy")
    lines.append(".SH DESCRIPTION")
    paragraphs = [command.get("abstract", "")] + command.get("discussion", "").split("\n\n")
    exit_status = [p for p in paragraphs if p.startswith("Exit status:")]
    for number, paragraph in enumerate(p for p in paragraphs if p and p not in exit_status):
        lines += ([".PP"] if number else []) + [escaped(" ".join(paragraph.split()))]
    if arguments:
        lines.append(".SH OPTIONS")
        for argument in arguments:
            lines += [".TP", heading(argument), describe(argument)]
    if subcommands:
        lines.append(".SH SUBCOMMANDS")
        for subcommand in subcommands:
            lines += [".TP", bold(subcommand["commandName"]), escaped(subcommand.get("abstract", ""))]
    if exit_status:
        lines += [".SH EXIT STATUS", escaped(" ".join(exit_status[0].removeprefix("Exit status:").split()))]
    if related:
        lines += [".SH SEE ALSO", ",\n".join(bold(other) + "(1)" for other in related)]
    return name, "\n".join(lines) + "\n"


def pages(root):
    commands = [s for s in root["subcommands"] if s["shouldDisplay"] and s["commandName"] != "help"]
    exit_status = [p for p in root.get("discussion", "").split("\n\n") if p.startswith("Exit status:")]
    names = [root["commandName"]] + [f"{root['commandName']}-{c['commandName']}" for c in commands]

    def explained(command):
        if exit_status and "Exit status:" not in command.get("discussion", ""):
            command["discussion"] = "\n\n".join(filter(None, [command.get("discussion", "")] + exit_status))
        return command
    made = [page([root["commandName"]], root, names[1:])]
    for command in commands:
        words = [root["commandName"], command["commandName"]]
        inner = [s for s in command.get("subcommands", []) if s["shouldDisplay"] and s["commandName"] != "help"]
        made.append(page(words, explained(command), names[:1] + ["-".join([*words, s["commandName"]]) for s in inner]))
        made += [page([*words, s["commandName"]], explained(s), ["-".join(words)]) for s in inner]
    return {name + ".1": text for name, text in made}


def described(command, program):
    """The description of a subcommand: its own, if its arguments pass through the parser of the others."""
    if all(a.get("parsingStrategy") != "allRemainingInput" for a in command.get("arguments", [])):
        return command
    return json.loads(run(program, command["commandName"], "--experimental-dump-help"))["command"]


def main():
    arguments = sys.argv[1:]
    check = "--check" in arguments
    rest = [a for a in arguments if a != "--check"]
    command = rest[0] if rest else ROOT / ".build/debug/erofs"
    said = run(command, "--experimental-dump-help")
    root = json.loads(said)["command"]
    root["subcommands"] = [described(subcommand, command) for subcommand in root["subcommands"]]
    wanted = pages(root)
    if not check:
        PAGES.mkdir(parents=True, exist_ok=True)
        for old in PAGES.glob("*.1"):
            old.unlink()
        for name, text in wanted.items():
            (PAGES / name).write_text(text)
        print(f"{len(wanted)} pages in {PAGES.relative_to(ROOT)}")
        return 0
    there = {path.name: path.read_text() for path in PAGES.glob("*.1")}
    wrong = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    for name in wrong:
        print(f"{name}: not current; run Tools/run manual")
    return 1 if wrong else 0
