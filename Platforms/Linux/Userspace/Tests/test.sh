#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# test.sh FOLDER: builds the programs for all processors in FOLDER and tests them. The last line counts.
#
# On this machine they are compared with dash and GNU's tools; for other processors the commands are, under qemu's user
# emulation, where a program cannot start another one. A kernel without an MMU is for Platforms/Linux/Tests.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
folder=${1:?FOLDER}
passed=0 failed=0 skipped=0
# The root file system of rv32, as issue and README promise it.
limit=65536

# counted WHAT COMMAND...: adds what the last line of its output says.
counted() {
  local log=$folder/log what=$1
  shift
  "$@" >"$log" 2>&1
  local status=$? line
  line=$(tail -n 1 "$log")
  if [[ $line =~ ^([0-9]+)\ passed,\ ([0-9]+)\ failed$ ]]; then
    passed=$((passed + BASH_REMATCH[1])) failed=$((failed + BASH_REMATCH[2]))
    echo "  $what: $line"
    [[ ${BASH_REMATCH[2]} == 0 ]] || head -n 40 "$log"
  else
    failed=$((failed + 1))
    echo "  $what: exit status $status"
    tail -n 20 "$log"
  fi
}
check() {
  if "${@:2}"; then passed=$((passed + 1)); else
    failed=$((failed + 1))
    echo "  FAILED $1"
  fi
}
skip() {
  skipped=$((skipped + 1))
  echo "  SKIPPED $1"
}

mkdir -p "$folder"
for cpu in x86_64 rv32 rv64 cortex-m3; do
  if "$here/../build.sh" "$cpu" "$folder/$cpu" >"$folder/log" 2>&1; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    echo "  FAILED build for $cpu"
    tail -n 20 "$folder/log"
  fi
done

if [[ $(uname -m) != x86_64 || $(uname -s) != Linux ]]; then
  skip "userspace against dash and GNU: this machine does not run x86-64 programs for Linux"
elif ! [[ -x /bin/dash ]]; then
  skip "userspace against dash and GNU: there is no dash"
else
  counted "against dash and GNU" python3 "$here/compare.py" "$folder/x86_64"
  seed=${SEED:-$((RANDOM << 15 | RANDOM))}
  counted "hostile input (SEED=$seed)" python3 "$here/fuzz.py" "$folder/x86_64" 15 "$seed"
  counted "terminal" python3 "$here/terminal.py" "$folder/x86_64"
  counted "trees" python3 "$here/trees.py" "$folder/x86_64"
fi
for pair in rv32:qemu-riscv32 rv64:qemu-riscv64 cortex-m3:qemu-arm; do
  if command -v "${pair#*:}" >/dev/null; then
    counted "${pair%:*} against GNU" python3 "$here/compare.py" "$folder/${pair%:*}" --emulator "${pair#*:}"
  else
    skip "userspace for ${pair%:*}: there is no ${pair#*:}"
  fi
done

if [[ -e $folder/rv32/root.erofs ]]; then
  echo "  rv32: program $(stat -c %s "$folder/rv32/userspace") bytes"
  for image in root.erofs root-lzma.erofs; do
    size=$(stat -c %s "$folder/rv32/$image" 2>/dev/null)
    if [[ -z $size ]]; then
      skip "size of $image: mkfs.erofs has no LZMA"
      continue
    fi
    echo "  rv32: $image: $size bytes"
    check "$image of rv32 is larger than $limit bytes: $size" test "$size" -le $limit
  done
else
  skip "size of the root: there is no mkfs.erofs"
fi
[[ $skipped == 0 ]] && rest= || rest=", $skipped skipped"
echo "$passed passed, $failed failed$rest"
[[ $failed == 0 ]]
