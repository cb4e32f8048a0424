#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Counts the cases in an event stream of Swift Testing: test-results.py EVENTS.

Prints each failed and each skipped test by name, and last "N passed, N failed, N skipped". A case is one run of a test
with one set of arguments; one that cancels itself is skipped. Fails where a case failed, where none ran, and where the
run did not come to its end.
"""

import json
import pathlib
import sys


def main(path):
    started, failed, skipped, messages, ended = {}, set(), {}, {}, False
    lines = pathlib.Path(path).read_text().splitlines() if pathlib.Path(path).exists() else []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if record["kind"] != "event":
            continue
        event = record["payload"]
        case = (event.get("testID", ""), event.get("_testCase", {}).get("id", ""))
        if event["kind"] == "testCaseStarted":
            started[case] = event.get("_testCase", {}).get("displayName", "")
        elif event["kind"] == "testCaseEnded":
            messages.setdefault(case, [])
        elif event["kind"] == "testCaseCancelled":
            # A case that finds out while it runs that something it needs is missing.
            started.pop(case, None)
            skipped[case] = " ".join(event.get("_comments", []))
        elif event["kind"] == "testSkipped":
            said = [message["text"] for message in event.get("messages", [])]
            skipped[case] = said[0] if said else ""
        elif event["kind"] == "issueRecorded" and not event.get("issue", {}).get("isKnown"):
            if event.get("issue", {}).get("severity", "error") == "error":
                failed.add(case)
        elif event["kind"] == "runEnded":
            ended = True
    unfinished = [case for case in started if case not in messages]
    for case in sorted(failed | set(unfinished)):
        name = case[0].rsplit("/", 1)[0]
        what = "did not end" if case in unfinished else "failed"
        print(f"  FAILED {name} {started.get(case, '')}".rstrip() + (": did not end" if what == "did not end" else ""))
    for (name, _), why in sorted(skipped.items()):
        print(f"  SKIPPED {name.rsplit('/', 1)[0]}: {why}")
    bad = failed | set(unfinished)
    count = len(bad)
    if not ended or not started:
        print("  FAILED the run: " + ("no test ran" if not started else "it did not come to its end"))
        count += 1
    print(f"{len(set(started) - bad)} passed, {count} failed, {len(skipped)} skipped")
    return 1 if count else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
