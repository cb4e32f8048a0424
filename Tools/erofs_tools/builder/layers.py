# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images made of images: what the kernel shows of a merged image is what its overlayfs shows of the layers, whether the merged
image refers to them as devices, is followed by them in one file, or contains copies."""

import contextlib
import os
import random
import stat
import subprocess
import tarfile

from ..command import run

# What each layer has over the one below; run as root in the layer's folder.
SCRIPTS = {
    "lower": """
        mkdir -p etc usr/lib op gone/deep turns keep/a/b both; seq 1 9000 > usr/lib/text; seq 1 4000 > usr/lib/other
        echo host > etc/host; echo old > op/old; echo x > gone/deep/x; echo file > becomes-directory; seq 1 700 > turns/in
        ln usr/lib/text hard; ln usr/lib/text etc/again; ln -s etc/host link; mkfifo fifo; mknod null c 1 3; : > empty
        truncate -s 3000000 sparse; echo middle | dd of=sparse bs=1 seek=1000000 conv=notrunc 2>/dev/null
        setfattr -n user.layer -v lower both; setfattr -n security.thing -v lower etc/host; chown 70000:5 keep/a
        chmod 4755 etc/again; touch -d @1000000000 keep; echo three > x3; ln x3 x4; ln x3 x5""",
    "middle": """
        mkdir -p etc op becomes-directory both keep/a; mknod gone c 0 0; mknod turns c 0 0; echo new > op/new
        setfattr -n trusted.overlay.opaque -v y op; setfattr -n trusted.overlay.opaque -v y .
        seq 1 3000 > etc/host; seq 1 5000 > becomes-directory/content
        setfattr -n user.layer -v middle both; mknod x4 c 0 0; ln etc/host etc/host2; mknod nothing c 0 0
        touch -d @1100000000.5 keep/a; echo m > both/m; rmdir op/none 2>/dev/null; chmod 700 becomes-directory""",
    "upper": """
        mkdir -p turns op gone both/sub; seq 1 2500 > turns/anew; echo top > op/top; mknod etc c 0 0; echo back > gone/back
        setfattr -n user.layer -v upper both; setfattr -n trusted.other -v 1 turns; ln -s nowhere both/m; mknod null c 0 0
        echo a > both/sub/a; ln both/sub/a both/b; mkdir empty; head -c 4096 /dev/zero | tr '\\0' b > block""",
}

# Options of the layers' images, and whether the merged image can refer to them.
FORMS = [
    ("-Enoinline_data", True),
    ("", True),
    ("-b512 -Enoinline_data", True),
    ("--chunksize=4096", True),
    ("-E48bit --dsunit=4", True),
    ("tar index", True),
    ("-zlz4hc -Efragments,dedupe -C65536", False),
    ("-x1 --xattr-prefix=trusted.overlay. --xattr-prefix=user.la -zzstd", False),
]


def check(results, mkfs, folder, listing, difference, mounts, peer):
    """`listing` and `difference` are those of the matrix; `peer` is mkfs.erofs 1.9.4, or None. Returns whether the kernel can
    say what is right."""
    if not mounts:
        results.skip("merged images are what overlayfs shows", "needs root and a kernel with EROFS")
        return False
    if not has_overlay():
        results.skip("merged images are what overlayfs shows", "the kernel has no overlayfs")
        return False
    trees = folder / "layers"
    for name, script in SCRIPTS.items():
        (trees / name).mkdir(parents=True)
        subprocess.run(["sh", "-c", script], cwd=trees / name, check=True, stderr=subprocess.DEVNULL)
    for options, can_refer in FORMS:
        layers = [make(mkfs, options, trees / name, folder / f"{name}.layer") for name in SCRIPTS]
        wanted = overlay(layers, folder, listing)
        for mode in (["--clean=data"], *([[]] if can_refer else [])):
            for strip in ("1", "0"):
                title = f"layers of {options or 'no options'}, merged with {' '.join(mode) or 'references'}, strip={strip}"
                image = folder / "merged"
                made = subprocess.run([mkfs, "--aufs", f"--ovlfs-strip={strip}", "--quiet", *mode, image, *layers],
                                      capture_output=True, text=True)
                if not results.check(title, made.returncode == 0 and not made.stderr, made.stderr.strip()):
                    continue
                devices = [] if mode else layers
                if strip == "1":
                    compare(results, title, wanted, shown(image, devices, folder, listing), difference)
                else:
                    # As the one layer that it is: what is left for overlayfs still means the same.
                    compare(results, title, wanted, overlay([image], folder, listing, devices), difference)
                if devices and strip == "1":
                    size = image.stat().st_size
                    results.check(f"{title}: metadata only", size <= 32768, f"{size} bytes")
                    both = folder / "flat"
                    both.write_bytes(b"".join(path.read_bytes() for path in [image, *layers]))
                    compare(results, f"{title}, in one file", wanted, shown(both, [], folder, listing), difference)
    as_one_disk(results, mkfs, folder)
    if peer:
        as_the_peer(results, mkfs, peer, trees, folder, listing, difference)
    return True


def make(mkfs, options, tree, image):
    if options == "tar index":
        archive = image.with_suffix(".tar")
        run("tar", "--xattrs", "--xattrs-include=*", "-cf", archive, "-C", tree, ".")
        run(mkfs, "--quiet", "--tar=i", image, archive)
        # What follows the last member is not on the device.
        with tarfile.open(archive) as members:
            end = max(member.offset_data + -(-member.size // 512) * 512 for member in members)
        image.write_bytes(image.read_bytes() + archive.read_bytes()[:end])
    else:
        run(mkfs, "--quiet", *options.split(), image, tree)
    return image


def as_one_disk(results, mkfs, folder):
    """A virtual disk of the merged image and its layers, of the last form that can be referred to."""
    layers = [make(mkfs, "-Enoinline_data", folder / "layers" / name, folder / f"{name}.layer") for name in SCRIPTS]
    image, disk, raw = folder / "merged", folder / "disk.vmdk", folder / "disk.raw"
    run(mkfs, "--quiet", f"--vmdk-desc={disk}", image, *layers)
    run("qemu-img", "convert", "-O", "raw", disk, raw)
    parts = b"".join(path.read_bytes() for path in [image, *layers])
    results.check("--vmdk-desc of a merged image: the image and its layers", raw.read_bytes()[:len(parts)] == parts)


def as_the_peer(results, mkfs, peer, trees, folder, listing, difference):
    layers = [make(mkfs, "-Enoinline_data", trees / name, folder / f"{name}.layer") for name in SCRIPTS]
    found = []
    for program in (mkfs, peer):
        image = folder / "merged"
        run(program, "--quiet", "--aufs", "--ovlfs-strip=1", image, *layers)
        lines, links = shown(image, layers, folder, listing)
        # It forgets what the layers say of their roots.
        del lines["."]
        found.append((lines, links))
    compare(results, "a merged image has the tree of that of mkfs.erofs 1.9.4", found[1], found[0], difference)


def hostile(results, mkfs, folder, count):
    """Layers with wrong bytes, mostly in their metadata: what is made of them is an image or an error."""
    chance = random.Random(20)
    tree, good, bad, image = folder / "hostile-tree", folder / "good.layer", folder / "bad.layer", folder / "hostile-merged"
    tree.mkdir()
    script = "mkdir d; seq 1 4000 > d/text; ln d/text hard; ln -s d link; seq 1 300 > few; setfattr -n user.long.a -v b few"
    subprocess.run(["sh", "-c", script], cwd=tree, check=True)
    originals = [make(mkfs, options, tree, good).read_bytes() for options in
                 ("-Enoinline_data", "-zlz4 -Efragments", "--chunksize=4096 -x1 --xattr-prefix=user.long.", "-zlz4 -m4096", "")]
    outcomes = {0: 0, 1: 0}
    for _ in range(count):
        content = bytearray(chance.choice(originals))
        for _ in range(chance.randint(1, 5)):
            place = chance.choice([1024 + chance.randrange(144), 1152 + chance.randrange(2900), chance.randrange(len(content))])
            content[place] = chance.choice([chance.randrange(256), 0, 0xFF, content[place] ^ 1])
        if chance.random() < 0.1:
            del content[chance.randrange(len(content)):]
        bad.write_bytes(content)
        options = chance.choice([[], ["--clean=data"], ["--clean=data", "-zlz4"], ["--clean=rvsp"], ["--ovlfs-strip"]])
        try:
            made = subprocess.run([mkfs, "--quiet", *options, image, *chance.sample([good, bad], 2)], capture_output=True,
                                  timeout=60)
            wrong = made.returncode not in outcomes or b"fault in swift-erofs" in made.stderr
            outcomes[made.returncode] = outcomes.get(made.returncode, 0) + 1
            text = f"status {made.returncode}: {made.stderr[-300:]}"
        except subprocess.TimeoutExpired:
            wrong, text = True, "takes more than a minute"
        if wrong:
            kept = folder.parent / f"hostile-{chance.randrange(1 << 32):08x}.layer"
            kept.write_bytes(content)
            results.check("layers with wrong bytes", False, f"{kept}: {' '.join(options)}: {text}")
            return
    results.check(f"{count} layers with wrong bytes: {outcomes[0]} images, {outcomes[1]} errors",
                  min(outcomes.values()) > count // 20)


def compare(results, title, wanted, found, difference):
    for left, right, what in zip(wanted, found, ("tree", "hard links")):
        if isinstance(left, dict):
            wrong = difference(left, right)
        else:
            wrong = "" if left == right else f"{left} became {right}"
        results.check(f"{title}: the {what} that overlayfs shows", not wrong, wrong)


def state(root, listing):
    """Everything but link counts, of which overlayfs knows those of one layer only, and the names that are one file."""
    lines = {path: line[:5] + line[6:] for path, line in listing(root).items()}
    groups = {}
    for path in lines:
        status = os.lstat(root / path)
        if not stat.S_ISDIR(status.st_mode):
            groups.setdefault((status.st_dev, status.st_ino), []).append(path)
    return lines, sorted(sorted(group) for group in groups.values() if len(group) > 1)


def has_overlay():
    return any(line.split()[-1] == "overlay" for line in open("/proc/filesystems")) or subprocess.run(
        ["modprobe", "overlay"], capture_output=True).returncode == 0


@contextlib.contextmanager
def mounted(image, devices, point):
    point.mkdir(exist_ok=True)
    with contextlib.ExitStack() as stack:
        loops = []
        for device in devices:
            loops.append(run("losetup", "--find", "--show", "--read-only", device).strip())
            stack.callback(run, "losetup", "--detach", loops[-1])
        run("mount", "-t", "erofs", "-o", ",".join(["loop", "ro", *(f"device={loop}" for loop in loops)]), image, point)
        stack.callback(run, "umount", point)
        yield point


@contextlib.contextmanager
def directories(below, folder):
    """What overlayfs shows of directories, the lowest first."""
    point = folder / "overlay"
    point.mkdir(exist_ok=True)
    run("mount", "-t", "overlay", "-o", "ro,lowerdir=" + ":".join(str(path) for path in reversed(below)), "overlay", point)
    try:
        yield point
    finally:
        run("umount", point)


def shown(image, devices, folder, listing):
    with mounted(image, devices, folder / "mount") as point:
        return state(point, listing)


def overlay(layers, folder, listing, devices=()):
    """What overlayfs shows of images, the lowest first; `devices` are those of each."""
    with contextlib.ExitStack() as stack:
        points = [stack.enter_context(mounted(image, devices, folder / f"layer-{number}"))
                  for number, image in enumerate(layers)]
        # It wants two at least.
        empty = folder / "no-layer"
        empty.mkdir(exist_ok=True)
        point = stack.enter_context(directories([*([empty] if len(points) == 1 else []), *points], folder))
        return state(point, listing)
