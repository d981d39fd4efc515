# SPDX-License-Identifier: BSD-3-Clause
# Sourced by the other scripts: messages, and waiting for a condition.
# shellcheck shell=bash disable=SC2034  # for those who source this file

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)

if [ -t 1 ]; then
  bold=$'\e[1m' red=$'\e[31m' green=$'\e[32m' dim=$'\e[2m' plain=$'\e[0m'
else
  bold='' red='' green='' dim='' plain=''
fi

say() { printf '%s\n' "$*"; }
heading() { printf '\n%s== %s ==%s\n' "$bold" "$*" "$plain"; }
warn() { printf '%s: %s\n' "${0##*/}" "$*" >&2; }
die() {
  printf '%s%s: %s%s\n' "$red" "${0##*/}" "$*" "$plain" >&2
  exit 1
}

need_root() {
  [ "$(id -u)" = 0 ] || die "needs root (network namespaces, packages): run it with sudo"
}

# wait_until SECONDS "what for" COMMAND...: polls until COMMAND succeeds; fails with a sentence.
wait_until() {
  local seconds=$1 what=$2 end
  shift 2
  end=$((SECONDS + seconds))
  until "$@" >/dev/null 2>&1; do
    if [ "$SECONDS" -ge "$end" ]; then
      warn "waited ${seconds} s for $what in vain: $*"
      return 1
    fi
    sleep 0.05
  done
}

# A zombie is not alive: its parent may be a PID 1 that never reaps.
# Read once: a process that ends between two looks would be alive for a moment after its death.
alive() { sed -n 's/^State:[[:space:]]*//p' "/proc/$1/status" 2>/dev/null | grep -q '^[^ZX]'; }
