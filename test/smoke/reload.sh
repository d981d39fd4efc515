#!/usr/bin/env bash
# SPDX-License-Identifier: BSD-3-Clause
# A bad configuration changes nothing, with reload and at start; a good one keeps sessions.
. "$(dirname "$0")/init.sh"
start_lab
daemon=$ISTHMUS_BUILD/app/isthmusd/isthmusd
conf=$lab_dir/isthmus.conf
cp "$conf" "$lab_dir/good.conf"

# bad NAME SED-SCRIPT PATTERN: the broken file is refused with one error that names the place.
bad() {
  local status=0 answer
  sed "$2" "$lab_dir/good.conf" >"$conf"
  cmp -s "$conf" "$lab_dir/good.conf" && fail "$1: the edit changed nothing"
  answer=$("$daemon" -c "$conf" --check-config 2>&1) || status=$?
  same "$status" 2 "$1: exit status of --check-config"
  expect "$answer" "$conf:[0-9]+: .*$3"
  ! ctl reload >"$lab_dir/answer" 2>&1 || fail "$1: reload accepted it"
  expect "$(cat "$lab_dir/answer")" "$3"
  expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
}
bad "wrong type" 's/megabytes = 512/megabytes = "many"/' megabytes
bad "unknown option" 's/buffers =/bufers =/' bufers
bad "illegal prefix length" 's|:fffe::/96|:fffe::/80|' prefix
bad "ports backwards" 's/1024-65535/65535-1024/' ports
bad "syntax error" 's/^ports = (/ports = ((/' ''

rm "$conf"
status=0
answer=$("$daemon" -c "$conf" --check-config 2>&1) || status=$?
same "$status" 2 "exit status with a missing file"
expect "$answer" "$conf"

# A change that may be applied live is, and a flow that was there goes on: the same binding answers.
cp "$lab_dir/good.conf" "$conf"
before=$(ctl show bindings | wc -l)
sed -i 's/^nat64 = (/nat64 = ( /' "$conf"
ctl reload
[ "$(ctl show bindings | wc -l)" -ge "$before" ] || fail "reload lost bindings"
expect "$(on client curl -sS -m 10 "http://www.$domain/whoami")" 'you are 203'
