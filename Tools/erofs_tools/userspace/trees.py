# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What needs a tree of its own: checksums, names of any bytes, depth, and pipes that end early."""

import hashlib
import os
import pathlib
import subprocess
import tempfile

from ..command import timed
from ..results import Results


def names(folder):
    """Bytes that are hard to print, and the longest name that there is."""
    result = [bytes([byte]) for byte in range(1, 256) if byte not in (46, 47)]
    return result + [b"x" * 255, b"a\nb", b"a\\b", b"-n", b"* ?", b"...", b"\xc3\xa9"]


def check(build):
    results = Results()
    with timed("trees for the userspace"):
        checks(build, lambda what, fine, detail="": results.check(what, fine, str(detail)[:600]))
    return results


def checks(build, check):
    # The shell finds ours first.
    ours_first = {**os.environ, "PATH": f"{build}/bin:/usr/bin:/bin"}

    def run(*command, env=ours_first, **more):
        return subprocess.run([str(word) for word in command], capture_output=True, timeout=60, env=env, **more)

    with tempfile.TemporaryDirectory() as scratch:
        tree = pathlib.Path(scratch) / "tree"
        tree.mkdir()
        for index, name in enumerate(names(tree)):
            with open(os.path.join(os.fsencode(tree), name), "wb") as file:
                file.write(name * (index * 7))
        for size in (0, 1, 55, 56, 63, 64, 65, 119, 120, 128, 4095, 4096, 100_000):
            (tree / f"size-{size}").write_bytes(bytes(i * 7 & 255 for i in range(size)))
        done = run(build / "bin/sum", "-b", "tree", cwd=scratch)
        verified = run("sha256sum", "--check", "--strict", "--quiet", "-", cwd=scratch, input=done.stdout)
        check("sum -b is what sha256sum takes", verified.returncode == 0 and done.returncode == 0, verified.stderr)
        lines = done.stdout.splitlines()
        check("sum has every file", len(lines) == sum(1 for path in tree.rglob("*") if path.is_file()), len(lines))
        done = run(build / "bin/sum", "tree/size-100000", cwd=scratch)
        data = (tree / "size-100000").read_bytes()
        expected = f"{hashlib.sha256(data).hexdigest()}  {len(data)}  tree/size-100000\n".encode()
        check("sum tells sizes", done.stdout == expected, done.stdout)

        copied = run(build / "bin/cp", "-a", "tree", "copy", cwd=scratch)
        check("cp -a of names of any bytes", copied.returncode == 0 and run("/usr/bin/diff", "-r", "tree", "copy",
                cwd=scratch).returncode == 0, copied.stderr)
        ours = run(build / "bin/ls", "-A1", "tree", cwd=scratch)
        theirs = run("/usr/bin/ls", "-A1", "tree", cwd=scratch, env={"LC_ALL": "C"})
        check("ls of names of any bytes", ours.stdout == theirs.stdout)
        shell = run(build / "bin/sh", "-c", 'for f in tree/*; do [ -f "$f" ] || echo "not $f"; done; echo tree/* | wc -c',
                    cwd=scratch)
        theirs = run("dash", "-c", "printf '%s ' tree/* | /usr/bin/wc -c", cwd=scratch)
        check("patterns and names of any bytes", shell.stdout == theirs.stdout, shell.stdout)

        # As deep as a path can be long, and deeper.
        deep = pathlib.Path(scratch) / "deep"
        deep.mkdir()
        here = os.open(deep, os.O_RDONLY)
        levels = 3000
        for _ in range(levels):
            os.mkdir("d", dir_fd=here)
            below = os.open("d", os.O_RDONLY, dir_fd=here)
            os.close(here)
            here = below
        os.close(here)
        for command in (["ls", "-R", "deep"], ["sum", "deep"], ["grep", "-r", "x", "deep"], ["cp", "-r", "deep", "deep2"]):
            done = run(build / "bin" / command[0], *command[1:], cwd=scratch)
            check(f"{command} ends with an error", 0 < done.returncode < 3 and b"too long" in done.stderr, done.stderr[-200:])
        # What is left of it, from below: paths are too long for others too.
        run("/usr/bin/rm", "-rf", "deep", "deep2", cwd=scratch)

        wide = pathlib.Path(scratch) / "wide"
        wide.mkdir()
        for index in range(5000):
            (wide / f"file-{index * 7919 % 5000:04}").touch()
        done = run(build / "bin/ls", "wide", cwd=scratch)
        check("ls sorts 5000 names", done.stdout.split() == sorted(done.stdout.split()) and done.stdout.count(b"\n") == 5000)
        done = run(build / "bin/sh", "-c", "set -- wide/*; echo $#; ls wide/*", cwd=scratch)
        check("too many arguments are an error",
              done.stdout == b"5000\n" and b"too long" in done.stderr and done.returncode == 126, done.stderr)

        # A reader that is gone ends a writer, a full disk is an error, and so is a closed output.
        done = run("bash", "-c", f"set -o pipefail; {build}/bin/cat /dev/zero | /usr/bin/head -c 10 >/dev/null; echo $?")
        check("SIGPIPE ends cat", done.stdout == b"141\n", done.stdout)
        done = run(build / "bin/sh", "-c", "cat /dev/zero | head -c 100000 | wc -c")
        check("a pipeline ends when nobody reads", done.stdout == b"100000\n", done.stdout)
        for command in ("echo x", "ls /", "cat /etc/passwd", "sum /etc/passwd", "uname -a", "head -1 /etc/passwd"):
            done = run(build / "bin/sh", "-c", f"{command} >/dev/full; echo $?")
            check(f"{command} on a full disk", done.stdout == b"1\n" and b"No space" in done.stderr, (done.stdout, done.stderr))
            done = run(build / "bin/sh", "-c", f"{command} >&-; echo $?")
            check(f"{command} with no output", done.stdout == b"1\n" and b"Bad file" in done.stderr, (done.stdout, done.stderr))

        # Sets that a repetition of zero times takes away again still take room.
        done = run(build / "bin/grep", "-E", "-e", "\\W{0}" * 20_000, "-e", "\\W{0}" * 20_000, "/etc/passwd", cwd=scratch)
        check("the sets of a pattern are bounded", done.returncode == 2 and b"too large" in done.stderr,
              (done.returncode, done.stderr))
        done = run(build / "bin/head", "-n", cwd=scratch)
        check("an option without its value",
              done.returncode == 1 and done.stderr == b"head: -n: the option needs a value\n", done.stderr)

        # Each process has 28 KiB of stack where there is no MMU, of which 8 are for arguments.
        stack = ["bash", "-c", 'ulimit -s 48; exec "$@"', "bash"]
        nested = "(" * 24 + "echo x" + ")" * 24
        for script in (nested, "{ " * 20 + "echo x; " + "}; " * 20, "if true; then " * 20 + "echo x; " + "fi; " * 20,
                       "f() { f; }; f", "f() { " + "if true; then " * 10 + "f; " + "fi; " * 10 + "}; f",
                       "f() { if true; then for i in 1; do { eval f; }; done; fi; }; f", "eval " * 11 + "echo x",
                       "trap 'kill -TERM $$' TERM; kill -TERM $$", "echo " + "$(echo " * 10 + "x" + ")" * 10,
                       "echo $((" + "(" * 19 + "1" + ")" * 19 + "))", "echo " + "${x:-" * 20 + "y" + "}" * 20):
            done = run(*stack, build / "bin/sh", "-c", script)
            check(f"nested: {script[:40]}", done.returncode in (0, 2), (done.returncode, done.stderr))
