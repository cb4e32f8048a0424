#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# packages.sh WHO...: installs the packages that packages.txt lists for WHO, with apt-get, and prints which. If none
# is missing, it prints nothing and needs neither network nor root.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)

missing=()
while read -r package sign who; do
  [[ $package == '#'* || -z $package ]] && continue
  wanted=
  for one in $who; do [[ " $* " == *" $one "* ]] && wanted=yes; done
  [[ $wanted ]] || continue
  if [[ $sign == /* ]]; then [[ -e $sign ]] && continue; else command -v "$sign" >/dev/null && continue; fi
  missing+=("$package")
done <"$here/packages.txt"
((${#missing[@]})) || exit 0

echo "installing: ${missing[*]}"
command -v apt-get >/dev/null || { echo "no apt-get here: install them in this system's own way" >&2; exit 1; }
as_root=()
if [[ $(id -u) != 0 ]]; then
  command -v sudo >/dev/null || { echo "not root, and no sudo: install them first" >&2; exit 1; }
  as_root=(sudo -n)
fi
export DEBIAN_FRONTEND=noninteractive
install() { "${as_root[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" </dev/null >/dev/null; }
# The lists may be older than the mirror: refresh them once before giving up.
install 2>/dev/null || { "${as_root[@]}" apt-get update -qq </dev/null && install; }
