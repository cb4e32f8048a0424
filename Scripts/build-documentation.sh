#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# Builds the DocC pages of the library's modules into .build-documentation; fails on any warning of DocC.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$PWD/.build-documentation
docc=$(dirname "$(readlink -f "$(command -v swiftc)")")/docc
graphs=$out/graphs
rm -rf "$graphs" && mkdir -p "$graphs"
modules=(PageVectors Codecs EROFS)
# The compiler writes symbol graphs next to what it builds; the modules are small, so they are compiled apart for it.
for module in "${modules[@]}"; do
  mapfile -d '' files < <(find "Sources/Core/$module" -name '*.swift' -print0)
  swiftc -swift-version 6 -package-name swift-erofs -parse-as-library -module-name "$module" -I "$graphs" \
    -emit-module -emit-module-path "$graphs/$module.swiftmodule" -emit-symbol-graph -emit-symbol-graph-dir "$graphs" \
    -symbol-graph-minimum-access-level public "${files[@]}" 2>&1 | grep -E 'error:' || true
done
status=0
for module in "${modules[@]}"; do
  mkdir -p "$out/in/$module" && rm -f "$out/in/$module"/*
  cp "$graphs/$module".symbols.json "$graphs/$module"@*.symbols.json "$out/in/$module/" 2>/dev/null || true
  "$docc" convert "Sources/Core/$module/$module.docc" --additional-symbol-graph-dir "$out/in/$module" \
    --fallback-display-name "$module" --fallback-bundle-identifier "swift-erofs.$module" \
    --output-path "$out/$module" --warnings-as-errors >"$out/$module.log" 2>&1 || {
    status=1
    cat "$out/$module.log"
  }
done
[[ $status != 0 ]] || echo "documentation of ${modules[*]} in ${out##*/}"
exit $status
