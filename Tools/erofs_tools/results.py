# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The one way to report what was checked: each failure and each skip on a line of its own, and the counts on the last."""

import re

from .project import Failure

COUNTS = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$")


class Results:
    """Counts of checks. A live one prints each check when it is made, others print failures at the end."""

    def __init__(self, live=False):
        self.passed, self.failures, self.skipped, self.live = 0, [], [], live

    def check(self, what, good, why="", detail=()):
        """Counts a check. `why` says what was wrong where it is not good; `detail` are lines for a live one to show then."""
        if good:
            self.passed += 1
        else:
            self.failures.append(f"{what}: {why}" if why else what)
        if self.live:
            print(f"  ok      {what}" if good else f"  FAILED  {what}: {why}", flush=True)
            for line in () if good else detail:
                print(f"          {line[:160]}", flush=True)
        return good

    def attempt(self, what, action, *arguments, default=None):
        """Counts whether an action ends without a Failure; returns what it returned, or the default."""
        try:
            value = action(*arguments)
        except Failure as problem:
            self.check(what, False, str(problem))
            return default
        self.check(what, True)
        return value

    def skip(self, what, why):
        self.skipped.append(f"{what}: {why}")

    def add(self, other):
        self.passed += other.passed
        self.failures += other.failures
        self.skipped += other.skipped

    def counts(self):
        return f"{self.passed} passed, {len(self.failures)} failed, {len(self.skipped)} skipped"

    def end(self):
        """Prints what failed and what was skipped, and the counts as the last line; returns the exit status."""
        for failure in () if self.live else self.failures:
            print(f"  FAILED {failure}")
        for skip in self.skipped:
            print(f"  SKIPPED {skip}")
        print(self.counts(), flush=True)
        return 1 if self.failures or not self.passed + len(self.skipped) else 0

    def table(self, total, failures):
        """Counts `total` checks of a table, of which those failed that the failures speak of."""
        self.passed += max(0, total - len(failures))
        self.failures += failures


def parse(text):
    """The counts of a report's last line, or None."""
    found = COUNTS.match(text.rstrip().rsplit("\n", 1)[-1])
    return tuple(int(number or 0) for number in found.groups()) if found else None
