#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# peers.sh [DIRECTORY]: unpacks, beside the system and without touching it, the newest packaged peers and a tree
# to measure with, from Debian sid:
#
#   DIRECTORY/bin       mkfs.erofs, fsck.erofs, dump.erofs, erofsfuse, started with their own loader and libraries
#   DIRECTORY/root      what they need, and the codec libraries
#   DIRECTORY/tree      a minimal Debian root tree (packages of priority "required", and apt), as unpacked
#   DIRECTORY/loader    path of the loader; DIRECTORY/libraries: the folders for its --library-path
#   DIRECTORY/versions  packages and versions
#
# The mirror is the one that this machine's apt uses for its own release, its keys are checked by apt as ever, and no
# root is needed. Prints DIRECTORY. Takes half a minute the first time and no network afterwards. Fails on systems that
# are not Debian, and without network: callers then use the system's own libraries, and say so.
set -euo pipefail
dir=${1:-${EROFS_PEERS:-${XDG_CACHE_HOME:-$HOME/.cache}/swift-erofs/peers}}
# What an older version of this script has unpacked lacks erofsfuse, which is better than nothing without network.
if [[ -e $dir/versions && (-e $dir/bin/erofsfuse || ${EROFS_OFFLINE:-} != "") ]]; then
  echo "$dir"
  exit 0
fi
[[ ${EROFS_OFFLINE:-} == "" ]] || { echo "EROFS_OFFLINE is set, and $dir is not there" >&2; exit 1; }

mkdir -p "$(dirname "$dir")"
work=$(mktemp -d "$dir.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir -p "$work"/{bin,root,tree}
. "$(dirname "$0")/debian-apt.sh"
debian_apt "$work" sid

# fetch PACKAGE...: downloads packages and all that they depend on, as for an empty system.
fetch() {
  rm -f "$work"/apt/archives/*.deb
  apt-get install -y -qq --download-only "$@" </dev/null >/dev/null
}
unpack() {
  # base-files first: it makes /bin and /lib the links that the others expect.
  for package in "$work"/apt/archives/base-files_*.deb "$work"/apt/archives/*.deb; do
    [[ ! -e $package ]] || dpkg-deb --extract "$package" "$1"
  done
}

required=$(apt-cache dumpavail | awk '/^Package: /{p=$2} /^Priority: required/{print p}' | sort -u)
fetch $required apt
unpack "$work/tree"
fetch base-files erofs-utils erofsfuse libdeflate0 liblz4-1 liblzma5 libzstd1 zlib1g libstdc++6 libgcc-s1 libc6
unpack "$work/root"

loader=$(cd "$work/root" && find usr -name 'ld-linux*.so.*' | sort | head -n 1)
folder=$(cd "$work/root" && dirname "$(find usr -name 'liblz4.so.1' | head -n 1)")
echo "$dir/root/$loader" >"$work/loader"
echo "$dir/root/$folder" >"$work/libraries"
for tool in mkfs.erofs fsck.erofs dump.erofs erofsfuse; do
  printf '#!/bin/sh\nexec %q --library-path %q %q "$@"\n' "$dir/root/$loader" "$dir/root/$folder" \
    "$dir/root/usr/bin/$tool" >"$work/bin/$tool"
  chmod +x "$work/bin/$tool"
done
for package in "$work"/apt/archives/*.deb; do dpkg-deb --show --showformat '${Package} ${Version}\n' "$package"; done |
  grep -E '^(erofs-utils|erofsfuse|lib(deflate0|lz4-1|lzma5|zstd1|c6)) ' >"$work/versions"
rm -rf "$work/apt" "$dir"
chmod 755 "$work"
mv "$work" "$dir"
trap - EXIT
echo "$dir"
