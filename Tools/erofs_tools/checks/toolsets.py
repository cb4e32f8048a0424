# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The toolsets of firmware, which their users copy, have the flags of the table of processors."""

import copy
import json
import re

from ..processors import PROCESSORS
from ..project import BARE_METAL, ROOT


def processor(name):
    """Toolsets are named for a processor, and for what is special about a board after that."""
    return max((cpu for cpu in PROCESSORS if name == cpu or name.startswith(f"{cpu}-")), key=len, default=None)


def problems(name, toolset):
    cpu = processor(name)
    if not cpu:
        return ["no processor has that name"]
    options = {tool: toolset[tool]["extraCLIOptions"] for tool in ("swiftCompiler", "cCompiler")}
    found = []
    if options["cCompiler"] != PROCESSORS[cpu].c_flags:
        found.append(f"C is compiled with {options['cCompiler']}, must be {PROCESSORS[cpu].c_flags}")
    through = [after for word, after in zip(options["swiftCompiler"], options["swiftCompiler"][1:]) if word == "-Xcc"]
    if through != PROCESSORS[cpu].flags:
        found.append(f"Swift is compiled with {through}, must be {PROCESSORS[cpu].flags}")
    return found


def check(results):
    toolsets = {path.stem: json.loads(path.read_text()) for path in sorted((BARE_METAL / "toolsets").glob("*.json"))
                if path.stem != "common"}
    for name, toolset in toolsets.items():
        wrong = problems(name, toolset)
        results.check(f"toolset {name}", not wrong, "; ".join(wrong))
        # With another processor's flags it must be refused.
        for tool in ("swiftCompiler", "cCompiler"):
            other = copy.deepcopy(toolset)
            other[tool]["extraCLIOptions"] += ["-Xcc", "-mcpu=other"]
            results.check(f"toolset {name} with another flag for {tool}", problems(name, other), "was let through")
    results.check("toolsets", toolsets, "there are none")
    source = ROOT / "Sources/Host/EROFSTools/Plan/FirmwareNeed.swift"
    known = set(re.findall(r'^  case \w+ = "([\w-]+)"', source.read_text(), re.MULTILINE))
    # Machines with less memory than others of their processor are for tests.
    named = {name for name in toolsets if not name.endswith("k")}
    results.check("processors that `erofs plan` knows", known == named, f"{sorted(known ^ named)}")
