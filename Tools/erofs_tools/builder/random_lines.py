# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images with random options, the same ones each time: read by the kernel, by fsck.erofs and by `erofs extract`, each of which
has to find the whole tree. Some lines contradict themselves; they are refused with the names of both options."""

import contextlib
import os
import random
import stat
import subprocess

from .readers import fsck_reads, kernel_reads, listing, ours_reads

COUNT = 300
# Of lines, one in so many contradicts itself.
CONTRADICTING = 12
ALGORITHMS = {"lz4": ("lz4", "lz4hc"), "lzma": ("lzma",), "deflate": ("deflate", "libdeflate"), "zstd": ("zstd",)}
LEVELS = {"lz4": ("",), "lz4hc": ("", ",9", ",level=12"), "lzma": ("", ",1", ",109", ",lc=0,lp=2,pb=0"), "deflate": ("", ",9"),
          "libdeflate": ("", ",6", ",12"), "zstd": ("", ",3", ",level=19")}


def make_tree(root):
    """Some 300 KB in which each option finds something to do."""
    chance = random.Random(29)
    words = ["".join(chance.choices("etaoinshrdlu", k=chance.randint(2, 9))) for _ in range(400)]

    def text(size):
        return " ".join(words[min(int(chance.expovariate(1 / 60)), 399)] for _ in range(size)).encode()[:size]

    root.mkdir()
    common = text(30_000)
    files = {"text": text(60_000), "noise": chance.randbytes(20_000), "zeros": bytes(30_000), "empty": b"", "byte": b"x",
             "forty": b"a" * 40 + chance.randbytes(4030), "mixed": text(9000) + chance.randbytes(9000) + text(9000),
             "repeats": chance.randbytes(5000) * 5, "copy-1": common, "copy-2": common, "shifted": text(777) + common,
             "tail": text(3000) + common[-6000:], "hole": text(9000) + bytes(70_000) + text(500)}
    files |= {f"size-{size}": text(size) for size in (511, 512, 4000, 4095, 4096, 4097, 8193, 16_385)}
    for name, content in files.items():
        (root / name).write_bytes(content)
        os.utime(root / name, (0, 1_700_000_000))
    with open(root / "sparse", "wb") as file:
        file.seek(300_000)
        file.write(text(5000))
    many = root / "many"
    many.mkdir()
    for number in range(250):
        os.link(root / f"size-{(511, 512)[number % 2]}", many / f"{number:03}-{'n' * (number % 90)}")
    (root / "empty-folder").mkdir()
    os.symlink("text", root / "link")
    os.symlink("t" * 2500, root / "long-link")
    os.mkfifo(root / "fifo")
    for number in range(1, 5):
        os.setxattr(root / f"size-{(511, 512, 4000, 4095)[number - 1]}", "user.shared.by.several", b"value" * number * 9)
    for name in ("copy-1", "copy-2", "shifted", "mixed"):
        os.setxattr(root / name, "user.same", b"the same of several files")
    os.setxattr(root / "text", "user.large", chance.randbytes(900))
    os.utime(root / "noise", ns=(0, 1_234_567_890_123_456_789))
    os.utime(root / "forty", (0, -86_400))
    os.utime(root / "byte", (0, 5_000_000_000))
    os.chmod(root / "copy-2", 0o4711)
    if os.geteuid() == 0:
        os.mknod(root / "device", 0o600 | stat.S_IFCHR, os.makedev(4, 70_000))
        os.chown(root / "tail", 100_000, 65_536)
        os.setxattr(root / "many", "trusted.overlay.opaque", b"y")


def compression(chance, block):
    formats = chance.sample(sorted(ALGORITHMS), 2)
    names = [chance.choice(ALGORITHMS[each]) for each in formats]
    # Linux mounts no image with clusters of LZ4 of more than 256 blocks.
    cluster = chance.choice([None, block, block * 2, 16_384, 65_536, 65_536, 131_072, block * 256])
    words = ["-z" + ":".join(name + chance.choice(LEVELS[name]) for name in names[:1 + (chance.random() < 0.25)])]
    if ":" in words[0] and chance.random() < 0.6:
        words.append(f"--second-within={chance.choice((0, 10, 100))}")
    if cluster:
        words.append(f"-C{cluster}")
    if chance.random() < 0.3:
        words.append(f"--max-extent-bytes={chance.choice((block, 16_384, 65_536, 1 << 20))}")
    shares = {"ztailpacking": 0.35, "dedupe": 0.4, "legacy-compress": 0.2}
    features = [name for name, share in shares.items() if chance.random() < share]
    features += chance.choice([[], [], ["fragments"], ["all-fragments"], [f"fragments={max(block, 65_536)}"],
                               ["all-fragments", "fragdedupe=inode"]])
    if features:
        words.append("-E" + ",".join(features))
    if chance.random() < 0.25:
        words.append(chance.choice(("--zD", "--zD=1", "--zD=0")))
    if chance.random() < 0.15:
        words.append(f"-m{chance.choice((block, block * 4))}{chance.choice(('', ':zstd', ':lz4'))}")
    return words


def chunks(chance, block):
    words = [f"--chunksize={block << chance.randrange(5)}"]
    if chance.random() < 0.3:
        words.append("--blobdev=BLOB")
    elif chance.random() < 0.4:
        words.append("-E" + chance.choice(("force-chunk-indexes", "force-inode-blockmap")))
    return words + (["-Ededupe"] if chance.random() < 0.4 else [])


def plain(chance, _):
    return [word for word in ("-E^inline_data", "--dsunit=4", "-Ededupe") if chance.random() < 0.4]


def usual(chance, block):
    """What goes together with everything."""
    choices = [("-E48bit", 0.25), ("-Edot-omitted", 0.12), ("-Eforce-inode-extended", 0.15), ("-Enosbcrc", 0.1),
               ("-E^xattr-name-filter", 0.15), ("-Eplain-xattr-prefixes", 0.1), ("--xattr-prefix=user.shared.", 0.2),
               ("--xattr-prefix=trusted.overlay.", 0.2), ("--xattr-inode-digest", 0.15), ("--root-xattr-isize=300", 0.1),
               (f"-x{chance.choice((0, 1, 3))}", 0.5), ("--fsalignblks=8", 0.1), ("--order=ORDER", 0.2), ("-Lrandom", 0.1),
               ("--workers=1", 0.2), ("--MZ", 0.1), (f"--offset={block * 3}", 0.1), ("-T1600000000 --mkfs-time", 0.2),
               ("--memory=1M", 0.1)]
    return [word for words, share in choices if chance.random() < share for word in words.split()]


def contradiction(chance, words):
    """What a line is refused for: words to add, and the names that are then said."""
    choices = [(["--clamp-time", "--mkfs-time", "-T9"], ("--clamp-time", "--mkfs-time")),
               (["--clean", "--incremental"], ("--clean", "--incremental")),
               (["--list=ORDER", "--cpio"], ("--list", "--cpio")),
               (["--blobdev=BLOB", "--chunksize=65536", "-Eforce-inode-blockmap"], ("--blobdev", "force-inode-blockmap"))]
    if any(word.startswith("-z") for word in words):
        choices += [(["--chunksize=65536"], ("--chunksize", "-z")), (["--blobdev=BLOB"], ("--blobdev", "--chunksize"))]
    elif any(word.startswith("--chunksize") for word in words):
        choices += [(["--for=archive"], ("--chunksize", "--for")), (["--tar=i", "--list=ORDER"], ("--tar", "--list"))]
    return chance.choice(choices)


def draw(seed):
    """The options of an image, and, of some, the names of the two that cannot be used together."""
    chance = random.Random(f"options {seed}")
    block = chance.choice((4096, 4096, 4096, 512, 1024, 2048))
    kind = chance.choices((compression, chunks, plain), (70, 20, 10))[0]
    words = kind(chance, block) + usual(chance, block) + ([f"-b{block}"] if block != 4096 or chance.random() < 0.2 else [])
    added, names = contradiction(chance, words) if chance.randrange(CONTRADICTING) == 0 else ([], None)
    chance.shuffle(words)
    return words + added, names


def check(results, mkfs, fsck, mounts, folder, count=COUNT):
    tree, erofs = folder / "random", folder / "erofs"
    make_tree(tree)
    with contextlib.suppress(FileExistsError):
        erofs.symlink_to(mkfs)
    wanted = listing(tree)
    # Whether owners, and attributes of any kind, can be restored.
    is_root = os.geteuid() == 0
    order = folder / "random-order"
    order.write_text("tail\nmany\nhole\ntext\n")
    image, blob = folder / "image", folder / "blob"
    refused, read = 0, {"kernel": 0, "fsck.erofs": 0, "erofs extract": 0}
    for seed in range(count):
        words, names = draw(seed)
        what = f"random options {seed}: {' '.join(words)}"
        options = [word.replace("ORDER", str(order)).replace("BLOB", str(blob)) for word in words]
        for file in (image, blob):
            file.unlink(missing_ok=True)
        made = subprocess.run([mkfs, "--quiet", *options, image, tree], capture_output=True, text=True)
        if names:
            refused += 1
            said = made.stderr.splitlines()[0] if made.stderr else ""
            good = made.returncode == 1 and all(name in said for name in names) and not image.exists() and not blob.exists()
            results.check(f"{what}: refused with both names", good, f"status {made.returncode}: {made.stderr.strip()}")
            continue
        if not results.check(what, made.returncode == 0, made.stderr.strip()):
            continue
        device = blob if "--blobdev=BLOB" in words else None
        offset = next((int(word.split("=")[1]) for word in words if word.startswith("--offset")), 0)
        readers = []
        if mounts:
            readers.append(("kernel", kernel_reads, []))
        # fsck.erofs 1.9.4 reads tails in a metabox wrong, and cuts files with records of 8 bytes at a hole at their end.
        if fsck and is_root and not any(word.startswith(("-m", "--blobdev")) or "chunk-indexes" in word for word in words):
            readers.append(("fsck.erofs", fsck_reads, [fsck]))
        if is_root:
            readers.append(("erofs extract", ours_reads, [erofs]))
        for name, reads, program in readers:
            wrong = reads(*program, image, folder, wanted, device, offset)
            results.check(f"{what}: {name}", not wrong, wrong)
            read[name] += 1
    results.check("random options: some contradict themselves, most do not", 0 < refused <= count // 3, f"{refused} of {count}")
    if not is_root:
        results.skip("images with random options, extracted", "needs root")
    print(f"  {count} random lines of options, {refused} of them refused; images read by "
          + ", ".join(f"{name}: {number}" for name, number in read.items()))
