# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The one way to boot a machine under QEMU."""

import os
import re
import subprocess
import tempfile
import threading

from .command import timed

# Nothing may have been said before, and a ColdFire's console ends lines the other way round.
PROMPT = re.compile(rb"(\A|\n)\r?# \Z")


def load(path, address):
    """Options that put a file into the memory of a machine."""
    return ["-device", f"loader,file={path},addr={address:#x},force-raw=on"]


def boot(command, typed=b"", commands=(), ends=None, seconds=120, label="boot"):
    """Runs a machine to its end: (exit status, output), errors of QEMU's behind the output.

    `typed` is on its console from the beginning, with nothing after it; each of `commands` is typed at a prompt. A machine
    that cannot switch itself off is ended when what it prints matches `ends`, a pattern of bytes. One that does not end in
    `seconds` is ended too, and has no status: None.
    """
    output, late, waiting = b"", threading.Event(), list(commands)
    # A console writes each byte for itself. To read each when it comes takes as long as the machine does for it, so that
    # happens only if something is to follow from it.
    follows = bool(waiting or ends)
    with timed(label), tempfile.TemporaryFile() as errors, tempfile.TemporaryFile() as printed, subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE if follows else printed,
            stderr=errors) as guest:

        def stop():
            late.set()
            guest.kill()

        timer = threading.Timer(seconds, stop)
        timer.start()
        try:
            console = guest.stdin.fileno()
            try:
                if typed:
                    os.write(console, typed)
                if not waiting:
                    guest.stdin.close()
            except BrokenPipeError:
                pass
            while follows and (part := os.read(guest.stdout.fileno(), 1 << 16)):
                output += part
                if waiting and PROMPT.search(output[-8:]):
                    os.write(console, waiting.pop(0).encode() + b"\n")
                # A pattern of up to 64 bytes may have begun in the part before.
                if ends and re.search(ends, output[-len(part) - 64:]):
                    guest.kill()
            status = guest.wait()
        finally:
            timer.cancel()
            guest.kill()
        if not follows:
            printed.seek(0)
            output = printed.read()
        errors.seek(0)
        if said := errors.read():
            output += b"\nqemu: " + said
    return None if late.is_set() else status, output
