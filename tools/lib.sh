# shellcheck shell=bash
# What the scripts of this folder share. Sourced, never run: . "$(dirname "$0")/lib.sh"

set -euo pipefail

SIGNET_TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

# say WORDS… : a progress line, with the seconds since the script began.
say() { printf '[%4ds] %s\n' "$SECONDS" "$*"; }

# die WORDS… : why nothing more can be done, and what to do about it.
die() {
  printf '%s: %s\n' "${0##*/}" "$*" >&2
  exit 1
}

# listed NAME… : the packages of tools/packages/NAME.txt, one a line.
listed() {
  local name
  for name in "$@"; do sed -e 's/#.*//' -e '/^[[:space:]]*$/d' "$SIGNET_TOP/tools/packages/$name.txt"; done
}

# installed PACKAGE : true when dpkg knows it as installed. An npm from elsewhere is as good as Debian's, which would conflict with it.
installed() {
  [ "$1" = npm ] && command -v npm >/dev/null && return 0
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

# need_packages NAME… : installs what the lists name and is missing; without root, says exactly what that is and ends.
need_packages() {
  local missing=() package
  command -v dpkg-query >/dev/null || die "this script knows Debian 12 only; elsewhere install the packages of tools/packages/ by hand"
  while read -r package; do
    installed "$package" || missing+=("$package")
  done < <(listed "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" != 0 ]; then
    die "missing packages; type as root: apt-get install --no-install-recommends ${missing[*]}"
  fi
  say "installing ${#missing[@]} Debian packages: ${missing[*]}"
  local log
  log=$(mktemp)
  if ! { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install --no-install-recommends "${missing[@]}"; } \
      >"$log" 2>&1; then
    tail -n 20 "$log" >&2
    rm -f "$log"
    die "apt-get failed; mend that and run $0 again"
  fi
  rm -f "$log"
}

# cores : how many jobs a build may run.
cores() { nproc; }
