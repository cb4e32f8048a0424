#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# linux-source.sh RELEASE FOLDER: unpacks Debian's linux-source-RELEASE to FOLDER/source-VERSION and leaves a link
# FOLDER/source-RELEASE to it. This machine's own suites are asked, and sid; nothing is installed.
set -euo pipefail
release=$1 folder=$2
mkdir -p "$folder"
work=$(mktemp -d "$folder/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
. "$(dirname "$0")/debian-apt.sh"
debian_apt "$work" own sid
version=$(apt-cache policy "linux-source-$release" | awk '/Candidate:/ { print $2 }')
[[ -n $version && $version != "(none)" ]] || { echo "Debian has no linux-source-$release any more" >&2; exit 1; }
(cd "$work" && apt-get download -qq "linux-source-$release" >/dev/null)
mkdir "$work/tree"
dpkg-deb --fsys-tarfile "$work"/linux-source-*.deb | tar -x --to-stdout "./usr/src/linux-source-$release.tar.xz" |
  tar -xJ --strip-components=1 -C "$work/tree"
[[ -e $folder/source-$version ]] || mv "$work/tree" "$folder/source-$version"
ln -sfn "source-$version" "$folder/source-$release"
