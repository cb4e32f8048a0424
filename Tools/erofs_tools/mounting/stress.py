# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""What mounts have to survive: many readers while the cache is full, damaged images, a hundred mounts, fio, and users who are not
root. It needs root and /dev/fuse.

  Tools/run mount-stress [PROGRAM]                                  a short form: ./test mount
  Tools/run mount-stress --seconds 600 --images 1000 [PROGRAM]      the whole

PROGRAM is the built `erofs`; without it, the one of the unit tests.
"""

import argparse
import contextlib
import hashlib
import json
import mmap
import multiprocessing
import os
import pathlib
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time

from .. import images
from ..command import run
from ..project import ROOT, Failure
from ..results import Results

READERS, MOUNTS, USER = 8, 100, 65534
PAGE = 4096
WORDS = [word.encode() for word in "the extent block of an image was read in order and each page is where its inode says".split()]


class Program:
    """The command, and images that it has mounted."""

    def __init__(self, path):
        self.path = path

    def mount(self, image, directory, *options, seconds=30):
        """The outcome of `erofs mount`: None if the image is mounted, else its words."""
        directory.mkdir(exist_ok=True)
        command = [str(self.path), "mount", *options, str(image), str(directory)]
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=seconds)
        if done.returncode not in (0, 1):
            raise Failure(f"erofs mount {image.name}: exit status {done.returncode}: {done.stderr.strip()[-300:]}")
        return None if done.returncode == 0 else done.stderr.strip() or "no words"

    def unmount(self, directory):
        run(self.path, "umount", directory, label="erofs umount")

    def figures(self, directory):
        return json.loads(run(self.path, "mount", "--stats", "--json", directory))

    @contextlib.contextmanager
    def mounted(self, image, directory, *options):
        refused = self.mount(image, directory, *options)
        if refused:
            raise Failure(f"erofs mount {image.name}: {refused}")
        try:
            yield directory
        finally:
            self.unmount(directory)


def servers(directory):
    """The processes that serve a mount: its directory is among their arguments, and /dev/fuse is open."""
    for process in pathlib.Path("/proc").iterdir():
        with contextlib.suppress(OSError):
            if process.name.isdigit() and str(directory).encode() in (process / "cmdline").read_bytes().split(b"\0"):
                if any(os.readlink(file) == "/dev/fuse" for file in (process / "fd").iterdir()):
                    yield process


def memory(process, kind):
    return int(re.search(rf"^{kind}:\s+(\d+) kB", (process / "status").read_text(), re.MULTILINE)[1]) << 10


def make_tree(root):
    """Files of up to 4 MiB that compress to about a half, and many small ones."""
    chance = random.Random(5)
    root.mkdir()
    for number in range(20):
        size = chance.choice((300_001, 1 << 20, 2_500_000, 4 << 20))
        text = bytearray()
        while len(text) < size:
            text += b" ".join(chance.choices(WORDS, k=200)) + chance.randbytes(300)
        (root / f"large-{number}").write_bytes(text[:size])
    for number in range(300):
        (root / f"small-{number}").write_bytes(b" ".join(chance.choices(WORDS, k=number * 3)))


def read_until(end, seed, source, mount, problems, rounds):
    """Reads files whole or in random parts until a time, and compares; the kernel keeps none of it."""
    chance = random.Random(seed)
    names = sorted(os.listdir(source))
    wanted = {name: (source / name).read_bytes() for name in names}
    digests = {name: hashlib.sha256(data).digest() for name, data in wanted.items()}
    page = mmap.mmap(-1, PAGE)
    count = 0
    try:
        while time.monotonic() < end:
            name = chance.choice(names)
            data = wanted[name]
            # With O_DIRECT, each read is a request; without it, the kernel reads ahead.
            direct = chance.random() < 0.3
            file = os.open(mount / name, os.O_RDONLY | (os.O_DIRECT if direct else 0))
            os.posix_fadvise(file, 0, 0, os.POSIX_FADV_DONTNEED)
            if direct:
                for _ in range(64):
                    offset = chance.randrange(len(data) // PAGE + 1) * PAGE
                    found = os.preadv(file, [page], offset)
                    if page[:found] != data[offset:offset + PAGE]:
                        problems.put(f"{name}: {found} bytes at {offset} differ")
            elif chance.random() < 0.5:
                whole = hashlib.sha256()
                while part := os.read(file, 131_072):
                    whole.update(part)
                if whole.digest() != digests[name]:
                    problems.put(f"{name}: its contents differ")
            else:
                for _ in range(16):
                    offset, length = chance.randrange(len(data) + 1), chance.randrange(200_000)
                    if os.pread(file, length, offset) != data[offset:offset + length]:
                        problems.put(f"{name}: {length} bytes at {offset} differ")
            os.close(file)
            count += 1
    except OSError as problem:
        problems.put(str(problem))
    rounds.put(count)


def many_readers(results, program, folder, seconds):
    tree, image = folder / "tree", folder / "readers.erofs"
    cache = 4 << 20
    # The last one is left for the other checks: extents of several MiB take the most memory.
    for options in (["-zzstd", "-C65536", "-Eall-fragments"], ["-zlz4hc", "-C1048576"]):
        what = f"{READERS} readers, {seconds} s, {' '.join(options)}"
        run(program.path, "mkfs", "--quiet", *options, image, tree, label="erofs mkfs")
        problems, rounds = multiprocessing.Queue(), multiprocessing.Queue()
        with program.mounted(image, folder / "mount", "--cache", str(cache)) as mount:
            end = time.monotonic() + seconds
            readers = [multiprocessing.Process(target=read_until, args=(end, seed, tree, mount, problems, rounds))
                       for seed in range(READERS)]
            for reader in readers:
                reader.start()
            time.sleep(seconds / 2)
            half = max((memory(process, "VmHWM") for process in servers(mount)), default=0)
            counts = [rounds.get(timeout=seconds + 120) for _ in readers]
            for reader in readers:
                reader.join()
            figures = program.figures(mount)
            most = max((memory(process, "VmHWM") for process in servers(mount)), default=0)
        found = []
        while not problems.empty():
            found.append(problems.get())
        results.check(f"{what}: every byte is right", not found, "; ".join(found[:3]))
        results.check(f"{what}: each of them was served", min(counts) > 0, f"files read: {counts}")
        full = figures["cache_evictions"] > 0 and figures["cache_most_bytes"] <= cache
        results.check(f"{what}: the cache was full, and not more", full, str(figures))
        # Extents and input of 4 MiB for each of six threads, and the cache. Readers that were kept would take more than that.
        results.check(f"{what}: memory stays bounded", 0 < most < cache + (64 << 20) and most < half * 1.25 + (16 << 20),
                      f"{half} bytes after half of the time, {most} at the end")
        print(f"  {what}: {sum(counts):,} files, {figures['decoded_bytes'] / 1e9:.1f} GB decoded, "
              f"{figures['cache_evictions']:,} extents removed from the cache, at most {most / 1e6:.0f} MB of memory", flush=True)


def walk(directory, seconds):
    """Reads what can be read, for at most so long: (files read, errors)."""
    end, read, errors = time.monotonic() + seconds, 0, 0
    folders = [directory]
    while folders and time.monotonic() < end:
        folder = folders.pop()
        try:
            names = os.listdir(folder)
        except OSError:
            errors += 1
            continue
        for name in names[:200]:
            path = folder / name
            try:
                if path.is_symlink():
                    os.readlink(path)
                elif path.is_dir():
                    folders.append(path)
                elif path.is_file():
                    os.listxattr(path)
                    with open(path, "rb") as file:
                        file.read(1 << 20)
                    read += 1
            except OSError:
                errors += 1
            if time.monotonic() > end:
                break
    return read, errors


def damage(image, chance):
    """Bytes of an image with some of them changed, half of them among the first blocks, where the metadata is."""
    data = bytearray(image.read_bytes())
    for _ in range(chance.randrange(1, 12)):
        end = min(len(data), 16_384) if chance.random() < 0.5 else len(data)
        # The magic number and the checksum stay: an image without them is refused at once.
        position = chance.randrange(1024 + 8, max(end, 1024 + 9))
        if position < len(data):
            data[position] ^= chance.randrange(1, 256)
    # The flag that says that there is a checksum.
    data[1024 + 8] &= 0xFE
    return data


def damaged_images(results, program, folder, count):
    candidates = [path for path in images.References().images if path.stat().st_size < 600_000 and not images.device(path)]
    chance = random.Random(9)
    refused = read = errors = 0
    wrong = []
    mount, image = folder / "mount", folder / "damaged.erofs"
    for number in range(count):
        original = candidates[number % len(candidates)]
        image.write_bytes(damage(original, chance))
        what = f"{original.name} {number}"
        try:
            if program.mount(image, mount, "--cache", "1M"):
                refused += 1
                continue
            more = walk(mount, 1)
            read, errors = read + more[0], errors + more[1]
            # A mount whose server has died answers nothing any more.
            os.statvfs(mount)
            if not any(servers(mount)):
                raise Failure("its server is gone")
            program.unmount(mount)
        except (Failure, OSError, subprocess.TimeoutExpired) as problem:
            wrong.append(f"{what}: {problem}")
            shutil.copy(image, f"{tempfile.gettempdir()}/mount-stress-{number}.erofs")
            subprocess.run(["umount", "-l", mount], capture_output=True)
    results.check(f"{count} damaged images: each mount lives", not wrong, "; ".join(wrong[:3]))
    results.check(f"{count} damaged images: most are mounted, and some files are wrong", refused < count // 2 and errors > 0 < read,
                  f"{refused} refused, {read} files read, {errors} errors")
    print(f"  {count} damaged images: {refused} refused, {read:,} files read, {errors:,} errors, {len(wrong)} servers lost",
          flush=True)


def hundred_mounts(results, program, folder):
    image, mounts = folder / "readers.erofs", [folder / f"mount-{number}" for number in range(MOUNTS)]
    held = []
    try:
        for mount in mounts:
            if refused := program.mount(image, mount, "--cache", "1M"):
                raise Failure(refused)
            held.append(mount)
            for path in sorted(mount.iterdir())[:3]:
                path.read_bytes()
        sizes = [memory(process, "RssAnon") for mount in held for process in servers(mount)]
        total = sum(sizes)
        results.check(f"{MOUNTS} mounts: memory of their own", len(sizes) >= MOUNTS and total < MOUNTS * (6 << 20),
                      f"{total} bytes in {len(sizes)} processes")
        print(f"  {MOUNTS} mounts with a cache of 1 MiB, 3 files read in each: {total / 1e6:.0f} MB of memory of their own",
              flush=True)
    finally:
        for mount in held:
            program.unmount(mount)


def verified_by_fio(results, program, folder):
    if not shutil.which("fio"):
        return results.skip("fio verifies what it wrote before", "there is no fio")
    tree, image = folder / "fio", folder / "fio.erofs"
    tree.mkdir()
    job = ["fio", "--name=job", "--size=8M", "--verify=crc32c", "--verify_interval=4096", "--verify_pattern=0x5aa5%o", "--minimal",
           "--verify_fatal=1"]
    run(*job, f"--filename={tree}/data", "--rw=write", "--bs=4k", "--do_verify=0", label="fio", cwd=folder)
    run(program.path, "mkfs", "--quiet", "-zlz4hc", "-C65536", image, tree, label="erofs mkfs")
    with program.mounted(image, folder / "mount", "--cache", "2M") as mount:
        for words in (["--rw=read", "--bs=64k"], ["--rw=randread", "--bs=4k", "--numjobs=2", "--direct=1"]):
            command = [*job, "--readonly", f"--filename={mount}/data", *words]
            results.attempt(f"fio {' '.join(words)}", lambda: run(*command, label="fio", cwd=folder))
    # The same with a changed byte, which fio has to find: else the checks above say nothing.
    data = bytearray((tree / "data").read_bytes())
    data[3_000_000] ^= 1
    (tree / "data").write_bytes(data)
    run(program.path, "mkfs", "--quiet", "-zlz4hc", "-C65536", image, tree, label="erofs mkfs")
    with program.mounted(image, folder / "mount") as mount:
        command = [*job, "--readonly", f"--filename={mount}/data", "--rw=read", "--bs=64k"]
        found = subprocess.run(command, cwd=folder, capture_output=True)
        results.check("fio finds a changed byte", found.returncode != 0)


# In a mount namespace of its own: where /dev/fuse is for root only, as in many containers, it is replaced there by a node for all.
WITHOUT_ROOT = """
cd "$1" || exit 1
if ! setpriv --reuid=$2 --regid=$2 --clear-groups test -w /dev/fuse; then
  mknod -m 666 fuse c 10 229 && mount --bind fuse /dev/fuse || { echo "no device for all"; exit 1; }
fi
user() { setpriv --reuid="$1" --regid="$1" --clear-groups "${@:2}"; }
user $2 ./erofs mount image mount || { echo "it is not mounted"; exit 1; }
user $2 sha256sum mount/large-0 | cut -c 1-64
user $(($2 + 1)) ls mount && { echo "another user sees it"; exit 1; }
user $2 ./erofs umount mount || { echo "it is not unmounted"; exit 1; }
mountpoint -q mount && { echo "it is still mounted"; exit 1; }
exit 0
"""


def without_root(results, program, folder):
    what = "a user who is not root mounts, reads and unmounts, and another user sees nothing of it"
    if not shutil.which("fusermount3"):
        return results.skip(what, "there is no fusermount3")
    home = pathlib.Path(tempfile.mkdtemp(prefix="erofs-user-"))
    try:
        shutil.copy(folder / "readers.erofs", home / "image")
        shutil.copy(program.path, home / "erofs")
        (home / "mount").mkdir()
        for path in (home, home / "mount"):
            os.chown(path, USER, USER)
        digest = hashlib.sha256((folder / "tree/large-0").read_bytes()).hexdigest()
        command = ["unshare", "-m", "bash", "-c", WITHOUT_ROOT, "bash", home, str(USER)]
        done = subprocess.run(command, capture_output=True, text=True)
        results.check(what, done.returncode == 0 and done.stdout.strip() == digest, (done.stdout + done.stderr)[-300:].strip())
    finally:
        shutil.rmtree(home, ignore_errors=True)
    return None


def main():
    parser = argparse.ArgumentParser(prog="Tools/run mount-stress", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("program", nargs="?", type=pathlib.Path, default=ROOT / ".build-unit/release/erofs")
    parser.add_argument("--seconds", type=int, default=6, help="how long the readers read, for each of two images")
    parser.add_argument("--images", type=int, default=50, help="how many images are damaged")
    arguments = parser.parse_args()
    # A program that was built for coverage would leave its counts here.
    os.environ["LLVM_PROFILE_FILE"] = os.devnull
    results = Results()
    if os.geteuid() != 0 or not os.path.exists("/dev/fuse"):
        results.skip("mounts under load", "needs root and /dev/fuse")
        return results.end()
    if not arguments.program.exists():
        print(f"mount-stress: there is no {arguments.program}; build it, or name another", file=sys.stderr)
        return 2
    program = Program(arguments.program.resolve())
    with tempfile.TemporaryDirectory(prefix="erofs-stress-") as name:
        folder = pathlib.Path(name)
        make_tree(folder / "tree")
        try:
            many_readers(results, program, folder, arguments.seconds)
            hundred_mounts(results, program, folder)
            without_root(results, program, folder)
            verified_by_fio(results, program, folder)
            damaged_images(results, program, folder, arguments.images)
        finally:
            for mount in folder.glob("mount*"):
                if os.path.ismount(mount):
                    subprocess.run(["umount", "-l", mount], capture_output=True)
    return results.end()
