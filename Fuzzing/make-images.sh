#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# make-images.sh: makes the small images of Corpus/image with the newest mkfs.erofs, which needs root for the devices and
# the trusted attributes in them. What is checked in was made like this; another mkfs.erofs makes other bytes.
set -euo pipefail
cd "$(dirname "$0")"
peers=$(../Tools/install/peers.sh)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
tree=$work/tree
rm -rf Corpus/image
mkdir -p "$tree/sub/deep" Corpus/image
python3 - "$tree" <<'PYTHON'
import os, random, sys
tree = sys.argv[1]
random.seed(1)
words = ["page ", "frame ", "extent ", "superblock\n", "cluster, "]
text = "".join(random.choice(words) for _ in range(1500)).encode()
def put(name, data):
    with open(os.path.join(tree, name), "wb") as file:
        file.write(data)
put("empty", b"")
put("short", b"a short file\n")
put("text", text[:3000])
put("sub/same", text[:3000])
put("sub/shifted", b"x" + text[:2400] + bytes(random.randrange(256) for _ in range(300)))
put("noise", bytes(random.randrange(256) for _ in range(800)))
put("zeros", bytes(3000))
with open(os.path.join(tree, "sparse"), "wb") as file:
    file.write(text[:700])
    file.truncate(9000)
for i in range(12):
    put(f"sub/deep/a-rather-long-name-{i:03}", b"%d" % i)
os.symlink("sub/deep/nowhere", os.path.join(tree, "link"))
os.link(os.path.join(tree, "short"), os.path.join(tree, "hard"))
os.mkfifo(os.path.join(tree, "fifo"))
os.mknod(os.path.join(tree, "device"), 0o20600, os.makedev(5, 1))
for i, name in enumerate(["short", "text", "sub"]):
    os.setxattr(os.path.join(tree, name), "user.note", b"the same")
    os.setxattr(os.path.join(tree, name), "trusted.overlay.opaque", b"%d" % i)
os.setxattr(os.path.join(tree, "sub"), "security.selinux", b"system_u:object_r:etc_t:s0")
PYTHON
while read -r name options; do
  # shellcheck disable=SC2086
  "$peers/bin/mkfs.erofs" --quiet -T1700000000 --mkfs-time -U00000000-0000-4000-8000-000000000001 $options \
    "Corpus/image/$name" "$tree"
done <<'LIST'
plain            -b512
plain-4096       -b4096
chunks           -b512 --chunksize=1024
48bit            -b512 -E48bit
lz4              -b512 -zlz4 -x1 --xattr-prefix=trusted.overlay. -Exattr-name-filter
legacy           -b512 -zlz4hc -C2048 -Elegacy-compress
lzma             -b512 -zlzma -C4096 -Eztailpacking
deflate          -b512 -zdeflate,9 -C4096
zstd             -b512 -zzstd,19 -C4096
tail             -b512 -zlz4hc -C1024 -Eztailpacking,legacy-compress
fragments        -b512 -zzstd -C2048 -Efragments
all-fragments    -b512 -zlz4hc -C2048 -Eall-fragments,dedupe
dedupe           -b512 -zlz4hc -C1024 -Ededupe
metabox          -b512 -zzstd -C4096 -m4096:lz4
encoded          -b512 -E48bit -zlz4hc -C4096 --max-extent-bytes=8192
encoded-fragment -b512 -E48bit -zzstd -C4096 -Efragments
lz4-4096         -b4096 -zlz4hc
LIST
