#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# Every tracked text file that can carry a comment names the licence in its first three lines.
set -euo pipefail
cd "$(dirname "$0")/.."
line='SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0'

bad=0
while IFS= read -r -d '' file; do
  case $file in
    LICENSE | LICENSES/* | *.json | *.jsonl | .swift-format | Package.resolved | */Corpus/* | */Fixtures/*) continue ;;
  esac
  [[ -f $file ]] && grep -Iq . "$file" || continue
  head -n 3 "$file" | grep -qF "$line" || { echo "  no licence line: $file"; bad=1; }
done < <(git ls-files -z --cached --others --exclude-standard)
for text in GPL-2.0-or-later Apache-2.0; do
  [[ -s LICENSES/$text.txt ]] || { echo "  no text of the licence: LICENSES/$text.txt"; bad=1; }
done
exit "$bad"
