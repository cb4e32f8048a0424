# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Who reads the images: the running kernel, fsck.erofs, and `erofs extract`. Each says how the tree that it finds differs from
the one that the image was made from."""

import hashlib
import os
import shutil
import stat
import subprocess

from ..command import run
from ..project import Failure


def listing(root, contents=True):
    """All that is known of a tree: a line for each entry, by path."""
    lines = {}
    for folder, directories, files in os.walk(root):
        for name in [".", *directories, *files] if folder == str(root) else [*directories, *files]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            line = [stat.filemode(status.st_mode), oct(status.st_mode), status.st_uid, status.st_gid, status.st_mtime_ns,
                    status.st_nlink, {key: os.getxattr(path, key, follow_symlinks=False)
                                      for key in sorted(os.listxattr(path, follow_symlinks=False))}]
            if stat.S_ISLNK(status.st_mode):
                line.append(os.readlink(path))
            elif stat.S_ISREG(status.st_mode):
                line.append(status.st_size)
                if contents:
                    with open(path, "rb") as file:
                        line.append(hashlib.sha256(file.read()).hexdigest())
            elif stat.S_ISCHR(status.st_mode) or stat.S_ISBLK(status.st_mode):
                line.append(status.st_rdev)
            lines[os.path.relpath(path, root)] = line
    return lines


def difference(left, right):
    """The first entry that is not the same; nothing if all are."""
    for path in sorted(left.keys() | right.keys()):
        if left.get(path) != right.get(path):
            return f"{path!r}: {left.get(path)} became {right.get(path)}"
    return ""


def can_mount():
    return os.geteuid() == 0 and (any(line.split()[-1] == "erofs" for line in open("/proc/filesystems"))
                                  or subprocess.run(["modprobe", "erofs"], capture_output=True).returncode == 0)


def kernel_reads(image, folder, wanted, blob=None, offset=0):
    mount = folder / "mount"
    mount.mkdir(exist_ok=True)
    device = run("losetup", "--find", "--show", "--read-only", blob).strip() if blob else None
    try:
        options = f"loop,ro,offset={offset}" + (f",device={device}" if device else "")
        try:
            run("mount", "-t", "erofs", "-o", options, image, mount)
        except Failure as problem:
            return str(problem)
        try:
            return difference(wanted, listing(mount))
        except OSError as problem:
            return str(problem)
        finally:
            run("umount", mount)
    finally:
        if device:
            run("losetup", "--detach", device)


def extracted(command, folder, wanted, comparable=lambda path, line: line):
    """Runs a command that extracts an image to a directory; its last word is without the directory's path."""
    target = folder / "restored"
    shutil.rmtree(target, ignore_errors=True)
    done = subprocess.run([*command[:-1], f"{command[-1]}{target}"], capture_output=True, text=True, errors="surrogateescape")
    if done.returncode != 0:
        return f"status {done.returncode}: {done.stderr.strip()[-300:]}"
    found = listing(target)
    shutil.rmtree(target)
    return difference(*({path: comparable(path, line) for path, line in each.items()} for each in (wanted, found)))


def ours_reads(erofs, image, folder, wanted, blob=None, offset=0):
    devices = [f"--device={blob}"] if blob else []
    return extracted([erofs, "extract", "--no-progress", f"--offset={offset}", *devices, image, ""], folder, wanted)


def fsck_takes(fsck, image, _folder, _wanted, blob=None, offset=0):
    """Whether fsck.erofs finds no fault."""
    devices = [f"--device={blob}"] if blob else []
    found = subprocess.run([fsck, "--extract", f"--offset={offset}", *devices, image], capture_output=True, text=True)
    return "" if found.returncode == 0 else found.stderr.strip()[-300:]


def fsck_reads(fsck, image, folder, wanted, blob=None, offset=0):
    """What fsck.erofs 1.9.4 extracts. It restores no nanoseconds, and the attributes of a file only up to the first empty one;
    no system has permissions of symbolic links."""
    cut = {path for path, line in wanted.items() if b"" in line[6].values()}

    def comparable(path, line):
        mode, permissions, user, group, nanoseconds, links, attributes, *rest = line
        return [mode, None if mode.startswith("l") else permissions, user, group, nanoseconds // 10**9, links,
                None if path in cut else attributes, *rest]
    devices = [f"--device={blob}"] if blob else []
    return extracted([fsck, "-d1", "--preserve", "--xattrs", f"--offset={offset}", *devices, image, "--extract="], folder, wanted,
                     comparable)
