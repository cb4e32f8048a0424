# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The shell as somebody at a terminal has it: keys that interrupt and stop, and jobs."""

import multiprocessing
import os
import pty
import re
import select
import signal
import termios
import time

from ..command import timed
from ..results import Results


class Terminal:
    def __init__(self, build):
        self.process, self.master = pty.fork()
        if self.process == 0:
            # Who starts us in the background may have both ignored, and so would the shell then have to.
            for name in (signal.SIGINT, signal.SIGQUIT):
                signal.signal(name, signal.SIG_DFL)
            os.execve(f"{build}/bin/sh", ["sh"], {"PATH": f"{build}/bin", "PS1": "READY> ", "HOME": "/"})
        settings = termios.tcgetattr(self.master)
        settings[3] &= ~termios.ECHO
        termios.tcsetattr(self.master, termios.TCSANOW, settings)
        self.text = ""
        self.group = self.process
        self.key = False

    def expect(self, pattern, seconds=15):
        """What came up to the end of the pattern; None if it does not come."""
        end = time.monotonic() + seconds
        while True:
            found = re.search(pattern, self.text)
            if found:
                before, self.text = self.text[: found.end()], self.text[found.end() :]
                return before
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.master], [], [], left)[0]:
                return None
            try:
                self.text += os.read(self.master, 4096).decode(errors="replace").replace("\r", "")
            except OSError:
                return None

    def send(self, text):
        if len(text) == 1:
            # A key is for the command before it, once that has started; some are for the shell itself.
            end = time.monotonic() + KEY
            while time.monotonic() < end and os.tcgetpgrp(self.master) == self.group:
                time.sleep(0.01)
            time.sleep(0.1)
        elif self.key:
            # A terminal forgets what was typed up to a key that stops or interrupts, which takes it a moment.
            time.sleep(0.2)
        self.key = len(text) == 1
        self.group = os.tcgetpgrp(self.master)
        os.write(self.master, text.encode())

    def close(self):
        os.close(self.master)
        try:
            os.kill(self.process, signal.SIGKILL)
        except ProcessLookupError:
            pass
        os.waitpid(self.process, 0)


# The longest that a command takes to start.
KEY = 1
# What is typed, and what has to come then.
SESSIONS = {
    "interrupt": [("sleep 100\n", None), ("\x03", "READY> "), ("echo $?\n", "130\n.*READY> ")],
    "interrupt of a loop": [("while :; do sleep 1; done\n", None), ("\x03", "READY> "), ("echo here\n", "here\n")],
    "interrupt of the shell's own loop": [("while :; do :; done\n", None), ("\x03", "READY> "), ("echo here\n", "here\n")],
    "interrupt at the prompt": [("echo no", None), ("\x03", None), ("echo yes\n", "^[^n]*yes\n")],
    "stop, jobs, bg, fg": [
        ("sleep 100\n", None),
        ("\x1a", r"\[1\] Stopped +sleep 100\n.*READY> "),
        ("echo $?\n", "148\n.*READY> "),
        ("jobs\n", r"\[1\] Stopped +sleep 100\n.*READY> "),
        ("bg\n", r"\[1\] sleep 100\n.*READY> "),
        ("jobs\n", r"\[1\] Running +sleep 100\n.*READY> "),
        ("fg\n", "sleep 100\n"),
        ("\x03", "READY> "),
        ("jobs; echo none\n", "^[^R]*none\n"),
    ],
    "stop of a pipeline": [
        ("cat | cat | cat\n", None),
        ("a\n", "a\n"),
        ("\x1a", r"\[1\] Stopped +cat \| cat \| cat\n.*READY> "),
        ("echo between\n", "between\n.*READY> "),
        ("fg %1\n", r"cat \| cat \| cat\n"),
        ("b\n", "b\n"),
        ("\x04", "READY> "),
        ("jobs; echo none $?\n", "none 0\n"),
    ],
    "the terminal is the shell's again": [("sh -c 'read x; echo got $x'\n", None), ("word\n", "got word\n.*READY> ")],
    "a job in the background may not read": [
        ("cat & sleep 0.4\n", r"\[1\] \d+\n.*\[1\] Stopped +cat"),
        ("fg\n", "cat\n"),
        ("line\n", "line\n"),
        ("\x04", "READY> "),
    ],
    "a job in the background ends": [("sleep 0.1 &\n", r"\[1\] \d+\n"), ("sleep 0.4\n", r"\[1\] Done +sleep 0.1")],
    "a shell in a shell": [
        ("sh\n", "READY> "),
        ("sleep 100\n", None),
        ("\x1a", "Stopped"),
        ("fg\n", "sleep 100"),
        ("\x03", "READY> "),
        ("exit 3\n", "READY> "),
        ("echo $?\n", "3\n"),
    ],
    "a trap of the interrupt": [("trap 'echo caught' INT\n", "READY> "), ("sleep 100\n", None), ("\x03", "READY> "),
                                ("kill -INT $$\n", "caught\n")],
    "kill of a job": [("sleep 100 &\n", "READY> "), ("kill %1; wait %1; echo $?\n", "143\n")],
}


def run(build, name):
    """What was wrong; None if nothing was."""
    terminal = Terminal(build)
    try:
        if terminal.expect("READY> ") is None:
            return "there was no prompt"
        for typed, expected in SESSIONS[name]:
            terminal.send(typed)
            if expected and terminal.expect(f"(?s){expected}") is None:
                return f"after {typed!r} there was no {expected!r}: {terminal.text!r}"
    finally:
        terminal.close()
    return None


def check(build):
    results = Results()
    # They mostly wait. A process each: a terminal belongs to the process that made it.
    with timed("the userspace at a terminal"), multiprocessing.get_context("fork").Pool(len(SESSIONS)) as pool:
        for name, wrong in zip(SESSIONS, pool.starmap(run, [(build, name) for name in SESSIONS])):
            results.check(f"terminal: {name}", not wrong, wrong)
    return results
