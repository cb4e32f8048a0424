# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
"""The images that are made for a check, and lists of images."""

import random
import struct

from .. import images


def example_image(folder):
    """The image that the examples are linked with."""
    tree = folder / "example"
    (tree / "etc").mkdir(parents=True)
    (tree / "bin").mkdir()
    (tree / "etc/motd").write_text("".join(f"line {i} of the message of the day\n" for i in range(300)))
    (tree / "etc/message").symlink_to("/bin/../etc/motd")
    for name in ("cat", "ls", "sh"):
        (tree / "bin" / name).write_text(name * 3000)
    # Machine code that doubles a number, in files of a block that do not compress.
    (tree / "code").mkdir()
    for name, code in (("thumb", "00187047"), ("riscv", "2a958280")):
        (tree / "code" / name).write_bytes(bytes.fromhex(code) + random.Random(name).randbytes(4092))
    images.make(folder / "example.erofs", tree, "-zlz4hc", "-C16384", "-Uclear")


SMALL = {
    "lz4": "-b512 -zlz4hc -Eztailpacking -x1",
    "lzma": "-b512 -zlzma -C4096 -Efragments",
    "deflate": "-b1024 -zdeflate -C4096 -Eztailpacking",
    "zstd": "-b512 -zzstd -C4096 -Efragments",
    "metabox": "-b512 -m4096:lz4 -E48bit -zzstd -C4096 -Efragments",
    "chunks": "-b512 --chunksize=1024 -Eforce-chunk-indexes",
}


def small_images(folder):
    """Small images of one tree, one for each codec and layout, to be broken."""
    tree = folder / "tree"
    tree.mkdir()
    source = random.Random(7)
    words = [bytes(source.randrange(97, 123) for _ in range(source.randrange(2, 9))) for _ in range(80)]
    for name, size in (("a", 0), ("text", 9000), ("more-text", 3000), ("short", 70)):
        (tree / name).write_bytes(b" ".join(source.choice(words) for _ in range(size))[:size])
    (tree / "noise").write_bytes(source.randbytes(1500))
    (tree / "zeros").write_bytes(bytes(5000))
    (tree / "inner/deep").mkdir(parents=True)
    for i in range(12):
        (tree / f"inner/file-{i}").write_bytes(b"%d" % i * 40)
    (tree / "inner/deep/link").symlink_to("../../text")
    made = {}
    for name, options in SMALL.items():
        image = folder / f"{name}.erofs"
        images.make(image, tree, "-Uclear", *options.split())
        if image.stat().st_size <= 65536:
            made[name] = image
    return made


def list_of_images(output, paths):
    """Images in one file, as Firmware/BadImages/KnownImages.swift reads them: their lengths, and each in whole blocks."""
    block = 4096
    contents = [path.read_bytes() for path in paths]
    lengths = struct.pack(f"<{len(contents) + 1}I", *map(len, contents), 0)
    assert len(lengths) <= block
    output.write_bytes(b"".join(part + bytes(-len(part) % block) for part in [lengths, *contents]))
