# SPDX-License-Identifier: BSD-3-Clause
# Sourced first by every smoke test: brings a lab of its own up and takes it down again, whatever
# happens. A failing command ends the test; the logs and packet captures are kept then.
# shellcheck shell=bash disable=SC2034  # sourced: readers are elsewhere

set -Eeuo pipefail
smoke_name=$(basename "$0" .sh)
export LAB=smoke-$smoke_name
smoke_root=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
. "$smoke_root/scripts/common.sh"
# shellcheck source=../../scripts/lab.d/plan.sh
. "$smoke_root/scripts/lab.d/plan.sh"
# shellcheck source=../../scripts/lab.d/servers.sh
. "$smoke_root/scripts/lab.d/servers.sh"
echo_py=$smoke_root/scripts/lab.d/echo.py

skip() {
  say "skipped: $*"
  exit 77
}
[ "$(id -u)" = 0 ] || skip "needs root"
for tool in ip nginx unbound wireguard-go traceroute tcpdump iperf3 dig curl; do
  command -v "$tool" >/dev/null || skip "needs $tool (scripts/setup lab)"
done
[ -n "${ISTHMUS_BUILD:-}" ] || die "set ISTHMUS_BUILD to the build directory"

lab() { "$smoke_root/scripts/lab" "$@"; }
ctl() { lab ctl "$@"; }
# on NS COMMAND...
on() { in_ns "$@"; }

# end PID: ends a process of the test's own.
end() { kill "$1" 2>/dev/null || true; }

fail() {
  say "FAILED: $*"
  exit 1
}
# expect TEXT PATTERN: an extended regular expression must match.
expect() { grep -qE -- "$2" <<<"$1" || fail "expected /$2/ in: $1"; }
refuse() { ! grep -qE -- "$2" <<<"$1" || fail "did not expect /$2/ in: $1"; }
same() { [ "$1" = "$2" ] || fail "${3:-values differ}: found '$1', expected '$2'"; }

# The IPv6 address that stands for an IPv4 address.
synthesised() {
  python3 -c 'import ipaddress, sys
print(ipaddress.IPv6Address(int(ipaddress.IPv6Address(sys.argv[1]))
                            + int(ipaddress.IPv4Address(sys.argv[2]))))' "$prefix" "$1"
}

# json COMMAND... -- EXPRESSION: runs isthmusctl --json and evaluates a Python expression on `rows`
# (the answer's lines, parsed) and `answer` (the first of them).
json() {
  local words=()
  while [ "$1" != -- ]; do
    words+=("$1")
    shift
  done
  ctl --json "${words[@]}" | python3 -c 'import json, sys
rows = [json.loads(line) for line in sys.stdin if line.strip()]
answer = rows[0] if rows else None
print(eval(sys.argv[1]))' "$2"
}

captures() {
  local interface
  for interface in gw6 gw6n gw4; do
    in_ns gateway setsid tcpdump -q -n -U -s 200 -c 100000 -i "$interface" \
      -w "$lab_dir/$interface.pcap" >/dev/null 2>&1 </dev/null &
  done
}

sanitizer_reports() {
  grep -E 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$lab_dir"/isthmusd.log
}

keep_evidence() {
  local where=$ISTHMUS_BUILD/meson-logs/smoke-$smoke_name
  rm -rf "$where"
  mkdir -p "$where"
  cp "$lab_dir"/*.log "$lab_dir"/*.conf "$lab_dir"/*.pcap "$where" 2>/dev/null || true
  for what in "show counters" "show drops" "show sessions" "show neighbours" "show routes"; do
    # shellcheck disable=SC2086  # words on purpose
    timeout 10 "$smoke_root/scripts/lab" ctl $what >"$where/${what// /-}.txt" 2>&1 || true
  done
  say "evidence is in $where; the end of isthmusd's log:"
  tail -n 25 "$lab_dir/isthmusd.log" 2>/dev/null || true
}

endings=()
# at_end COMMAND...: run when the test ends, however it does, before the lab goes. Its failure is the
# test's. A trap of one's own would hide the status that the test ended with.
at_end() { endings+=("$(printf '%q ' "$@")"); }

finish() {
  local status=$? ending
  trap - EXIT ERR
  for ending in "${endings[@]}"; do eval "$ending" || status=1; done
  [ $status = 0 ] || [ $status = 77 ] || keep_evidence
  if [ -d "$lab_dir" ]; then
    lab gateway stop || status=1
    if sanitizer_reports; then
      [ $status != 0 ] || keep_evidence
      status=1
    fi
    lab down
  fi
  exit $status
}

# end_on_router PROGRAM: ends what runs there by that name, and waits until it is gone.
runs_on_router() {
  local pid
  for pid in $(ip netns pids "$(ns router)"); do
    [ "$(cat "/proc/$pid/comm" 2>/dev/null)" != "$1" ] || echo "$pid"
  done
}
gone_from_router() { [ -z "$(runs_on_router "$1")" ]; }
end_on_router() {
  local pid
  for pid in $(runs_on_router "$1"); do end "$pid"; done
  wait_until 10 "$1 to end" gone_from_router "$1"
}

# start_lab: ends in a lab that answers. LAB_WORKERS and the like are honoured.
start_lab() {
  trap finish EXIT
  trap 'say "FAILED at ${BASH_SOURCE[0]##*/}:$LINENO: $BASH_COMMAND"' ERR
  lab down
  lab up
  captures
}
