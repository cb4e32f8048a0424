# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Runs every case of cases.txt with dash and GNU's tools and with ours, each in a tree of its own, and compares output,
exit status and whether there is an error message.

With an emulator (qemu-riscv32) only the commands without the shell are run, as there a program cannot start another one.
"""

import concurrent.futures
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile

from ..command import timed
from ..project import LINUX
from ..results import Results

CASES = LINUX / "Userspace/Tests/cases.txt"


def cases():
    """(line number, whether it is a single command, script)"""
    result = []
    lines = CASES.read_text().splitlines()
    at = 0
    while at < len(lines):
        number, line = at + 1, lines[at]
        at += 1
        if line.startswith("# ") and number != 1 and not result:
            continue
        if line.startswith("u: "):
            result.append((number, True, line[3:]))
            continue
        if line.startswith("# "):
            continue
        # A here-document, an open quote or a joined line goes on: what dash needs more lines for.
        script = line
        while at < len(lines) and incomplete(script) and not lines[at].startswith("# "):
            script += "\n" + lines[at]
            at += 1
        result.append((number, False, script))
    return result


STARTERS = re.compile(r"(\\|&&|\||\bthen|\bdo|\bin)$|^if true$")


def incomplete(script):
    last = script.split("\n")[-1]
    marks = re.findall(r"<<-?\s*'?(\w+)'?", script)
    if marks:
        ends = [line.strip() for line in script.split("\n")[1:]]
        return any(mark not in ends for mark in marks)
    if last in ("then", "if true", "echo multi"):
        return True
    if re.search(r"(^|[^\\])(\\\\)*\\$", last) or re.search(r"(&&|[^|]\|)$", last):
        return True
    # Quotes that go on are written at the end of a line: c\ and e\ above; { without } too.
    return last.endswith("{ echo b")


def make_tree(root):
    """Files of every kind that the cases name."""
    root.mkdir(parents=True)
    fruit = "apple\nbanana\ncherry\n\ndate palm\nElderberry apple\n  fig\tgrape\nan apple a day\nxyz\nlast line\nmango\npear\n"
    (root / "text").write_text(fruit)
    (root / "nonl").write_text("first\nsecond a\nno newline at the end a")
    (root / "empty").write_text("")
    (root / "binary").write_bytes(bytes(range(256)) * 5 + b"\n" + bytes(range(255, -1, -1)))
    (root / "long").write_text("x" * 70000 + "\n" + "abc" * 30000 + "\nend\n")
    (root / "words").write_text(
        "ab\naab\naaab\nabab\nababc\nabcd\nxy\ny\na.b\na+b\na?b\nan\nman an\nAB 12\n]x\na-b\n*a\n\n_an_\nthe end\nCamelCase\n"
    )
    (root / "dir" / "sub" / "subsub").mkdir(parents=True)
    (root / "dir" / "one").write_text("a\nb\n")
    (root / "dir" / "two").write_text("b\n")
    (root / "dir" / "sub" / "three").write_text("abc\n")
    (root / "dir" / ".hidden").write_text("h\n")
    (root / "deep" / "a" / "b" / "c" / "d").mkdir(parents=True)
    (root / "deep" / "a" / "b" / "c" / "d" / "x").write_text("a deep one\n")
    (root / ".dot").write_text("dot\n")
    (root / "weird name").write_text("w\n")
    os.mkfifo(root / "special")
    (root / "link").symlink_to("text")
    (root / "broken").symlink_to("nowhere")
    (root / "folderlink").symlink_to("dir")
    os.chmod(root / "text", 0o644)
    os.chmod(root / "nonl", 0o755)
    os.chmod(root / "words", 0o4640)
    when = 1_700_000_000
    for index, path in enumerate(sorted(root.rglob("*"), reverse=True)):
        os.utime(path, ns=(when * 10**9, (when + index * 3600) * 10**9), follow_symlinks=False)
    os.utime(root / "text", ns=(when * 10**9, 1_613_000_000 * 10**9))
    os.utime(root, ns=(when * 10**9, when * 10**9))


def split(script):
    """The words of a single command: blanks separate them, and nothing is quoted."""
    return script.split(" ")


def run(command, folder, environment):
    try:
        done = subprocess.run(command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, timeout=20)
        return done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        return "no end", b"", b""


def compare(case, build, emulator, scratch):
    number, single, script = case
    results = []
    for side in ("reference", "ours"):
        # The same path for both, as some cases show it.
        folder = scratch / f"{number}-{side}" / "tree"
        make_tree(folder)
        environment = {"LC_ALL": "C", "TZ": "UTC0", "HOME": "/root", "COLUMNS": "80"}
        ours = side == "ours"
        if ours:
            environment |= {"PATH": f"{build}/bin:/usr/bin:/bin", "ECHO": "echo"}
        else:
            environment |= {"PATH": "/usr/bin:/bin", "ECHO": "/bin/echo"}
        if single:
            words = split(script)
            if not ours:
                words[0] = {"sum": "sha256sum"}.get(words[0], words[0])
                command = [shutil.which(words[0], path="/usr/bin:/bin") or words[0], *words[1:]]
                command = [word for word in command if not (words[0] == "sha256sum" and word == "-b")]
            else:
                command = [*emulator, f"{build}/userspace", *words]
        else:
            command = [f"{build}/bin/sh" if ours else "/bin/dash", "-c", script]
        status, out, err = run(command, folder, environment)
        # Nobody else's names of themselves.
        out = re.sub(rb"\d+-(reference|ours)", b"TREE", out)
        results.append((status, out, bool(err), err))
        subprocess.run(["chmod", "-R", "u+rwX", folder.parent], stderr=subprocess.DEVNULL)
        shutil.rmtree(folder.parent, ignore_errors=True)
    reference, ours = results
    # With options or operands that are wrong, sh and tools differ in which number above 0 they return.
    return reference, ours


def same(reference, ours):
    if isinstance(ours[0], int) and ours[0] < 0:
        # Only what the shell that ended so would have said of it is missing.
        return reference[:2] == ours[:2]
    return reference[:3] == ours[:3]


def check(build, emulator=(), numbers=(), verbose=False):
    """All cases, or those that begin on these lines, with the programs that are in a folder."""
    # What this was started without, as by nohup, no shell below could trap.
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGQUIT, signal.SIGTERM):
        if signal.getsignal(number) == signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    chosen = [case for case in cases() if (case[1] or not emulator) and (not numbers or case[0] in numbers)]
    results = Results()
    with timed(f"cases of the userspace, {build.name}"), tempfile.TemporaryDirectory() as scratch, \
            concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        jobs = [(case, pool.submit(compare, case, build, emulator, pathlib.Path(scratch))) for case in chosen]
        for case, job in jobs:
            sides = job.result()
            said = "".join(f"\n    {name}: status {status}\n      out {out[:500]!r}\n      err {err[:300]!r}"
                           for name, (status, out, _, err) in zip(("expected", "found"), sides))
            results.check(f"cases.txt:{case[0]}: {case[2]}", same(*sides), said)
            if verbose:
                print(f"  cases.txt:{case[0]}: {case[2]}{said}")
    return results
