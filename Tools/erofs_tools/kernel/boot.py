# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run boot [--cpu CPU] [--ram SIZE] [--smp N] [--decoder NAME] [--init CMD] [IMAGE]

Boots Linux without an MMU from an EROFS image under QEMU, with a console to type at (Ctrl-A X ends it). The kernel, and
the userspace where no image is given, are built on first use. `erofs boot` calls this; it says what the options are.
"""

import argparse
import os
import pathlib
import re
import shlex
import subprocess
import sys
import tempfile
import termios

from ..project import INSTALL
from . import build, machine


def main():
    parser = argparse.ArgumentParser(prog="boot", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", choices=machine.CPUS, default="rv64")
    parser.add_argument("--ram", default="3584K")
    parser.add_argument("--smp", type=int, default=1)
    parser.add_argument("--decoder", choices=["pages", "vmap", "vmap-copyback", "stock"], default="pages")
    parser.add_argument("--init", default="/init")
    parser.add_argument("image", nargs="?", type=pathlib.Path)
    arguments = parser.parse_args()
    if arguments.image and not arguments.image.is_file():
        return refuse(f"{arguments.image} is not a file")
    try:
        init, *words = shlex.split(arguments.init) or [""]
    except ValueError as problem:
        return refuse(f"--init: {problem}")
    if not init:
        return refuse("--init names no program: the kernel starts the first word, a path in the image such as /init")
    if any('"' in word for word in words):
        return refuse('--init: the kernel\'s command line has no way to write "')
    subprocess.run([INSTALL / "packages.sh", "linux"], check=True, stdout=sys.stderr)
    root = arguments.image or machine.userspace(arguments.cpu) / "root.erofs"
    decoder, _, mode = arguments.decoder.partition("-")
    kernel = build.build(arguments.cpu, decoder, smp=arguments.smp > 1)
    with tempfile.TemporaryDirectory() as folder:
        command = machine.command(arguments.cpu, kernel, root, folder, ram=arguments.ram, smp=arguments.smp, init=init,
                                  arguments=" ".join(f'"{word}"' if re.search(r"\s|^$", word) else word for word in words),
                                  append="quiet" + (f" nommu_vmap={mode}" if mode else ""))
        # QEMU has the terminal; what it is told to do with Ctrl-C goes to the guest.
        log = pathlib.Path(folder, "console")
        command = logged(command, log)
        status = until_halt(command) if arguments.cpu in machine.MTD else subprocess.run(command).returncode
        # QEMU's status says nothing of the guest.
        return status or int(bool(PANIC.search(log.read_bytes())))


def refuse(reason):
    """As erofs refuses a command line."""
    print(f"erofs: {reason}", file=sys.stderr)
    return 64


PANIC = re.compile(rb"^(\[ *\d+\.\d+\] )?Kernel panic - not syncing", re.MULTILINE)


def logged(command, log):
    """The same with what the guest writes to its console also in a file; -nographic cannot do that."""
    words = ["-display", "none", "-chardev", f"stdio,id=console,mux=on,signal=off,logfile={log}",
             "-serial", "chardev:console", "-mon", "chardev=console"]
    at = command.index("-nographic")
    return command[:at] + words + command[at + 1:]


def until_halt(command):
    """Runs a board that cannot switch itself off, and ends it when its kernel says that it has stopped."""
    terminal = termios.tcgetattr(sys.stdin) if sys.stdin.isatty() else None
    tail = b""
    with subprocess.Popen(command, stdout=subprocess.PIPE) as guest:
        while part := os.read(guest.stdout.fileno(), 4096):
            os.write(sys.stdout.fileno(), part)
            tail = (tail + part)[-4096:]
            if re.search(rb"^reboot: (.*: )?System halted", tail, re.MULTILINE):
                os.write(sys.stdout.fileno(), b"\r\n")
                # Told to end, QEMU would say so; killed, it leaves the terminal as it has it.
                guest.kill()
                if terminal:
                    termios.tcsetattr(sys.stdin, termios.TCSADRAIN, terminal)
                return 0
    return guest.returncode
