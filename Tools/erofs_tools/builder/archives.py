# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""Images made of tar archives: the kernel reads from them what GNU tar extracts, whichever program wrote the archive, in
whichever form, from a file or a pipe. And thousands of archives with wrong bytes, which may neither crash nor hang mkfs."""

import random
import resource
import shlex
import shutil
import struct
import subprocess
import tarfile
import zlib

from ..command import run

# How an archive of the current folder is written to standard output.
WRITERS = {
    "gnu": "tar -c -S -H gnu .",
    "pax": "tar -c -H pax --xattrs --xattrs-include=* .",
    "pax, sparse 0.0": "tar -c -S -H pax --sparse-version=0.0 --xattrs --xattrs-include=* .",
    "pax, sparse 0.1": "tar -c -S -H pax --sparse-version=0.1 .",
    "pax, sparse 1.0": "tar -c -S -H pax --sparse-version=1.0 --xattrs --xattrs-include=* .",
    "bsdtar, pax": "bsdtar -c --format pax --xattrs --read-sparse -f - .",
    "gzip": "tar -c -z -H pax .",
    "xz": "tar -c -J -H pax .",
    "zstd": "tar -c --zstd -H pax .",
    "bzip2": "tar -c -j -H gnu .",
}

# The command lines of others; their archives come through a pipe.
LINES = """
--quiet --force-uid=0 --force-gid=0 -L nix-store -U eb176051-bd15-49b7-9e6b-462e0b467019 -T 0 --hard-dereference --tar=f
--tar=f --aufs --quiet -Enoinline_data -b4096 -T0 --mkfs-time --sort=none -U 6ba7b811-9dad-51d1-80b4-00c04fd430c8
--tar=f --aufs --quiet -Enoinline_data -b4096 -zlz4 -C 65536 --sort=none
"""

LARGEST_IMAGE = 16 << 20


def check(results, mkfs, tree, folder, kernel_reads, listing, mounts):
    """`kernel_reads` and `listing` are those of the matrix; without `mounts` images are made only."""
    archive, extracted, image = folder / "archive", folder / "extracted", folder / "image"
    for name, writer in WRITERS.items():
        if not shutil.which(shlex.split(writer)[0]):
            results.skip(f"tar archives ({name})", "no such program")
            continue
        with open(archive, "wb") as output:
            made = subprocess.run(shlex.split(writer), cwd=tree, stdout=output, stderr=subprocess.PIPE, text=True)
        if not results.check(f"tar archives ({name}): written", made.returncode == 0, made.stderr[-300:]):
            continue
        extracted.mkdir()
        run("tar", "--numeric-owner", "--delay-directory-restore", "--xattrs", "--xattrs-include=*", "-xpf", archive, "-C",
            extracted)
        wanted = listing(extracted)
        shutil.rmtree(extracted)
        digests = set()
        for source in ("a file", "a pipe"):
            options = ["-T0", "--mkfs-time", f"--workers={1 if source == 'a file' else 3}", "--quiet", "--tar=f", image]
            made = (subprocess.run([mkfs, *options, archive], capture_output=True, text=True) if source == "a file" else
                    piped([mkfs, *options], archive))
            if not results.check(f"tar archives ({name}) from {source}", made.returncode == 0, made.stderr.strip()):
                continue
            digests.add(image.read_bytes())
            reads = mounts and (lambda image, folder, *device: kernel_reads(image, folder, wanted, *device))
            stays(results, mkfs, name, source, archive, folder, reads)
            if mounts:
                wrong = kernel_reads(image, folder, wanted)
                results.check(f"tar archives ({name}) from {source}: the kernel's tree", not wrong, wrong)
        results.check(f"tar archives ({name}): one image", len(digests) == 1, "the images differ")
    plain, copy = folder / "plain", folder / "copy"
    run("sh", "-c", f"cd '{tree}' && tar -c -H pax . > '{plain}' && gzip -c '{plain}' > '{archive}'")
    images = []
    for options in [["--tar", image, plain], [f"--ungzip={copy}", "--tar", image, archive], [image, plain]]:
        made = subprocess.run([mkfs, "--quiet", "-T0", *options], capture_output=True, text=True)
        results.check(f"mkfs.erofs {' '.join(map(str, options))}", made.returncode == 0, made.stderr.strip())
        images.append(image.read_bytes())
    results.check("--ungzip=FILE writes what the archive decompresses to", copy.read_bytes() == plain.read_bytes())
    results.check("a plain, a compressed and a recognized archive give one image", len(set(images)) == 1)
    for source, status in ((plain, 0), (archive, 1)):
        made = subprocess.run([mkfs, "--strict", "--tar=i", image, source], capture_output=True, text=True)
        results.check(f"--tar=i of {source.name} warns if the archive has to be stored decompressed",
                      made.returncode == status and ("must be stored" in made.stderr) == (status == 1), made.stderr.strip())
    gzip_index(results, mkfs, folder)
    for line in LINES.strip().split("\n"):
        made = piped([mkfs, *shlex.split(line), image], archive)
        results.check(f"mkfs.erofs {line}", made.returncode == 0, made.stderr.strip())


def stays(results, mkfs, name, source, archive, folder, kernel_reads):
    """Contents stay in the archive: containerd's line, after which the archive is appended; the archive as a device; and an image
    that gets its contents later, by the map of what belongs where."""
    image, plain, mapped, map_file = folder / "index", folder / "plain", folder / "mapped", folder / "map"
    run("sh", "-c", f"bsdcat '{archive}' > '{plain}'")
    common = ["--quiet", "-T0", "--mkfs-time"]

    def make(*options):
        made = (subprocess.run([mkfs, *common, *options, archive], capture_output=True, text=True) if source == "a file" else
                piped([mkfs, *common, *options], archive))
        return results.check(f"{options[0]} ({name}) from {source}", made.returncode == 0, made.stderr.strip())

    if make("--tar=i", "--aufs", image):
        size = image.stat().st_size
        results.check(f"--tar=i ({name}): metadata only", size < plain.stat().st_size // 8, f"{size} bytes")
        if kernel_reads:
            wrong = kernel_reads(image, folder, plain)
            results.check(f"--tar=i ({name}) from {source}, with the archive as device: the kernel's tree", not wrong, wrong)
            with open(image, "ab") as output:
                output.write(plain.read_bytes())
            wrong = kernel_reads(image, folder)
            results.check(f"--tar=i ({name}) from {source}, with the archive appended: the kernel's tree", not wrong, wrong)
    if make(f"--tar=i,{map_file}", mapped):
        whole, content = bytearray(mapped.read_bytes()), plain.read_bytes()
        for line in map_file.read_text().splitlines():
            words = line.split()
            block, count, place = (int(word, 16) for word in words[:3])
            size = count * 4096 - (int(words[3]) if len(words) > 3 else 0)
            whole[block * 4096:block * 4096 + size] = content[place:place + size]
        mapped.write_bytes(whole)
        if kernel_reads:
            wrong = kernel_reads(mapped, folder)
            results.check(f"--tar=i,MAP ({name}) from {source}, contents copied: the kernel's tree", not wrong, wrong)


def large(results, mkfs, folder, mounts):
    """An archive of more than 2 TB, nearly all of it a hole, in which a name occurs twice: the last one counts."""
    archive, image, size = folder / "large.tar", folder / "large", 3 << 40
    contents = [("twice", b"the first"), ("behind", b"behind" * 10_000), ("twice", b"the second one")]
    with open(archive, "wb") as file:
        def begin(name, count):
            member = tarfile.TarInfo(name)
            member.size = count
            file.write(member.tobuf(tarfile.PAX_FORMAT))

        begin("large", size)
        start = file.tell()
        file.write(b"first")
        try:
            file.seek(start + size - 4)
            file.write(b"last")
        except OSError as problem:
            results.skip("an archive of 3 TiB", str(problem))
            return
        for name, content in contents:
            begin(name, len(content))
            file.write(content.ljust((len(content) + 511) // 512 * 512, b"\0"))
        file.write(bytes(1024))
    made = subprocess.run([mkfs, "--quiet", "--tar=i", image, archive], capture_output=True, text=True)
    results.check("--tar=i of 3 TiB without -E48bit: says what it needs", made.returncode == 1 and "48-bit" in made.stderr,
                  made.stderr)
    made = subprocess.run([mkfs, "--quiet", "--tar=i", "-E48bit", image, archive], capture_output=True, text=True)
    if results.check("--tar=i -E48bit of 3 TiB", made.returncode == 0, made.stderr) and mounts:
        results.check("--tar=i -E48bit of 3 TiB: the kernel's tree", *large_as_the_kernel_reads(image, archive, folder, size,
                                                                                                dict(contents)))
    archive.unlink()


def large_as_the_kernel_reads(image, archive, folder, size, contents):
    """Whether all is as it should be, and what was found."""
    mount = folder / "mount"
    mount.mkdir(exist_ok=True)
    device = run("losetup", "--find", "--show", "--read-only", archive).strip()
    try:
        run("mount", "-t", "erofs", "-o", f"loop,ro,device={device}", image, mount)
        try:
            found = {name: (mount / name).read_bytes() for name in contents}
            with open(mount / "large", "rb") as file:
                ends = file.read(5), file.seek(size - 4), file.read()
            return found == contents and ends == (b"first", size - 4, b"last"), f"{ends}"
        finally:
            run("umount", mount)
    finally:
        run("losetup", "--detach", device)


def gzip_index(results, mkfs, folder):
    """From each point of --gzinfo the archive is decompressed as it is from its start."""
    plain, archive, index, image = (folder / name for name in ("long.tar", "long.tgz", "zinfo", "image"))
    large, chance = folder / "long", random.Random(5)
    large.mkdir()
    # Lines that are not all the same, so that there are many blocks.
    (large / "text").write_text("".join(f"{chance.randrange(1 << 40)}\n" for _ in range(800_000)))
    run("sh", "-c", f"cd '{large}' && tar -c . > '{plain}'")
    content = plain.read_bytes()
    cut = len(content) // 3
    archive.write_bytes(b"".join(zlib.compress(part, 1, wbits=31) for part in (content[:cut], content[cut:])))
    for options in (["--tar=i", f"--gzinfo={index}"], ["--tar=f", f"--gzinfo={index}", f"--ungzip={folder / 'copy'}"]):
        index.unlink(missing_ok=True)
        made = subprocess.run([mkfs, "--quiet", "--strict", *options, image, archive], capture_output=True, text=True)
        if not results.check(f"{options[0]} --gzinfo", made.returncode == 0, made.stderr):
            return
        wrong = [place for place, found in points(index, archive) if content[place:place + len(found)] != found]
        places = [place for place, _ in points(index, archive)]
        results.check("--gzinfo: each point leads into the archive",
                      not wrong and places[0] == 0 and cut in places and len(places) > 2, f"{wrong} of {places}")
    made = subprocess.run([mkfs, "--quiet", f"--gzinfo={index}", "--tar", image, plain], capture_output=True, text=True)
    results.check("--gzinfo of what is no gzip is refused", made.returncode == 1 and "no gzip" in made.stderr, made.stderr)


def points(index, archive):
    """Places of the decompressed archive, and some bytes from there on."""
    head, content = index.read_bytes(), archive.read_bytes()
    count, _ = struct.unpack_from("<IQ", head)
    found = []
    for number in range(count):
        start = 12 + number * (17 + 32768)
        place, output, bits = struct.unpack_from("<QQB", head, start)
        # The block begins inside the byte before.
        raw = content[place - (bits > 0):][:100_000]
        shifted = (int.from_bytes(raw, "little") >> ((8 - bits) % 8)).to_bytes(len(raw), "little")
        decoder = zlib.decompressobj(-15, zdict=head[start + 17:start + 17 + 32768])
        found.append((output, decoder.decompress(shifted, 50_000)))
    return found


def as_the_peer(results, mkfs, tree, folder, peer):
    """Maps, and places on the extra device, as mkfs.erofs 1.9.4 has them. It knows no sparse files."""
    archive = folder / "dense"
    run("sh", "-c", f"cd '{tree}' && tar -c -H gnu . > '{archive}'")
    found = {}
    for program in (mkfs, peer):
        image, map_file = folder / "image", folder / "map"
        lists = []
        for options in ([f"--tar=i,{map_file}"], ["--tar=i"]):
            run(program, "--quiet", *options, image, archive)
            if "," in options[0]:
                # Blocks of the image may be others.
                lists.append(sorted(line.split()[1:] for line in map_file.read_text().splitlines()))
            else:
                shown = run(peer.with_name("dump.erofs"), image)
                lists.append([line for line in shown.splitlines() if "block size" in line or "incompatible" in line])
        found[program] = lists
    # Only this project says that there are chunks.
    found[mkfs][1] = [line.replace("chunked_file ", "") for line in found[mkfs][1]]
    results.check("the map of blocks has the lines of mkfs.erofs 1.9.4", found[mkfs][0] == found[peer][0] != [],
                  f"{found[mkfs][0][:3]} {found[peer][0][:3]}")
    written = []
    for program in (mkfs, peer):
        run(program, "--quiet", "--tar=i", f"--gzinfo={folder / 'zinfo'}", folder / "image", folder / "long.tgz")
        content = (folder / "zinfo").read_bytes()
        written.append([content[:12], *(content[start:start + 17 + 32768] for start in range(12, len(content), 17 + 32768))])
    # Where a stream starts nothing precedes, and it writes what it happens to have.
    same = len(written[0]) == len(written[1]) > 3 and all(
        own == its or own[:17] == its[:17] and not any(own[17:]) for own, its in zip(*written))
    results.check("--gzinfo writes what mkfs.erofs 1.9.4 writes", same, f"{[len(each) for each in written]}")
    results.check("the index has the block size and the features of mkfs.erofs 1.9.4", found[mkfs][1] == found[peer][1],
                  f"{found[mkfs][1]} {found[peer][1]}")


def piped(command, archive):
    with subprocess.Popen(["cat", archive], stdout=subprocess.PIPE) as writer:
        made = subprocess.run(command, stdin=writer.stdout, capture_output=True, text=True)
        writer.stdout.close()
        # A writer that is ended by a signal would fail a pipeline.
        if writer.wait() != 0 and made.returncode == 0:
            made.returncode, made.stderr = 1, "the archive was not read to its end"
        return made


def checksum(block):
    block[148:156] = b" " * 8
    block[148:156] = b"%06o\0 " % sum(block)


def hostile(results, mkfs, folder, count):
    """Archives with wrong bytes in their headers, mostly with right sums."""
    chance = random.Random(19)
    tree = folder / "small"
    tree.mkdir()
    script = """
        mkdir -p d/e; echo text > d/file; ln d/file hard; ln -s d/file link; mkfifo fifo
        truncate -s 200000 sparse; echo x >> sparse; truncate -s 300000 sparse; setfattr -n user.a -v b d
        echo long > d/$(printf '%0150d' 0); [ $(id -u) != 0 ] || mknod null c 1 3; : > .wh.gone
        """
    subprocess.run(["sh", "-c", script], cwd=tree, check=True, stderr=subprocess.DEVNULL)
    originals = [subprocess.run(shlex.split(writer), cwd=tree, check=True, stdout=subprocess.PIPE).stdout
                 for writer in ("tar -c -S -H gnu .", "tar -c -S -H pax --xattrs .", "tar -c -H ustar --exclude=000* .",
                                "tar -c -S -H pax --sparse-version=0.1 .")]
    archive, image, map_file = folder / "hostile", folder / "hostile-image", folder / "hostile-map"
    outcomes = {0: 0, 1: 0}
    before = {path.name for path in folder.iterdir()} | {archive.name, image.name, map_file.name}
    for _ in range(count):
        original = chance.choice(originals).rstrip(b"\0") + bytes(1024)
        content = bytearray(original + bytes(-len(original) % 512))
        for _ in range(chance.randint(1, 3)):
            start = chance.randrange(len(content) // 512) * 512
            block = content[start:start + 512]
            is_header = block[257:262] == b"ustar"
            for _ in range(chance.randint(1, 4)):
                # Digits mostly, as numbers are made of them.
                block[chance.randrange(512)] = chance.choice([chance.randrange(256), chance.randrange(48, 58), 0, 0xFF])
            if is_header and chance.random() < 0.8:
                checksum(block)
            content[start:start + 512] = block
        if chance.random() < 0.1:
            del content[chance.randrange(len(content)):]
        archive.write_bytes(content)
        options = ["--quiet", "--tar=f", "--workers=1"] + chance.choice([
            [], ["--aufs"], ["-zlz4"], ["-b512"], ["--tar=i"], ["--tar=headerball"], [f"--tar=i,{map_file}"], ["-Ededupe"],
            ["-zlz4", "-Ededupe"]])
        try:
            made = subprocess.run(
                [mkfs, *options, image, *chance.choice([[archive], []])], stdin=open(archive, "rb"), capture_output=True,
                timeout=60, restore_signals=False,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (LARGEST_IMAGE, LARGEST_IMAGE)))
            good = made.returncode in outcomes and (made.returncode == 0 or b"<E> erofs: " in made.stderr)
            outcomes[made.returncode] = outcomes.get(made.returncode, 0) + 1
            text = f"status {made.returncode}: {made.stderr[-300:]}"
        except subprocess.TimeoutExpired:
            good, text = False, "takes more than a minute"
        if not good:
            kept = folder.parent / f"hostile-{chance.randrange(1 << 32):08x}.tar"
            kept.write_bytes(content)
            results.check("tar archives with wrong bytes", False, f"{kept}: {' '.join(options)}: {text}")
            return
    left = {path.name for path in folder.iterdir()} - before
    results.check(f"{count} tar archives with wrong bytes: no file is left", not left, str(left))
    results.check(f"{count} tar archives with wrong bytes: {outcomes[0]} images, {outcomes[1]} errors",
                  min(outcomes.values()) > count // 20)
