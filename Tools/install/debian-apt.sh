# SPDX-License-Identifier: GPL-2.0-or-later OR Apache-2.0
# For scripts to source: packages of other Debian suites, without touching the system and without root.
#
# debian_apt FOLDER SUITE...: points apt at lists and a cache of its own in FOLDER/apt, in which nothing is installed, and
# brings the lists up to date. SUITE is a suite's name, asked of the mirror that this machine's apt uses for its own
# release, or "own" for all suites of that release that this machine has, from where it has them. Apt checks Debian's keys
# as ever. Fails with a word on systems that are not Debian, and without network.
debian_apt() {
  local work=$1 suite mirror
  shift
  (. /etc/os-release && [[ $ID == debian ]]) || { echo "packages come from Debian; this is another system" >&2; return 1; }
  local release
  release=$(. /etc/os-release && echo "$VERSION_CODENAME")
  local targets
  # Others' sources may go by the same release, but not by Debian's keys.
  targets=$(apt-get indextargets --format '$(SITE) $(RELEASE)' 'Created-By: Packages' 'Origin: Debian' 'Component: main' |
    sort -u)
  mirror=$(awk -v release="$release" '$2 == release { print $1; exit }' <<<"$targets")
  [[ -n $mirror ]] || { echo "apt has no source for $release" >&2; return 1; }
  mkdir -p "$work"/apt/{lists,archives}/partial "$work/apt/parts"
  : >"$work/apt/status"
  for suite in "$@"; do
    if [[ $suite == own ]]; then
      awk -v release="$release" 'index($2, release) == 1' <<<"$targets"
    else
      echo "$mirror $suite"
    fi
  done | sed 's|.*|deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] & main|' >"$work/apt/sources.list"
  cat >"$work/apt/conf" <<CONF
Dir::Etc::SourceList "$work/apt/sources.list";
Dir::Etc::SourceParts "$work/apt/parts";
Dir::State "$work/apt";
Dir::State::Lists "$work/apt/lists";
Dir::State::status "$work/apt/status";
Dir::Cache "$work/apt";
Acquire::Check-Valid-Until "false";
Acquire::Languages "none";
Acquire::Retries "3";
APT::Install-Recommends "false";
CONF
  # Root would become a user that cannot write here.
  [[ $(id -u) != 0 ]] || echo 'APT::Sandbox::User "root";' >>"$work/apt/conf"
  export APT_CONFIG=$work/apt/conf DEBIAN_FRONTEND=noninteractive
  apt-get update -qq </dev/null
}
