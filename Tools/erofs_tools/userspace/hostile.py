# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Hostile input for the shell and for grep. Nothing may crash or hang.

- scripts of random bytes, and the cases of cases.txt with bytes changed, read with `sh -n`;
- scripts of random pieces of what the shell itself does, carried out as nobody in an empty folder;
- random regular expressions, whose matches are those of GNU grep where both take them.
"""

import os
import random
import re
import subprocess
import tempfile
import time

from ..command import timed
from ..results import Results
from . import compare

CRASHES = {-4, -5, -6, -7, -8, -11, 132, 133, 134, 135, 136, 139}
PIECES = (
    "a b x=1 $x ${x} ${x:-y} ${x#a} ${x%%*} ${#x} $((x+1)) $((1/0)) $(echo a) `echo b` \" ' \\ ; ;; & && || | ( ) { } ! "
    "if then else elif fi while until do done for in case esac f() f echo eval set -- shift break continue return "
    "read < > >> 2>&1 <<E E : test [ ] * ? [a-z] [!a] ~ # = , \n \n \n export local unset x y \"$@\" $* $? $$ $! $1 cd . "
    "wait jobs true false umask pwd trap EXIT TERM fg bg getopts ab: kill -TERM -e +e -u 0 1 99999999999 \t \x00 \xff"
).split(" ")


def run(command, data=b"", **more):
    try:
        return subprocess.run(command, input=data, capture_output=True, timeout=10, **more)
    except subprocess.TimeoutExpired:
        return None


def argument(data):
    return data.replace(b"\0", b"") or b" "


def parse(rng, build, scripts):
    if rng.random() < 0.3:
        script = bytes(rng.choice(b"ab $\"'\\`(){}[]<>|&;#*?!=\n\t-") for _ in range(rng.randrange(200)))
    else:
        script = bytearray(rng.choice(scripts).encode() * rng.choice((1, 1, 1, 30)))
        for _ in range(rng.randrange(1, 8)):
            at = rng.randrange(len(script) + 1)
            script[at : at + rng.randrange(3)] = bytes(rng.choice(b"$\"'\\`(){}<>|&;\n") for _ in range(rng.randrange(4)))
    return script, run([f"{build}/userspace", "sh", "-n", "-c", argument(bytes(script))])


def execute(rng, build, folder):
    script = " ".join(rng.choice(PIECES) for _ in range(rng.randrange(2, 30))).encode("latin-1")
    guard = ["/usr/bin/prlimit", "--nproc=200", "--cpu=3", "--fsize=100000", "--as=200000000"]
    if os.geteuid() == 0:
        guard = ["/usr/bin/setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", *guard]
    command = [*guard, "/usr/bin/timeout", "-k", "1", "5", f"{build}/userspace", "sh", "-c", argument(script)]
    done = run(command, cwd=folder, env={"PATH": "/nowhere", "HOME": "/"})
    # An endless loop that was asked for is no hang.
    if done is not None and done.returncode in (124, 137, -9, -24, 152):
        done.returncode = 0
    if done is not None and re.search(b"(SEGV|ILL): the signal|TRAP: the", done.stderr):
        done.returncode = 139
    return script, done


LINES = b"\n".join([b"", b"a", b"b", b"ab", b"aab", b"abab", b"a.b", b"a*b", b"(a)", b"a{2}", b"1a1", b"]", b"^a$", b"b a",
                    b"aaa", b"a|b", b"\\", b"-", b"-a-", b"a-b ba", b"_a", b"A-B", b"  "]) + b"\n"


def regex(rng, build):
    pattern = "".join(rng.choice(["a", "b", ".", "*", "[ab]", "[^a]", "[", "]", "(", ")", "\\(", "\\)", "|", "\\|", "{",
                                  "}", "\\{", "\\}", "{1,2}", "\\{2\\}", "1", ",", "^", "$", "+", "?", "\\+", "\\?", "\\",
                                  "\\<", "\\b", "-", "[[:digit:]]"]) for _ in range(rng.randrange(1, 9)))
    options = rng.choice([["-E"], [], ["-F"], ["-Ei"], ["-w"], ["-x"], ["-Eo"], ["-o"], ["-v"], ["-c"], ["-Ew"], ["-wi"],
                          ["-Fw"], ["-Fo"], ["-Fx"], ["-Ex"]])
    words = [*options, "-e", pattern]
    done = run([f"{build}/userspace", "grep", *words], LINES)
    if done is None or done.returncode in CRASHES:
        return words, done, None
    other = run(["grep", *words], LINES, env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"})
    different = None
    # What repeating nothing means, nobody has agreed on.
    if re.search(r"(\\[b<]|[\^$(|]|^)\)*(\*|\\?[+?{])", pattern):
        return words, done, None
    if done.returncode != 2 and other.returncode != 2 and b"warning" not in other.stderr and done.stdout != other.stdout:
        different = (done.stdout, other.stdout)
    return words, done, different


KINDS = ("sh -n", "sh", "grep")


def check(build, seconds, seed):
    """Each kind of input, turn by turn, for so long; the same inputs for the same seed."""
    rng = random.Random(seed)
    scripts = [script for _, single, script in compare.cases() if not single]
    counts, failures = [0, 0, 0], {kind: [] for kind in KINDS}
    with timed("hostile input for the userspace"), tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o777)
        end = time.monotonic() + seconds
        while time.monotonic() < end and sum(map(len, failures.values())) < 20:
            which = counts.index(min(counts))
            counts[which] += 1
            different = None
            if which == 0:
                script, done = parse(rng, build, scripts)
            elif which == 1:
                script, done = execute(rng, build, folder)
            else:
                script, done, different = regex(rng, build)
            if done is None or done.returncode in CRASHES or different:
                how = "no end" if done is None else different or done.returncode
                failures[KINDS[which]].append(f"{how}: {script!r}")
    print(f"  seed {seed}: {counts[0]} scripts read, {counts[1]} carried out, {counts[2]} expressions")
    results = Results()
    for kind, count in zip(KINDS, counts):
        results.check(f"hostile input for {kind}, seed {seed}", count and not failures[kind],
                      "; ".join(failures[kind]) or "none was run")
    return results
