#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# build.sh CPU OUTDIR: the programs for one processor, and a root file system with them.
#
#   CPU       rv64, rv32, cortex-m3, or x86_64 (to test on a host)
#   OUTDIR/root         the tree
#   OUTDIR/bin/NAME     links to the one program, OUTDIR/userspace
#   OUTDIR/root.erofs   the tree as an image: LZ4, 64 KiB clusters
#   OUTDIR/root-lzma.erofs   the same with LZMA
#
# FORMAT=flat makes the program a bFLT file, which Linux maps from the file, once for all processes; a position-independent
# ELF file is copied for each process by kernels without an MMU (Documentation: README.md).
#
# Needs the Swift toolchain, whose clang and lld serve for all processors, and mkfs.erofs (of
# Scripts/install-peers.sh, or the system's); without one, or with NO_IMAGE set, there are no images. Takes half a minute.
set -euo pipefail
cpu=${1:?CPU} out=${2:?OUTDIR}
here=$(cd "$(dirname "$0")" && pwd)
tools=$(dirname "$(readlink -f "$(command -v swiftc)")")

case $cpu in
  rv64) triple=riscv64-none-none-eabi flags=(-march=rv64imac -mabi=lp64 -mcmodel=medany -msave-restore) page=4096 ;;
  rv32) triple=riscv32-none-none-eabi flags=(-march=rv32imac -mabi=ilp32 -mcmodel=medany -msave-restore) page=4096 ;;
  cortex-m3) triple=armv7em-none-none-eabi flags=(-mcpu=cortex-m3 -mfloat-abi=soft) page=4096 ;;
  x86_64) triple=x86_64-none-elf flags=(-mno-sse -mno-red-zone) page=4096 ;;
  *) echo "build.sh: no processor $cpu; there are rv64, rv32, cortex-m3 and x86_64" >&2; exit 2 ;;
esac
# A process has this much stack, and its arguments and environment lie on it (Sources/Shell/Execute.swift).
stack=28672

mkdir -p "$out/objects"
rm -rf "$out/root" "$out/bin"
clang_flags=()
for flag in "${flags[@]}"; do clang_flags+=(-Xcc "$flag"); done
[[ $cpu != cortex-m3 ]] || clang_flags+=(-target-cpu cortex-m3)

mapfile -t sources < <(find "$here/Sources" -name '*.swift' | sort)
"$tools/swiftc" -target "$triple" "${clang_flags[@]}" -swift-version 6 -wmo -parse-as-library -Osize \
  -enable-experimental-feature Embedded -Xfrontend -disable-stack-protector -Xfrontend -function-sections \
  -Xcc -ffreestanding -Xcc -fPIC -Xcc -fvisibility=hidden -import-objc-header "$here/Bridge/linux.h" \
  -module-cache-path "$out/objects/modules" -module-name Userspace \
  ${EXTRA_SWIFT_FLAGS:-} -c -o "$out/objects/userspace.o" "${sources[@]}"
"$tools/clang" -target "$triple" "${flags[@]}" -Os -ffreestanding -fno-builtin -fPIC -fvisibility=hidden \
  -ffunction-sections -fomit-frame-pointer -Wall -Wextra -c -o "$out/objects/start.o" "$here/Bridge/start.c"
objects=("$out/objects/start.o" "$out/objects/userspace.o")
if [[ $cpu == rv* ]]; then
  "$tools/clang" -target "$triple" "${flags[@]}" -c -o "$out/objects/frames.o" "$here/Bridge/frames.S"
  objects+=("$out/objects/frames.o")
fi
"$tools/ld.lld" -pie --no-dynamic-linker -z rodynamic -z stack-size=$stack -z max-page-size=$page --gc-sections --icf=all -O2 --no-rosegment \
  --build-id=none --hash-style=sysv -T "$here/Bridge/program.lds" -Map "$out/userspace.map" \
  -o "$out/userspace.elf" "${objects[@]}"
"$tools/llvm-objcopy" --strip-all "$out/userspace.elf" "$out/userspace"
python3 "$here/make-flat.py" $stack "$out/userspace.elf" "$out/userspace.flat"

[[ ${FORMAT:-elf} == elf ]] || mv "$out/userspace.flat" "$out/userspace"
# The tree: the program once, with all its names as hard links, and the folders that init mounts on.
mkdir -p "$out/root"/{bin,dev,etc,mnt,proc,sys,tmp}
cp "$out/userspace" "$out/root/bin/userspace"
ln -s root/bin "$out/bin"
for name in $(sed -n '/^private var names/,/^}/p' "$here/Sources/Main.swift" | grep -v '"""\|[{}]' | tr -d '\\'); do
  ln "$out/root/bin/userspace" "$out/root/bin/$name"
done
ln "$out/root/bin/userspace" "$out/root/init"
rm "$out/root/bin/userspace"

EROFS_PEERS=${EROFS_PEERS-$("$here/../../../Scripts/install-peers.sh" 2>/dev/null || true)}
mkfs=${EROFS_PEERS:+$EROFS_PEERS/bin/}mkfs.erofs
if [[ -n ${NO_IMAGE:-} ]] || ! command -v "$mkfs" >/dev/null; then exit 0; fi
# image NAME OPTION...: from an empty time stamp, so that the same sources give the same image.
image() {
  "$mkfs" --quiet -C65536 -T0 --all-root -Eztailpacking "${@:2}" "$out/$1" "$out/root" >"$out/mkfs.log" 2>&1 ||
    { cat "$out/mkfs.log" >&2; exit 1; }
}
image root.erofs -zlz4hc,12
if "$mkfs" --help 2>&1 | grep lzma >/dev/null; then image root-lzma.erofs -zlzma,9; fi
