# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Counts the cases in an event stream of Swift Testing: Tools/run events EVENTS.

Prints each failed test by name, with what it said first, each skipped test by name, and last "N passed, N failed, N
skipped". A case is one run of a test with one set of arguments; one that cancels itself is skipped. Fails where a case
failed, where none ran, and where the run did not come to its end.
"""

import json
import pathlib
import sys

from ..results import Results


def main():
    return count(sys.argv[1]).end()


def count(path):
    """The results of a run whose events are in a file."""
    started, failed, skipped, messages, ended = {}, {}, {}, {}, False
    # Tests without arguments, of which some runs tell no cases.
    single, begun = set(), []
    lines = pathlib.Path(path).read_text().splitlines() if pathlib.Path(path).exists() else []
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue  # the last line of a run that was killed
        if record["kind"] == "test" and record["payload"].get("isParameterized") is False:
            single.add(record["payload"]["id"])
        if record["kind"] != "event":
            continue
        event = record["payload"]
        case = (event.get("testID", ""), event.get("_testCase", {}).get("id", ""))
        if event["kind"] == "testCaseStarted":
            started[case] = event.get("_testCase", {}).get("displayName", "")
        elif event["kind"] == "testStarted" and case[0] in single:
            begun.append(case)
        elif event["kind"] == "testCaseEnded" or event["kind"] == "testEnded" and case[0] in single:
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
                said = [message["text"] for message in event.get("messages", [])]
                failed.setdefault(case, " ".join(["failed:", *said[:2]]) if said else "failed")
        elif event["kind"] == "runEnded":
            ended = True
    told = {name for name, _ in [*started, *skipped]}
    started.update({case: "" for case in begun if case[0] not in told})
    results = Results()
    for case, arguments in sorted(started.items()):
        name = f"{case[0].rsplit('/', 1)[0]} {arguments}".rstrip()
        results.check(name, case not in failed and case in messages, failed.get(case, "did not end"))
    for case in sorted(failed - started.keys()):
        results.check(case[0].rsplit("/", 1)[0] or "the run", False, failed[case])
    for (name, _), why in sorted(skipped.items()):
        results.skip(name.rsplit("/", 1)[0], why)
    if not started:
        results.check("the run", False, "no test ran")
    elif not ended:
        results.check("the run", False, "it did not come to its end")
    return results
