#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# Every section and rule of Documentation/Format.md that a tracked file cites exists, and citations have one form:
# "Format.md, section N" or "Format.md, section N.M"; rules are cited by id, as R-SB-1.
set -euo pipefail
cd "$(dirname "$0")/.."
format=Documentation/Format.md

sections=" $(grep -oE '^##+ [0-9]+(\.[0-9]+)?' "$format" | awk '{ print $2 }' | tr '\n' ' ')"
rules=" $(grep -oE '^\| R-[A-Z]+-[0-9]+ ' "$format" | awk '{ print $2 }' | tr '\n' ' ')"
own='Format\.md, section [0-9]+(\.[0-9]+)?'

bad=0 count=0
# complain PLACE TEXT
complain() { echo "  $1: $2"; bad=1; }

# cited PATTERN FOLDER...: "file:line:citation" for each; text in this file would cite nothing.
cited() {
  local pattern=$1
  shift
  git grep -nIoE --untracked "$pattern" -- "$@" ':!Scripts/check-citations.sh' || true
}

while IFS= read -r hit; do
  count=$((count + 1))
  section=${hit##* }
  [[ $sections == *" $section "* ]] || complain "${hit%:*}" "Format.md has no section $section"
done < <(cited "$own" .)

while IFS= read -r hit; do
  count=$((count + 1))
  rule=${hit##*:}
  [[ $rules == *" $rule "* ]] || complain "${hit%:*}" "Format.md has no rule $rule"
done < <(cited '\bR-[A-Z]+-[0-9]+\b' Sources Platforms Tests Fuzzing Benchmarks)

# A section of the format without the document's name.
while IFS= read -r hit; do
  complain "${hit%:*}" "cite as \"Format.md, section N\""
done < <(cited "format(, |'s \()section [0-9.]+" Sources Platforms Tests Fuzzing Benchmarks)

# The document's own references, its table of rules, and its table of contents.
while IFS= read -r section; do
  [[ $sections == *" $section "* ]] || complain "$format" "it has no section $section itself"
done < <(grep -oE '[Ss]ections? [0-9]+(\.[0-9]+)?' "$format" | awk '{ print $2 }')
while IFS='|' read -r _ rule _ section _; do
  section=${section// /}
  [[ $sections == *" $section "* ]] || complain "$format" "rule${rule% }: it has no section $section"
done < <(grep -E '^\| R-[A-Z]+-[0-9]+ ' "$format")
twice=$(grep -oE '^(##+ [0-9]+(\.[0-9]+)?|\| R-[A-Z]+-[0-9]+) ' "$format" | sort | uniq -d)
[[ -z $twice ]] || complain "$format" "number or id given twice: $twice"
while IFS= read -r anchor; do
  grep -E '^##+ ' "$format" | sed -E 's/^#+ //' | tr 'A-Z' 'a-z' | sed -E 's/[^a-z0-9 -]//g; s/ /-/g' | grep -qxF "$anchor" ||
    complain "$format" "no heading for the link #$anchor"
done < <(grep -oE '\]\(#[^)]*\)' "$format" | sed -E 's/^\]\(#//; s/\)$//')

# The cases of Defect and Feature that the table names.
while IFS= read -r name; do
  git grep -qE --untracked "^ *case .*\b$name\b" -- Sources/Core || complain "$format" "no error is called $name"
done < <(grep -E '^\| R-' "$format" | grep -oE '(Defect|Feature)\.[a-zA-Z]+' | cut -d. -f2 | sort -u)

[[ $count -gt 0 ]] || complain "$format" "nothing cites it: this check looks for the wrong thing"
exit "$bad"
