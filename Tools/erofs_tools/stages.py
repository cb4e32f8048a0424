# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""./test             installs missing packages and runs every stage
./test STAGE...    runs these stages; ./test --list names them
./test quick       lint, build, unit, userspace, firmware of one processor, one boot of Linux if its kernel is in the cache

Two stages run at a time where there are two processors and the memory for it (--jobs N): most compilers and machines that a
stage waits for keep one processor busy. What a stage prints comes when it has ended, and is in .build-test. Exit status 0
means that nothing failed; skipped tests are listed with the reason.
"""

import argparse
import contextlib
import json
import os
import platform
import re
import subprocess
import tempfile
import time

from . import results as reports
from .checks import coverage, events
from .command import run, say, timed
from .project import INSTALL, ROOT, Failure
from .results import Results

LOGS = ROOT / ".build-test"
# Tests that share memory between threads: only these run under ThreadSanitizer, where all tests are slow. They are of one
# target, the only one that is built then.
THREADED, THREADED_TARGET = "VirtualMap", "PageVectorsTests"
# The tests decode a lot, so they are built for release, as users build the library; arithmetic and bounds checks stay on.
OPTIONS = ["-c", "release", "-Xswiftc", "-enable-testing"]
# A loop that counts each of its rounds in memory takes a multiple of its time: counts are kept in registers.
UNIT = [*OPTIONS, "-Xswiftc", "-Xllvm", "-Xswiftc", "-do-counter-promotion", "--enable-code-coverage", "--scratch-path",
        ".build-unit"]
# Under the address sanitizer: the libraries that deal with pointers, or hand them to C. Not the command, and not what compares
# with the system; and not what asks how well, rather than how, is encoded.
POINTERS = ("CodecsTests", "EROFSBuilderTests", "EROFSContainersTests", "EROFSMountTests", "EROFSTarTests", "EROFSTests",
            "EROFSToolsTests", "EROFSTreeTests", "EncodersTests", "HostSupportTests", "NoMMUMachineTests", "PageVectorsTests")
NO_POINTERS = ("takesAsMuchAsBisecting", "SearchTests", "behavesAsADictionary")
# Without optimization, as the tests of integrations are about what calls what.
INTEGRATIONS = ["-Xswiftc", "-Onone", "-Xswiftc", "-gnone", "--scratch-path", ".build-integrations"]
# Free memory that a stage may need: SwiftPM runs a compiler for each processor, of up to 1.5 GB.
MEMORY_OF_A_STAGE = 4 << 30
# Of `mkfs-scale`: what takes 10 seconds of a processor.
SMALL_SCALE = ("--files", "2000", "--gigabytes", "0.3", "--tebibytes", "1")
SHOWN_STEPS = 8
MEMORY_FOLDER = "/dev/shm"


def tool(results, what, *words):
    """Runs one of the tools, and adds what the last line of its output counts."""
    log = LOGS / f"{re.sub('[^a-z0-9]+', '-', what.lower())}.log"
    with open(log, "w") as file, timed(f"{' '.join(['Tools/run', *words])}"):
        status = subprocess.run([ROOT / "Tools/run", *words], cwd=ROOT, stdout=file, stderr=subprocess.STDOUT).returncode
    add(results, what, log, status)


def add(results, what, log, status):
    """Adds what the last line of a log counts; a log without such a line is a failure."""
    text = log.read_text(errors="replace")
    lines = text.splitlines()
    counts = reports.parse(text)
    if not counts:
        print("\n".join(line[:300] for line in lines[-40:]))
        results.check(what, False, f"exit status {status}; its log is {log.relative_to(ROOT)}")
        return
    passed, failed, _ = counts
    said = [line[:300] for line in lines[:-1]]
    print("\n".join(said), flush=True)
    results.passed += passed
    shown = [line.split("FAILED", 1)[1].strip() for line in said if re.match(r" *FAILED ", line)]
    # As many as are counted: a line may say more of one failure.
    shown = (shown + ["see its log"] * failed)[:failed]
    results.failures += [f"{what}: {failure[:200]}" for failure in shown]
    results.skipped += [line.split("SKIPPED ", 1)[1] for line in said if re.match(r" *SKIPPED ", line)]
    if status and not failed:
        results.check(what, False, f"exit status {status}")


def swift_build(results):
    log = LOGS / "build.log"
    log.unlink(missing_ok=True)
    if not results.attempt("swift build", lambda: run("swift", "build", "--build-tests", *UNIT, log=log) or True):
        return
    # A file that is not compiled again does not repeat its warnings; only a fresh clone shows all of them.
    warnings = sorted({line[:200] for line in log.read_text().splitlines() if re.search(r"(^|: )warning: ", line)})
    print("\n".join(warnings), end="\n" if warnings else "")
    results.check("compiler warnings", not warnings, f"{len(warnings)}")


@contextlib.contextmanager
def temporary_files():
    """A folder for a test's temporary files: in memory where there is plenty of it and files may have attributes there. On a
    disk, the thousands of files that tests make and remove take a sixth of the tests' time of the processors."""
    place = None
    if os.path.ismount(MEMORY_FOLDER) and free_memory() > 3 * MEMORY_OF_A_STAGE:
        place = MEMORY_FOLDER
    with tempfile.TemporaryDirectory(prefix="erofs-", dir=place, ignore_cleanup_errors=True) as folder:
        # As the usual place: some tests act as another user.
        os.chmod(folder, 0o1777)
        try:
            os.setxattr(folder, "user.erofs", b"")
        except OSError:
            # Since Linux 6.6.
            folder = tempfile.gettempdir()
        yield folder


def swift_test(name, *options, words=(), built=False, **environment):
    """Builds the tests with some options, and runs them with further words; the results of the single cases."""
    log, listed = LOGS / f"{name}.log", LOGS / f"{name}.events"
    listed.unlink(missing_ok=True)
    log.unlink(missing_ok=True)
    problem = ""
    common = {"log": log, "seconds": 3000, "env": {**os.environ, **environment}}
    try:
        if not built:
            run("swift", "build", "--build-tests", *OPTIONS, *options, **common, label=f"swift build for {name}")
        with temporary_files() as folder:
            common["env"]["TMPDIR"] = folder
            run("swift", "test", "--disable-xctest", "--skip-build", *OPTIONS, *options, *words, "--event-stream-version", "0",
                "--event-stream-output-path", listed, **common, label=f"swift test {name}")
    except Failure as failure:
        problem = str(failure)
    results = events.count(listed)
    if problem and not (results.failures and results.passed):
        results.check(f"swift test {name}", False, problem)
    elif problem:
        print(problem[-4000:])
    return results


def unit(results):
    # Built by the stage before.
    if not (ROOT / ".build-unit").exists():
        swift_build(results)
    cases = swift_test("unit", *UNIT[len(OPTIONS):], built=True)
    results.add(cases)
    if cases.failures:
        results.skip("coverage", "the unit tests failed")
        return
    exported = run("swift", "test", *OPTIONS, "--scratch-path", ".build-unit", "--show-codecov-path").strip()
    if not os.path.exists(exported):
        results.skip("coverage", "this toolchain exported none")
        return
    results.check("coverage", coverage.show(exported) == 0)


def small(results):
    """The forms of Core for small machines, which a 64-bit host does not run otherwise, optimized for size as there. The
    fixtures contain one image of each kind."""
    results.add(swift_test("small", "--scratch-path", ".build-small", "-Xswiftc", "-Osize", EROFS_SMALL="1", EROFS_SHARED="none"))


def sanitized(results, name, sanitizer, words=(), **environment):
    """Counts as one check: the cases are those of the unit stage."""
    cases = swift_test(name, f"--sanitize={sanitizer}", "--scratch-path", f".build-{name}", words=words, **environment)
    print(f"  {cases.counts()}")
    results.check(f"tests under the {sanitizer} sanitizer", not cases.failures, "; ".join(cases.failures[:5]))


def integrations(results):
    """The packages for other projects, with stand-ins of those."""
    results.add(swift_test("containerization", "--package-path", "Integrations/Containerization", *INTEGRATIONS))


def asan(results):
    # The command does not free memory before it exits, which is harmless; the modules of Core have no heap at all.
    skipped = [word for name in NO_POINTERS for word in ("--skip", name)]
    sanitized(results, "asan", "address", skipped, EROFS_TESTS=",".join(POINTERS), ASAN_OPTIONS="detect_leaks=0")


def tsan(results):
    pattern = re.compile(rf"(struct|class) \w*({THREADED})\w*")
    tests = [path for path in (ROOT / "Tests").rglob("*.swift") if pattern.search(path.read_text())]
    if not tests:
        results.skip("tests under the thread sanitizer", f"no test matches {THREADED}")
        return
    elsewhere = [str(path.relative_to(ROOT)) for path in tests if ROOT / "Tests" / THREADED_TARGET not in path.parents]
    results.check("targets of tests that share memory", not elsewhere, f"not in {THREADED_TARGET}: {', '.join(elsewhere)}")
    sanitized(results, "tsan", "thread", ["--filter", THREADED], EROFS_TESTS=THREADED_TARGET)


def embedded(results):
    tool(results, "bare-metal gate", "gate")
    tool(results, "the bare-metal gate's own check", "gate", "--must-fail")
    tool(results, "a codec that is left out", "traits")
    tool(results, "a codec that is added", "toy-codec")


def script(results, what, *command):
    log = LOGS / f"{what}.log"
    with open(log, "w") as file, timed(" ".join(command)):
        status = subprocess.run(command, cwd=ROOT, stdout=file, stderr=subprocess.STDOUT).returncode
    add(results, what, log, status)


def linux(results, *words):
    release = (platform.system() == "Linux" and open("/etc/os-release").read()) or ""
    if not re.search(r"^ID=debian$", release, re.MULTILINE):
        results.skip("Linux without an MMU", "its source is Debian's linux-source")
        return
    try:
        run(INSTALL / "packages.sh", "linux")
    except Failure:
        results.skip("Linux without an MMU", "its compilers and QEMU cannot be installed here")
        return
    tool(results, " ".join(["Linux without an MMU", *words]), "linux", *words)


class Stage:
    """A part of ./test: what it does, the stages that it uses something of, and whether it needs the machine for itself."""

    def __init__(self, action, after=(), alone=False):
        self.action, self.after, self.alone = action, after, alone


# In the order in which they begin: those that others wait for, then the long ones.
STAGES = {
    "lint": Stage(lambda results: tool(results, "lint", "lint")),
    "build": Stage(swift_build),
    "firmware": Stage(lambda results: (tool(results, "firmware under QEMU", "firmware"),
                                       tool(results, "what firmware takes", "measure", "--check"))),
    "unit": Stage(unit, after=["build"]),
    "asan": Stage(asan),
    "linux": Stage(lambda results: linux(results, "--except", "race")),
    "embedded": Stage(embedded),
    "small": Stage(small),
    "tsan": Stage(tsan),
    "mkfs": Stage(lambda results: (tool(results, "images of mkfs", "mkfs-matrix"),
                                   tool(results, "large files and trees of mkfs", "mkfs-scale", *SMALL_SCALE)),
                  after=["build"]),
    "mount": Stage(lambda results: (tool(results, "mounts under load", "mount-stress"),
                                    tool(results, "the volume for macOS", "fskit")), after=["build"]),
    "registry": Stage(lambda results: tool(results, "images of registries", "registry")),
    "integrations": Stage(integrations),
    "userspace": Stage(lambda results: tool(results, "userspace", "userspace")),
    "documentation": Stage(lambda results: tool(results, "documentation", "documentation", *UNIT), after=["unit"]),
    "fuzz": Stage(lambda results: script(results, "fuzz replay", "./fuzz", "--replay")),
    "c": Stage(lambda results: tool(results, "Core as C", "c"), after=["build"]),
    "bench": Stage(lambda results: script(results, "benchmarks", "./bench", "--check")),
    # Whether processors meet depends on what else this machine does.
    "race": Stage(lambda results: linux(results, "race"), alone=True),
}
# Less of a stage, for `quick` only.
QUICK = {
    "quick-firmware": Stage(lambda results: tool(results, "firmware under QEMU", "firmware", "--machine", "cortex-m3")),
    "quick-linux": Stage(lambda results: linux(results, "quick")),
}
QUICK_STAGES = ("build", "lint", "quick-firmware", "unit", "userspace", "quick-linux")


def run_stage(name):
    """Runs one stage in this process; leaves its results for the one that started it."""
    results = Results()
    try:
        {**STAGES, **QUICK}[name].action(results)
    except Failure as problem:
        results.check(name, False, str(problem))
    (LOGS / f"{name}.json").write_text(json.dumps([results.passed, results.failures, results.skipped]))
    return 1 if results.failures else 0


class Running:
    """A stage in a process of its own, so that its time of the processors can be told."""

    def __init__(self, name):
        self.name, self.start = name, time.monotonic()
        for kind in ("json", "times"):
            (LOGS / f"{name}.{kind}").unlink(missing_ok=True)
        environment = {**os.environ, "EROFS_TIMES": str(LOGS / f"{name}.times")}
        self.output = open(LOGS / f"{name}.out", "w+")
        self.process = subprocess.Popen([ROOT / "Tools/run", "test", "--in-process", name], cwd=ROOT, env=environment,
                                        stdin=subprocess.DEVNULL, stdout=self.output, stderr=subprocess.STDOUT)

    def end(self, usage):
        self.seconds, self.processor = time.monotonic() - self.start, usage.ru_utime + usage.ru_stime
        self.results = Results()
        written = LOGS / f"{self.name}.json"
        if written.exists():
            self.results.passed, self.results.failures, self.results.skipped = json.loads(written.read_text())
        else:
            self.results.check(self.name, False, f"it did not come to its end; what it said is in {LOGS.name}/{self.name}.out")
        self.output.seek(0)
        print(f"== {self.name}\n{self.output.read().rstrip()}")
        self.output.close()
        good = "FAILED" if self.results.failures else "ok"
        print(f"   {self.name}: {good}, {self.seconds:.0f} s ({self.processor:.0f} s of a processor)", flush=True)

    def steps(self):
        """(seconds, how often, what) of its steps, the longest first. Some are part of others, or ran side by side."""
        path, total = LOGS / f"{self.name}.times", {}
        for line in path.read_text().splitlines() if path.exists() else ():
            seconds, label = line.split("\t", 1)
            before = total.get(label, (0, 0))
            total[label] = (before[0] + float(seconds), before[1] + 1)
        return sorted(((seconds, count, label) for label, (seconds, count) in total.items()), reverse=True)


def free_memory():
    try:
        found = re.search(r"MemAvailable: +(\d+) kB", open("/proc/meminfo").read())
        return int(found[1]) << 10
    except OSError:
        return 2 * MEMORY_OF_A_STAGE


def run_stages(names, jobs):
    """Runs stages, so many at a time, each when those that it uses something of have ended."""
    waiting, running, done = list(names), {}, []
    known = {**STAGES, **QUICK}

    def may_begin(name):
        if any(known[other.name].alone for other in running.values()):
            return False
        if known[name].alone:
            return not running and all(known[other].alone for other in waiting)
        unfinished = {*waiting, *(other.name for other in running.values())}
        return not unfinished & set(known[name].after)

    while waiting or running:
        while waiting and len(running) < jobs and (not running or free_memory() > MEMORY_OF_A_STAGE):
            name = next((name for name in waiting if may_begin(name)), None)
            if name is None:
                break
            waiting.remove(name)
            started = Running(name)
            running[started.process.pid] = started
        # wait4 says how much of the processors a stage and all that it started took.
        process, status, usage = os.wait4(-1, 0)
        if process in running:
            ended = running.pop(process)
            ended.process.returncode = os.WEXITSTATUS(status) if os.WIFEXITED(status) else -1
            ended.end(usage)
            done.append(ended)
    return done


def summary(done, seconds):
    """Where the time went, what failed and what was skipped; the counts are the last line."""
    processor = sum(stage.processor for stage in done)
    print(f"\nwhere the time went: {seconds:.0f} s, {processor:.0f} s of processors; by stage, longest steps below\n")
    for stage in sorted(done, key=lambda stage: -stage.processor):
        print(f"  {stage.name:16}{stage.seconds:7.0f} s {stage.processor:7.0f} s of a processor")
        for spent, count, label in stage.steps()[: SHOWN_STEPS if stage.processor > processor / 20 else 0]:
            if spent >= 1:
                print(f"      {spent:9.0f} s  {label[:90]}{f' ({count} times)' if count > 1 else ''}")
    total = Results()
    for stage in done:
        total.add(stage.results)
    print("\nsummary")
    return total.end()


def prepare():
    """Installs what is missing, and says what cannot be had."""
    LOGS.mkdir(exist_ok=True)
    if subprocess.run([INSTALL / "packages.sh", "test"]).returncode:
        say("  some packages are missing; tests that need them will fail")
    try:
        os.environ["EROFS_PEERS"] = run(INSTALL / "peers.sh", label="install peers").strip()
    except Failure as problem:
        os.environ.pop("EROFS_PEERS", None)
        # Nothing else needs to try again.
        os.environ["EROFS_OFFLINE"] = "1"
        say(f"  no newer erofs-utils to compare with: {str(problem).splitlines()[-1]}")
    os.environ["SWIFT_BACKTRACE"] = "enable=no"


def main():
    parser = argparse.ArgumentParser(prog="./test", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--list", action="store_true", help="name the stages")
    parser.add_argument("--jobs", type=int, default=min(2, os.cpu_count() or 1), help="stages at a time")
    parser.add_argument("--in-process", choices=[*STAGES, *QUICK], help=argparse.SUPPRESS)
    parser.add_argument("stages", nargs="*", choices=[[], *STAGES, "quick"], metavar="STAGE")
    arguments = parser.parse_args()
    if arguments.list:
        print("\n".join(STAGES))
        return 0
    if arguments.in_process:
        return run_stage(arguments.in_process)
    names = [name for name in STAGES if name in arguments.stages or not arguments.stages]
    if "quick" in arguments.stages:
        names = [*QUICK_STAGES, *(name for name in names if name not in QUICK_STAGES)]
    start = time.monotonic()
    prepare()
    done = run_stages(names, max(1, arguments.jobs))
    return summary(done, time.monotonic() - start)
