# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Tools/run kernel-install COMMAND ...: Platforms/Linux/Kernel/erofs-kernel, with the C that it installs made from Core first.
`erofs kernel` calls this. In a release (./release) that program has the C beside it, and neither Swift nor this is needed."""

import os
import sys

from . import build


def main():
    words = sys.argv[1:]
    if words[:1] in (["install"], ["patches"]) and not any(word.split("=")[0] in ("--c", "--help", "-h") for word in words):
        words[1:1] = ["--c", str(build.generated())]
    os.execv(build.INSTALLER, [str(build.INSTALLER), *words])
