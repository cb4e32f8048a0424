#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# build-documentation.sh [OPTION...]: builds the DocC pages of the library's modules in .build-documentation; fails on
# any warning of DocC. The options are those of `swift build` for EROFSTools: an existing build folder saves time.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/.build-documentation
options=("$@")
((${#options[@]})) || options=(--scratch-path "$out/package")
docc=$(dirname "$(readlink -f "$(command -v swiftc)")")/docc
graphs=$out/graphs
rm -rf "$graphs" && mkdir -p "$graphs"

# folder MODULE: where its sources are.
folder() {
  case $1 in
    EROFSTools) echo "Sources/Host/$1" ;;
    EROFSFirmware) echo Platforms/BareMetal/Library ;;
    *) echo "Sources/Core/$1" ;;
  esac
}

# These modules import each other only, in this order. They are compiled apart for this host: SwiftPM would build the
# firmware's module for bare metal only, and would not say where it writes symbol graphs.
alone=(PageVectors Codecs EROFS EROFSFirmware)
for module in "${alone[@]}"; do
  mapfile -d '' files < <(find "$(folder "$module")" -name '*.swift' -print0)
  swiftc -swift-version 6 -package-name swift-erofs -parse-as-library -module-name "$module" -I "$graphs" \
    -emit-module -emit-module-path "$graphs/$module.swiftmodule" -emit-symbol-graph -emit-symbol-graph-dir "$graphs" \
    -symbol-graph-minimum-access-level public "${files[@]}" 2>&1 | grep -E 'error:' || true
done

# EROFSTools imports modules of C libraries and of another package, so SwiftPM builds it.
if ! swift build "${options[@]}" --target EROFSTools >"$out/build.log" 2>&1; then
  tail -n 30 "$out/build.log"
  exit 1
fi
binaries=$(swift build "${options[@]}" --show-bin-path)
# The modules of C libraries: this package's, and the checkout's beside the build.
includes=()
for folder in Sources/Libraries/* "$binaries"/../../checkouts/swift-system/Sources/CSystem/include; do
  includes+=(-I "$folder")
done
target=$(swiftc -print-target-info | sed -n 's/.*"triple": "\(.*\)",/\1/p' | head -n 1)
swift symbolgraph-extract -module-name EROFSTools -target "$target" -I "$binaries/Modules" "${includes[@]}" \
  -minimum-access-level public -output-dir "$graphs" >"$out/extract.log" 2>&1 || { cat "$out/extract.log"; exit 1; }

status=0
modules=("${alone[@]}" EROFSTools)
for module in "${modules[@]}"; do
  rm -rf "$out/in/$module" && mkdir -p "$out/in/$module"
  cp "$graphs/$module".symbols.json "$graphs/$module"@*.symbols.json "$out/in/$module/" 2>/dev/null || true
  "$docc" convert "$(folder "$module")/$module.docc" --additional-symbol-graph-dir "$out/in/$module" \
    --fallback-display-name "$module" --fallback-bundle-identifier "swift-erofs.$module" \
    --output-path "$out/$module" --warnings-as-errors >"$out/$module.log" 2>&1 || {
    status=1
    cat "$out/$module.log"
  }
done
[[ $status != 0 ]] || echo "documentation of ${modules[*]} in ${out##*/}"
exit $status
